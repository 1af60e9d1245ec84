#include "backends/host/linear_runner.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <type_traits>
#include <utility>

#include "backends/core/conv.h"
#include "backends/core/gemm.h"
#include "backends/core/linear_lowering.h"
#include "backends/host/linear/linear_work.h"
#include "backends/host/linear/multiplier.h"
#include "backends/host/ops/kernel_call.h"
#include "backends/host/own_convolution.h"

namespace jb::host {
namespace {

/// The type that a node's operands have on the host; binary16 and bfloat16 are widened.
DataType host_type(DataType type) { return type == DataType::f64 ? type : DataType::f32; }

KnownValue known(const GraphView& graph, int value) {
  return {graph.value(value).type, graph.value(value).dims, nullptr};
}

/// Elements of each channel: of Y (N M spatial), the rows of lowered A.
std::int64_t positions_of(const Dims& y) {
  return y[0] * elements_of(Dims(y.begin() + 2, y.end()));
}

/// Random numbers of one operand: those of the first are keyed by the node's name alone.
std::uint64_t scope_of(const NodeView& node, const LinearProduct& product, std::int64_t operand) {
  if (product.part.empty() && operand == 0) return tag_of(node.name);
  return tag_of(fmt::format("{}/{}/{}", node.name, product.part, operand));
}

/// "fc1", "lstm1/state": what shares the ranges that calibration samples give.
std::string family_of(const NodeView& node, const LinearProduct& product) {
  return product.part.empty() ? node.name : fmt::format("{}/{}", node.name, product.part);
}

/// Stored operands of one family of products.
struct Operands {
  LinearProduct product;
  std::string family;
  std::size_t input = 1;  ///< position of the input that holds them
  bool constant = false;
  std::vector<std::unique_ptr<Plan>> plans;  ///< empty when made as they are needed
  std::vector<bool> resident;                ///< of constant operands
};

class ProductRunner final : public LinearRunner {
 public:
  ProductRunner(Device* device, const GraphView& graph, const NodeView& node,
                const CompileOptions& options, MachineRoom& room);

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override;
  [[nodiscard]] std::string implementation() const override { return implementation_; }
  [[nodiscard]] bool holds(std::size_t position) const override;
  void add_converter_ranges(std::map<std::string, double>& ranges) const override;
  std::vector<Tensor> run(const std::vector<const Tensor*>& inputs, const Draw& draw,
                          Execution& execution, PeripheryWork& work, const NodeView* then) override;
  void estimate(const GraphView& bound, const NetworkStatistics* given, Activity& activity,
                PeripheryWork& work) const override;
  [[nodiscard]] Activity setup_with(const GraphView& bound,
                                    const NetworkStatistics& given) const override;

 private:
  template <class T>
  friend class PlanMultiplier;

  [[nodiscard]] PlanOptions plan_options(const Operands& operands, std::int64_t operand) const;
  void plan_operands(const GraphView& graph, Operands& operands, MachineRoom& room);
  /// Those of a part's products; default statistics where no count of the machine depends on data.
  [[nodiscard]] OperandStatistics statistics_of(const NetworkStatistics* given, std::size_t part,
                                                const GemmShape& shape) const;
  bool plan_own_convolution(const GraphView& graph, Operands& operands);
  template <class T>
  void make_plans(Operands& operands, const Tensor& constant);
  template <class T>
  std::vector<Tensor> run_typed(const std::vector<const Tensor*>& inputs,
                                const std::vector<KnownValue>& outputs, const Draw& draw,
                                Execution& execution, PeripheryWork& work, const NodeView* then);
  /// Counts of a convolution where they are not those of its products (Device::count_conv), with
  /// the rows of lowered A and the sizes of the input.
  [[nodiscard]] std::optional<Activity> whole_conv(std::int64_t rows, const Dims& x) const;

  Device* device_;  ///< null: the host
  NodeView node_;
  CompileOptions options_;
  bool left_;
  DataType type_;
  std::int64_t batch_;
  std::vector<Operands> parts_;
  std::unique_ptr<OwnConvolution> own_;                   ///< null: convolutions are lowered
  std::vector<std::pair<std::size_t, KnownValue>> held_;  ///< inputs that plans hold
  std::vector<std::pair<std::size_t, Constant>> streamed_;
  Activity setup_;
  std::string implementation_;
};

/// Forms products through the runner's plans, or through plans of its own for operands that are
/// computed in the run or streamed.
template <class T>
class PlanMultiplier final : public Multiplier<T> {
 public:
  PlanMultiplier(ProductRunner& runner, const std::vector<const Tensor*>& inputs, const Draw& draw,
                 Execution& execution, PeripheryWork& work)
      : runner_(runner),
        inputs_(inputs),
        draw_(draw),
        execution_(execution),
        work_(work),
        passing_(runner.parts_.size()) {}

