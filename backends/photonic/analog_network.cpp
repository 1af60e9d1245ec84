#include "backends/photonic/analog_network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/core/linear_lowering.h"
#include "backends/core/threads.h"
#include "backends/energy/periphery.h"

namespace jb::photonic {
namespace {

constexpr std::uint32_t layer_of(std::size_t node) { return static_cast<std::uint32_t>(node + 1); }
constexpr double kSaturationLint = 1e-3;  // as for readouts: see homodyne_plan.cpp

/// One fully connected layer of the chain.
struct Layer {
  std::size_t node = 0;
  std::string name;
  GemmShape shape;  ///< for the batch that the graph is bound to
  Ends ends;
  bool rectified = false;
  std::vector<float> bias;
  HomodyneParameters parameters;
  double full_e = 0;  ///< D_full; of layers that are not the last
  std::shared_ptr<HomodyneMachine> machine;
  std::unique_ptr<HomodynePlan> plan;
};

bool only_renames(Op op) {
  return op == Op::identity || op == Op::dropout || op == Op::flatten || op == Op::reshape;
}

/// Parameters of a layer: converters only where the digital side begins and ends.
HomodyneParameters parameters_of(const HomodyneParameters& device, const Ends& ends) {
  HomodyneParameters p = device;
  if (!ends.digital_in) {
    p.dac_bits_a = 0;
    p.norm = Normalisation::fixed_scale;
    p.full_scale_a = 1;
    p.papr = p.analog_kappa * p.analog_kappa;
  }
  if (!ends.digital_out) {
    p.adc_bits = 0;
    p.amplifier_e = std::hypot(p.amplifier_e, p.analog_noise_e);
  }
  return p;
}

class AnalogNetwork final : public Executable {
 public:
  AnalogNetwork(Device& device, HomodyneMachine& machine, const GraphView& graph,
                const CompileOptions& options)
      : device_(device), machine_(machine), graph_(graph), prices_(device.prices()) {
    periphery_ = add_periphery(prices_);
    read_chain(options);
    for (std::size_t l = 0; l < layers_.size(); ++l) make_plan(layers_[l]);
  }

  [[nodiscard]] const std::vector<std::string>& layer_names() const override { return names_; }
  [[nodiscard]] const std::vector<std::string>& placements() const override { return placements_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_; }
  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return true; }
  [[nodiscard]] std::string implementation() const override {
    return layers_.front().plan->implementation() + "/analog";
  }
  Execution run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs, const Draw& draw,
                const LayerSink* sink) override;
  [[nodiscard]] Activity estimate(const GraphView& bound) const override {
    return counted(bound, nullptr);
  }
  [[nodiscard]] Activity estimate_with(const GraphView& bound,
                                       const NetworkStatistics& statistics) const override {
    return counted(bound, &statistics);
  }

 private:
  [[nodiscard]] Activity counted(const GraphView& bound, const NetworkStatistics* given) const;
  [[noreturn]] void refuse(const NodeView& node, const std::string& reason) const {
    fail_usage("interlayer = analog: node '{}' ({}) {}; set interlayer = digital", node.name,
               name_of(node.op), reason);
  }
  void read_chain(const CompileOptions& options);
  void add_layer(std::size_t index, const CompileOptions& options);
  void make_plan(Layer& layer);
  [[nodiscard]] Activity count(const Layer& layer, std::int64_t rows,
                               const OperandStatistics& statistics) const;
  /// The layer's charge becomes the next layer's fields, and `scale` (value of field 1 of each row)
  /// that of the next.
  Matrix<float> pass_on(const Layer& layer, Matrix<float> charge, const std::vector<double>& unit,
                        std::vector<double>& scale, const Draw& draw, Execution& result) const;

  Device& device_;
  HomodyneMachine& machine_;
  GraphView graph_;
  std::vector<std::string> names_;
  std::vector<std::string> placements_;
  std::vector<Layer> layers_;
  PriceTable prices_;
  PeripheryActions periphery_;
  Activity setup_;
  bool rectified_output_ = false;
};

void AnalogNetwork::read_chain(const CompileOptions& options) {
  if (graph_.inputs.size() != 1 || graph_.outputs.size() != 1) {
    fail_usage(
        "interlayer = analog: network '{}' must have one input and one output; set "
        "interlayer = digital",
        graph_.name);
  }
  int value = graph_.inputs[0];
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const NodeView& node = graph_.nodes[i];
    names_.push_back(node.name);
    placements_.emplace_back(is_linear(node.op) || node.op == Op::relu ? "photonic" : "digital");
    if (node.inputs.empty() || node.inputs[0] != value) {
      refuse(node, "does not follow the node before it");
    }
    value = node.outputs[0];
    if (node.op == Op::gemm || node.op == Op::matmul) {
      add_layer(i, options);
    } else if (node.op == Op::relu && !layers_.empty()) {
      layers_.back().rectified = true;
    } else if (!only_renames(node.op)) {
      refuse(node, "is no fully connected layer and no rectifier");
    }
  }
  if (layers_.empty() || value != graph_.outputs[0]) {
    fail_usage("interlayer = analog: network '{}' is no chain of layers; set interlayer = digital",
               graph_.name);
  }
  // What follows the last layer stands behind its ADC.
  rectified_output_ = std::exchange(layers_.back().rectified, false);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Layer& layer = layers_[l];
    layer.ends = {l == 0, l + 1 == layers_.size(), !layer.bias.empty()};
    const std::int64_t longest = machine_.parameters.integration;
    if (!layer.ends.digital_out && longest > 0 && layer.shape.k > longest) {
      refuse(graph_.nodes[layer.node],
             fmt::format("needs {} slots, but array.integration is {}: partial sums are digital",
                         layer.shape.k, longest));
    }
  }
}

void AnalogNetwork::add_layer(std::size_t index, const CompileOptions& options) {
  const NodeView& node = graph_.nodes[index];
  const auto& gemm = node.get<GemmAttributes>();
  if (gemm.trans_a || gemm.alpha != 1 || (gemm.beta != 1 && node.input(2) != kAbsent) ||
      constant_is_left(graph_, node) || !graph_.value(node.inputs[1]).is_constant) {
    refuse(node, "is not activations times constant weights");
  }
  Layer layer;
  layer.node = index;
  layer.name = node.name;
  layer.shape = products_of(graph_, node).at(0).shape;
  layer.rectified = node.activation.op == Op::relu;
  if (node.activation.op != Op::relu && node.activation.op != Op::identity) {
    refuse(node, "has another activation than a rectifier");
  }
  const Support support = device_.supports(layer.shape, OperandMode::stationary, options.precision);
  if (!support) refuse(node, support.reason);
  if (node.input(2) != kAbsent) {
    const Tensor bias = graph_.value(node.inputs[2]).constant.value();
    const auto values = bias.as<float>();
    if (static_cast<std::int64_t>(values.size()) != layer.shape.n) {
      refuse(node, "adds a bias that is not one value per output");
    }
    layer.bias.assign(values.begin(), values.end());
  }
  layers_.push_back(std::move(layer));
}

void AnalogNetwork::make_plan(Layer& layer) {
  layer.parameters = parameters_of(machine_.parameters, layer.ends);
  layer.full_e =
      std::min(layer.parameters.expected_rms_e(layer.shape.k, 0) * layer.parameters.analog_kappa,
               layer.parameters.well_e());
  layer.machine = std::make_shared<HomodyneMachine>(machine_, layer.parameters);
  const NodeView& node = graph_.nodes[layer.node];
  const Tensor b = graph_.value(node.inputs[1]).constant.value();
  const MatrixView<const float> view = b.rows_f32(b.dims()[0]);
  const ConstMatrixRef weights =
      node.get<GemmAttributes>().trans_b ? ConstMatrixRef(view.transposed()) : ConstMatrixRef(view);
  machine_.use_lanes(layer.shape.m, layer.shape.n);
  layer.plan = std::make_unique<HomodynePlan>(layer.machine, weights, OperandMode::stationary,
                                              PlanOptions{tag_of(node.name)});
}

Activity AnalogNetwork::count(const Layer& layer, std::int64_t rows,
                              const OperandStatistics& statistics) const {
  GemmShape shape = layer.shape;
  shape.m = rows;
  const HomodyneParameters& p = layer.parameters;
  const double papr_a = layer.ends.digital_in ? statistics.a.papr() : p.papr;
  const double given = machine_.parameters.papr;
  const double papr = given > 0 && layer.ends.digital_in
                          ? given
                          : p.split * statistics.b.papr() + (1 - p.split) * papr_a;
  return machine_.accounting.product(shape, papr, layer.ends).relabelled(layer_of(layer.node));
}