  void multiply(std::size_t part, std::int64_t operand, MatrixView<const T> a, MatrixView<T> c,
                const ProductPosition& position) override {
    const Operands& operands = runner_.parts_[part];
    if (c.empty()) return;
    if (a.cols == 0) {
      for (std::int64_t i = 0; i < c.rows; ++i) {
        for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) = T{0};
      }
      return;
    }
    if (runner_.device_ == nullptr) {
      gemm<T>(a, operand_view<T>(runner_.node_, runner_.left_, inputs_, part, operand), c);
      work_ += digital_product({a.rows, c.cols, a.cols});
      return;
    }
    take(part, {a.rows, c.cols, a.cols},
         plan_of(part, operand).execute(a, c, draw_of(operands, position), Direction::forward));
  }

  void multiply_rows(std::size_t part, std::int64_t operand, const RowSource<T>& a, MatrixView<T> c,
                     const ProductPosition& position) override {
    if constexpr (std::is_same_v<T, float>) {
      if (runner_.device_ != nullptr && !c.empty() && a.cols() > 0) {
        const Draw draw = draw_of(runner_.parts_[part], position);
        if (std::optional<Execution> one = plan_of(part, operand).execute_rows(a, c, draw)) {
          take(part, {a.rows(), c.cols, a.cols()}, std::move(*one));
          return;
        }
      }
    }
    Multiplier<T>::multiply_rows(part, operand, a, c, position);
  }

  bool convolve(const Tensor& x, T* y,
                FunctionRef<void(std::int64_t, std::int64_t)> done) override {
    if constexpr (std::is_same_v<T, float>) {
      if (runner_.own_ == nullptr) return false;
      runner_.own_->run(x, y, [&](Execution one, std::int64_t first, std::int64_t count) {
        add(std::move(one));
        done(first, count);
      });
      return true;
    }
    return false;
  }

 private:
  struct Passing {
    std::int64_t operand = -1;
    std::unique_ptr<Plan> plan;
  };

  void take(std::size_t part, const GemmShape& shape, Execution one) {
    if (one.statistics_known) execution_.products.add(0, part, shape, one.statistics);
    add(std::move(one));
  }

  void add(Execution one) {
    execution_.activity += one.activity;
    for (std::string& lint : one.lints) {
      if (std::find(execution_.lints.begin(), execution_.lints.end(), lint) ==
          execution_.lints.end()) {
        execution_.lints.push_back(std::move(lint));
      }
    }
  }

  /// Whether each sample brings operands of its own, as the matrices of attention do.
  [[nodiscard]] bool per_sample(const Operands& operands) const {
    return !operands.constant && runner_.node_.op == Op::matmul && runner_.batch_ > 0 &&
           operands.product.operands >= runner_.batch_ &&
           operands.product.operands % runner_.batch_ == 0;
  }

  /// The operand's index in the whole batch, which pieces of it are cut from.
  [[nodiscard]] std::int64_t operand_in_batch(const Operands& operands,
                                              std::int64_t operand) const {
    if (!per_sample(operands)) return operand;
    return operand + draw_.row_offset * (operands.product.operands / runner_.batch_);
  }

  Plan& plan_of(std::size_t part, std::int64_t operand) {
    Operands& operands = runner_.parts_[part];
    if (!operands.plans.empty()) return *operands.plans[static_cast<std::size_t>(operand)];
    Passing& passing = passing_[part];
    if (passing.operand != operand) {
      passing.plan.reset();
      const bool stays = operands.constant && operands.resident[static_cast<std::size_t>(operand)];
      passing.plan = runner_.device_->plan(
          operands.product.shape,
          operand_view<T>(runner_.node_, runner_.left_, inputs_, part, operand),
          stays ? OperandMode::stationary : OperandMode::dynamic,
          runner_.plan_options(operands, operand_in_batch(operands, operand)));
      passing.operand = operand;
      if (runner_.implementation_.empty()) {
        runner_.implementation_ = passing.plan->implementation();
      }
    }
    return *passing.plan;
  }