Matrix<float> AnalogNetwork::pass_on(const Layer& layer, Matrix<float> charge,
                                     const std::vector<double>& unit, std::vector<double>& scale,
                                     const Draw& draw, Execution& result) const {
  const HomodyneParameters& p = layer.parameters;
  const RandomStream gain(machine_.instance.seed, machine_.instance.instance,
                          tag_of("photonic.rectifier"), tag_of(layer.name));
  (void)draw;
  const std::int64_t n = charge.cols();
  std::vector<float> gains(static_cast<std::size_t>(n));
  gain.normals(gains, 0, 0, 0);
  for (float& g : gains) g = 1 + static_cast<float>(p.analog_gain_error) * g;
  std::int64_t clipped = 0;
  for (std::int64_t i = 0; i < charge.rows(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double value_per_electron = scale[at] * unit[at];
    const double electrons_per_value = value_per_electron > 0 ? 1 / value_per_electron : 0.0;
    for (std::int64_t j = 0; j < n; ++j) {
      const auto column = static_cast<std::size_t>(j);
      double d = static_cast<double>(charge(i, j));
      if (!layer.bias.empty()) {
        d += static_cast<double>(layer.bias[column]) * electrons_per_value;
      }
      if (layer.rectified) d = std::max(d, 0.0);
      const double field = d * static_cast<double>(gains[column]) / layer.full_e;
      clipped += std::fabs(field) > 1 ? 1 : 0;
      charge(i, j) = static_cast<float>(std::clamp(field, -1.0, 1.0));
    }
    scale[at] = value_per_electron * layer.full_e;
  }
  const double share =
      static_cast<double>(clipped) / static_cast<double>(std::max<std::int64_t>(1, charge.size()));
  if (share > kSaturationLint) {
    result.lints.push_back(
        fmt::format("layer '{}': saturated: {:.3g} % of values beyond the next modulators' full "
                    "scale; raise analog.kappa",
                    layer.name, 100 * share));
  }
  return charge;
}

Execution AnalogNetwork::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs,
                             const Draw& draw, const LayerSink* sink) {
  const std::int64_t width = layers_.front().shape.k;
  if (inputs.size() != 1 || inputs[0].rank() == 0 || inputs[0].size() % width != 0) {
    fail_usage("network '{}' takes one tensor of rows of {} values", graph_.name, width);
  }
  const std::int64_t rows = inputs[0].size() / width;
  Execution result;
  std::vector<double> scale(static_cast<std::size_t>(rows), 1.0);
  Matrix<float> fields;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Layer& layer = layers_[l];
    Matrix<float> charge(rows, layer.shape.n);
    std::vector<double> unit;
    const ConstMatrixRef a = l == 0 ? ConstMatrixRef(inputs[0].rows_f32(rows))
                                    : ConstMatrixRef(std::as_const(fields).view());
    Execution part = layer.plan->detect(a, charge.view(), draw, unit);
    result.activity += count(layer, rows, part.statistics);
    result.products.add(layer_of(layer.node), 0, {rows, layer.shape.n, layer.shape.k},
                        part.statistics);
    for (const std::string& lint : part.lints) {
      result.lints.push_back("layer '" + layer.name + "': " + lint);
    }
    if (l + 1 < layers_.size()) {
      fields = pass_on(layer, std::move(charge), unit, scale, draw, result);
      if (sink != nullptr) {
        Tensor seen(DataType::f32, {rows, layer.shape.n});
        const auto values = seen.as_mutable<float>();
        for (std::int64_t i = 0; i < rows; ++i) {
          for (std::int64_t j = 0; j < layer.shape.n; ++j) {
            values[static_cast<std::size_t>(i * layer.shape.n + j)] = static_cast<float>(
                static_cast<double>(fields(i, j)) * scale[static_cast<std::size_t>(i)]);
          }
        }
        (*sink)(static_cast<int>(layer.node), layer.name, seen);
      }
      continue;
    }
    Tensor y(DataType::f32, {rows, layer.shape.n});
    const auto values = y.as_mutable<float>();
    for (std::int64_t i = 0; i < rows; ++i) {
      const auto at = static_cast<std::size_t>(i);
      for (std::int64_t j = 0; j < layer.shape.n; ++j) {
        const auto column = static_cast<std::size_t>(j);
        auto v = static_cast<float>(static_cast<double>(charge(i, j)) * unit[at] * scale[at]);
        if (!layer.bias.empty()) v += layer.bias[column];
        if (rectified_output_) v = std::max(v, 0.0F);
        values[static_cast<std::size_t>(i * layer.shape.n) + column] = v;
      }
    }
    if (sink != nullptr) (*sink)(static_cast<int>(layer.node), layer.name, y);
    outputs = {std::move(y)};
    const double elements = static_cast<double>(rows) * static_cast<double>(layer.shape.n);
    PeripheryWork work;
    if (!layer.bias.empty()) work += bias_work(elements);
    if (rectified_output_) work += relu_work(elements);
    jb::count(result.activity, periphery_, work, layer_of(layer.node));
  }
  return result;
}

Activity AnalogNetwork::counted(const GraphView& bound, const NetworkStatistics* given) const {
  Activity activity;
  for (const Layer& layer : layers_) {
    const std::int64_t rows = products_of(bound, bound.nodes[layer.node]).at(0).shape.m;
    OperandStatistics statistics;
    if (given != nullptr) {
      const GemmShape shape{rows, layer.shape.n, layer.shape.k};
      const LayerStatistics* const found = given->find(layer.name, 0, shape);
      if (found == nullptr && prices_.depends_on_data()) {
        fail_usage("the operand statistics hold none of layer '{}' ({})", layer.name,
                   to_string(shape));
      }
      if (found != nullptr) statistics = found->mean;
    }
    activity += count(layer, rows, statistics);
    if (!layer.ends.digital_out) continue;
    const double elements = static_cast<double>(rows) * static_cast<double>(layer.shape.n);
    PeripheryWork work;
    if (!layer.bias.empty()) work += bias_work(elements);
    if (rectified_output_) work += relu_work(elements);
    jb::count(activity, periphery_, work, layer_of(layer.node));
  }
  return activity;
}

}  // namespace

std::unique_ptr<Executable> compile_analog(Device& device, HomodyneMachine& machine,
                                           const GraphView& graph, const CompileOptions& options) {
  return std::make_unique<AnalogNetwork>(device, machine, graph, options);
}

}  // namespace jb::photonic