  [[nodiscard]] Draw draw_of(const Operands& operands, const ProductPosition& position) const {
    const Op op = runner_.node_.op;
    const bool steps =
        (op == Op::rnn || op == Op::lstm || op == Op::gru) && operands.product.part != "input";
    const std::int64_t uses = std::max<std::int64_t>(1, operands.product.uses);
    const std::int64_t rows = operands.product.shape.m * (steps ? 1 : uses);
    Draw draw = draw_;
    if (steps) {
      draw.call =
          draw_.call * static_cast<std::uint64_t>(uses) + static_cast<std::uint64_t>(position.step);
      // Steps follow each other on the operand as it was loaded for the first of them.
      draw.since_loading = static_cast<std::uint64_t>(position.step);
    }
    const std::int64_t rows_per_sample = runner_.batch_ > 0 ? rows / runner_.batch_ : rows;
    draw.row_offset =
        (per_sample(operands) ? 0 : draw_.row_offset * rows_per_sample) + position.row;
    return draw;
  }

  ProductRunner& runner_;
  const std::vector<const Tensor*>& inputs_;
  const Draw& draw_;
  Execution& execution_;
  PeripheryWork& work_;
  std::vector<Passing> passing_;
};

ProductRunner::ProductRunner(Device* device, const GraphView& graph, const NodeView& node,
                             const CompileOptions& options, MachineRoom& room)
    : device_(device),
      node_(node),
      options_(options),
      left_(constant_is_left(graph, node)),
      type_(host_type(graph.value(node.inputs[0]).type)),
      batch_(graph.batch) {
  std::size_t part = 0;
  for (const LinearProduct& product : products_of(graph, node)) {
    Operands operands;
    operands.product = product;
    operands.family = family_of(node_, product);
    operands.input = operand_input(node, left_, part++);
    operands.constant = product.stationary;
    if (device_ != nullptr) plan_operands(graph, operands, room);
    parts_.push_back(std::move(operands));
  }
}

PlanOptions ProductRunner::plan_options(const Operands& operands, std::int64_t operand) const {
  PlanOptions options;
  options.scope = scope_of(node_, operands.product, operand);
  options.family = operands.family;
  const std::shared_ptr<const ProductSamples> samples = options_.samples_of(operands.family);
  if (samples == nullptr) return options;
  if (samples->inputs.magnitude() > 0) options.input_range = samples->inputs;
  // An operand that is computed in the run would set converters anew at every product.
  if (operands.constant) options.samples = samples;
  return options;
}

void ProductRunner::add_converter_ranges(std::map<std::string, double>& ranges) const {
  for (const Operands& operands : parts_) {
    for (const std::unique_ptr<Plan>& plan : operands.plans) {
      const std::optional<double> range = plan->converter_range();
      if (!range) continue;
      double& widest = ranges.emplace(operands.family, 0.0).first->second;
      widest = std::max(widest, *range);
    }
  }
}

void ProductRunner::plan_operands(const GraphView& graph, Operands& operands, MachineRoom& room) {
  const GemmShape& shape = operands.product.shape;
  if (shape.n == 0 || shape.k == 0) return;
  const OperandMode mode = operands.constant ? OperandMode::stationary : OperandMode::dynamic;
  const ElementType precision = type_ == DataType::f64 ? ElementType::f64 : options_.precision;
  if (const Support support = device_->supports(shape, mode, precision); !support) {
    fail_usage("layer '{}': {}", node_.name, support.reason);
  }
  if (!operands.constant) return;
  const ValueView& value = graph.value(node_.inputs[operands.input]);
  const std::int64_t all = device_->storage_units();
  const std::int64_t units = device_->operand_units(shape);
  // What stays on a machine of bounded size is bounded too: planned once, it ages and is calibrated
  // as in a network that is not streamed.
  const bool stays = all > 0 && units * operands.product.operands <= all - room.units_taken;
  const bool streamed = !value.constant.has_elements() || (options_.streamed && !stays);
  const auto is_input = [&](const auto& entry) { return entry.first == operands.input; };
  if (std::none_of(held_.begin(), held_.end(), is_input)) {
    held_.emplace_back(operands.input, KnownValue{type_, value.dims, nullptr});
  }
  if (streamed) {
    if (std::none_of(streamed_.begin(), streamed_.end(), is_input)) {
      streamed_.emplace_back(operands.input, value.constant);
    }
    for (std::int64_t i = 0; i < operands.product.operands; ++i) {
      const bool fits = all == 0 || units <= all - room.units_taken;
      operands.resident.push_back(fits);
      if (fits) {
        room.units_taken += units;
        setup_ += device_->estimate_setup(shape, OperandMode::stationary);
      }
    }
    return;
  }
  if (plan_own_convolution(graph, operands)) return;
  const Tensor constant = converted(value.constant.value(), type_);
  if (type_ == DataType::f64) {
    make_plans<double>(operands, constant);
  } else {
    make_plans<float>(operands, constant);
  }
  for (const bool resident : operands.resident) room.units_taken += resident ? units : 0;
}

/// True where the machine convolves by itself: its plan holds the filters then.
bool ProductRunner::plan_own_convolution(const GraphView& graph, Operands& operands) {
  if (type_ != DataType::f32 || node_.op != Op::conv) return false;
  own_ = OwnConvolution::make(*device_, graph, node_, plan_options(operands, 0));
  if (own_ == nullptr) return false;
  operands.resident.assign(static_cast<std::size_t>(operands.product.operands), own_->resident());
  setup_ += own_->setup();
  implementation_ = own_->implementation();
  return true;
}

template <class T>
void ProductRunner::make_plans(Operands& operands, const Tensor& constant) {
  const auto part = parts_.size();
  std::vector<const Tensor*> inputs(node_.inputs.size(), nullptr);
  inputs[operands.input] = &constant;
  for (std::int64_t i = 0; i < operands.product.operands; ++i) {
    operands.plans.push_back(device_->plan(operands.product.shape,
                                           operand_view<T>(node_, left_, inputs, part, i),
                                           OperandMode::stationary, plan_options(operands, i)));
    operands.resident.push_back(operands.plans.back()->resident());
    setup_ += operands.plans.back()->setup();
    if (implementation_.empty()) implementation_ = operands.plans.back()->implementation();
  }
}

bool ProductRunner::resident() const {
  return device_ == nullptr ||
         std::all_of(parts_.begin(), parts_.end(), [](const Operands& operands) {
           return operands.constant &&
                  std::all_of(operands.resident.begin(), operands.resident.end(),
                              [](bool stays) { return stays; });
         });
}

bool ProductRunner::holds(std::size_t position) const {
  return std::any_of(held_.begin(), held_.end(),
                     [&](const auto& held) { return held.first == position; });
}

template <class T>
std::vector<Tensor> ProductRunner::run_typed(const std::vector<const Tensor*>& inputs,
                                             const std::vector<KnownValue>& outputs,
                                             const Draw& draw, Execution& execution,
                                             PeripheryWork& work, const NodeView* then) {
  PlanMultiplier<T> multiplier(*this, inputs, draw, execution, work);
  return run_products<T>(node_, left_, inputs, outputs, multiplier, then);
}

std::vector<Tensor> ProductRunner::run(const std::vector<const Tensor*>& inputs, const Draw& draw,
                                       Execution& execution, PeripheryWork& work,
                                       const NodeView* then) {
  // What operators see: constants in plans as sizes without elements, all else in the type that
  // products are formed in.
  std::vector<Tensor> changed;
  changed.reserve(2 * inputs.size());
  std::vector<const Tensor*> seen = inputs;
  std::vector<KnownValue> values;
  values.reserve(inputs.size());
  std::vector<const KnownValue*> known_inputs(inputs.size(), nullptr);
  for (const auto& [position, value] : held_) {
    changed.push_back(Tensor::alias(value.type, value.dims, nullptr, nullptr));
    seen[position] = &changed.back();
  }
  for (const auto& [position, constant] : streamed_) {
    changed.push_back(converted(constant.value(), type_));
    seen[position] = &changed.back();
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (seen[i] == nullptr) continue;
    const DataType type = seen[i]->type();
    if (is_float(type) && type != type_) {
      changed.push_back(converted(*seen[i], type_));
      seen[i] = &changed.back();
    }
    values.push_back({seen[i]->type(), seen[i]->dims(), nullptr});
    known_inputs[i] = &values.back();
  }
  const std::vector<KnownValue> outputs = infer_outputs(node_, known_inputs);
  Execution products;
  std::vector<Tensor> results = type_ == DataType::f64
                                    ? run_typed<double>(seen, outputs, draw, products, work, then)
                                    : run_typed<float>(seen, outputs, draw, products, work, then);
  const std::optional<Activity> whole =
      node_.op == Op::conv ? whole_conv(positions_of(outputs[0].dims), seen[0]->dims())
                           : std::nullopt;
  execution.activity += whole ? *whole : products.activity;
  execution.products.add(products.products);
  execution.lints.insert(execution.lints.end(), products.lints.begin(), products.lints.end());
  work += work_around_products(node_, known_inputs, outputs);
  const DataType given = inputs[0] != nullptr ? inputs[0]->type() : type_;
  for (Tensor& result : results) result = converted(result, left_ ? inputs[1]->type() : given);
  return results;
}

OperandStatistics ProductRunner::statistics_of(const NetworkStatistics* given, std::size_t part,
                                               const GemmShape& shape) const {
  if (given == nullptr) return {};
  const LayerStatistics* const found = given->find(node_.name, part, shape);
  if (found != nullptr) return found->mean;
  if (device_->prices().depends_on_data()) {
    fail_usage(
        "the operand statistics hold none of layer '{}' ({}): give the record of a run of this "
        "network",
        node_.name, to_string(shape));
  }
  return {};
}

Activity ProductRunner::setup_with(const GraphView& bound, const NetworkStatistics& given) const {
  Activity activity;
  if (device_ == nullptr) return activity;
  const std::vector<LinearProduct> products = products_of(bound, node_);
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const Operands& operands = parts_[part];
    const auto stays =
        static_cast<double>(std::count(operands.resident.begin(), operands.resident.end(), true));
    if (stays == 0) continue;
    const GemmShape& shape = products[part].shape;
    activity += device_
                    ->estimate_setup_of(shape, OperandMode::stationary,
                                        statistics_of(&given, part, shape).b)
                    .scaled(stays);
  }
  return activity;
}

std::optional<Activity> ProductRunner::whole_conv(std::int64_t rows, const Dims& x) const {
  if (node_.op != Op::conv || device_ == nullptr || !parts_.front().constant) return std::nullopt;
  const LinearProduct& product = parts_.front().product;
  ConvExtent conv;
  conv.product = product.shape;
  conv.product.m = rows;
  conv.groups = product.operands;
  conv.input = static_cast<double>(elements_of(x)) / static_cast<double>(conv.groups);
  if (conv.product.n == 0 || conv.product.k == 0) return std::nullopt;
  return device_->count_conv(conv);
}

void ProductRunner::estimate(const GraphView& bound, const NetworkStatistics* given,
                             Activity& activity, PeripheryWork& work) const {
  const std::vector<LinearProduct> products = products_of(bound, node_);
  const Dims& x = bound.value(node_.inputs[0]).dims;
  if (const auto whole = whole_conv(products.front().shape.m, x)) {
    activity += *whole;
    work += linear_work(bound, node_);
    return;
  }
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const Operands& operands = parts_[part];
    const LinearProduct& product = products[part];
    GemmShape shape = product.shape;
    if (shape.n == 0 || shape.k == 0) continue;
    // Operands that stay and operands that are loaded at every product.
    const auto stays = static_cast<std::int64_t>(
        std::count(operands.resident.begin(), operands.resident.end(), true));
    const std::int64_t loaded = product.operands - stays;
    for (const RowBlock& block : row_blocks(node_, product, x.empty() ? 1 : x[0])) {
      shape.m = block.rows;
      const auto times = static_cast<double>(block.times * product.uses);
      if (device_ == nullptr) {
        const double products_formed = times * static_cast<double>(product.operands);
        const PeripheryWork one = digital_product(shape);
        work.macs += one.macs * products_formed;
        work.bytes += one.bytes * products_formed;
        continue;
      }
      const OperandStatistics statistics = statistics_of(given, part, shape);
      if (stays > 0) {
        activity += device_->estimate(shape, OperandMode::stationary, statistics)
                        .scaled(times * static_cast<double>(stays));
      }
      if (loaded > 0) {
        activity += device_->estimate(shape, OperandMode::dynamic, statistics)
                        .scaled(times * static_cast<double>(loaded));
      }
    }
  }
  work += linear_work(bound, node_);
}

}  // namespace

std::unique_ptr<LinearRunner> make_linear_runner(Device* device, const GraphView& graph,
                                                 const NodeView& node,
                                                 const CompileOptions& options, MachineRoom& room) {
  return std::make_unique<ProductRunner>(device, graph, node, options, room);
}

PeripheryWork linear_work(const GraphView& graph, const NodeView& node) {
  std::vector<KnownValue> values;
  values.reserve(node.inputs.size());
  std::vector<const KnownValue*> inputs;
  for (const int input : node.inputs) {
    if (input != kAbsent) values.push_back(known(graph, input));
    inputs.push_back(input != kAbsent ? &values.back() : nullptr);
  }
  return work_around_products(node, inputs, infer_outputs(node, inputs));
}

}  // namespace jb::host
