#include "backends/cublas/gpu_network.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "backends/core/linear_lowering.h"
#include "backends/cublas/gpu_conv_form.h"
#include "backends/cublas/gpu_nodes.h"
#include "backends/energy/periphery.h"
#include "backends/host/bound_graph.h"
#include "backends/host/kernels.h"
#include "backends/host/linear_runner.h"

namespace jb::cublas {
namespace {

constexpr std::uint32_t layer_of(std::size_t node) { return static_cast<std::uint32_t>(node + 1); }

OperandMode mode_of(const LinearProduct& product) {
  return product.stationary ? OperandMode::stationary : OperandMode::dynamic;
}

/// By node: the values that no later node reads and that are no outputs of the graph.
std::vector<std::vector<int>> dropped_after(const GraphView& graph) {
  std::vector<int> last(graph.values.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const int input : graph.nodes[i].inputs) {
      if (input != kAbsent) last[static_cast<std::size_t>(input)] = static_cast<int>(i);
    }
  }
  for (const int output : graph.outputs) last[static_cast<std::size_t>(output)] = -1;
  std::vector<std::vector<int>> dropped(graph.nodes.size());
  for (std::size_t v = 0; v < last.size(); ++v) {
    if (last[v] >= 0) dropped[static_cast<std::size_t>(last[v])].push_back(static_cast<int>(v));
  }
  return dropped;
}

class GpuNetwork final : public Executable {
 public:
  GpuNetwork(Device& device, std::shared_ptr<const GpuModel> model, std::shared_ptr<Gpu> gpu,
             const GraphView& graph, const CompileOptions& options)
      : device_(device),
        model_(std::move(model)),
        gpu_(std::move(gpu)),
        graph_(graph),
        options_(options),
        prices_(model_->prices()),
        dropped_(dropped_after(graph)) {
    periphery_ = add_periphery(prices_);
    context_.gpu = gpu_;
    context_.precision = model_->precision();
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) add_node(i);
    if (gpu_ == nullptr) return;
    values_ = std::make_unique<GpuValues>(gpu_, graph_);
    upload_constants();
  }

  [[nodiscard]] const std::vector<std::string>& layer_names() const override { return names_; }
  [[nodiscard]] const std::vector<std::string>& placements() const override { return placements_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_; }
  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return true; }
  [[nodiscard]] std::string implementation() const override { return implementation_; }

  Execution run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs, const Draw& draw,
                const LayerSink* sink) override {
    check_run(inputs);
    Execution result;
    const GraphView& bound = bound_to(inputs);
    result.activity = estimate(bound);
    outputs.clear();
    if (std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.size() == 0; })) {
      for (const int output : bound.outputs) {
        outputs.emplace_back(bound.value(output).type, bound.value(output).dims);
      }
      return result;
    }
    values_->start(inputs);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const NodeView& node = graph_.nodes[i];
      run_node(i, draw);
      if (sink != nullptr)
        (*sink)(static_cast<int>(i), node.name, values_->on_host(node.outputs[0]));
      for (const int value : dropped_[i]) values_->drop(value);
    }
    for (const int output : graph_.outputs) outputs.push_back(values_->on_host(output));
    return result;
  }

  [[nodiscard]] Activity estimate(const GraphView& bound) const override {
    Activity activity;
    for (std::size_t i = 0; i < bound.nodes.size(); ++i) {
      const NodeView& node = bound.nodes[i];
      if (!is_linear(node.op)) {
        count(activity, periphery_, host::bound_work(bound, node), layer_of(i));
        continue;
      }
      if (const auto whole = whole_conv(bound, node)) {
        activity += whole->relabelled(layer_of(i));
      } else {
        for (const LinearProduct& product : products_of(bound, node)) {
          activity += count_product(product).relabelled(layer_of(i));
        }
        activity += count_lowering(bound, node).relabelled(layer_of(i));
      }
      count(activity, periphery_, host::linear_work(bound, node), layer_of(i));
    }
    return activity;
  }

 private:
  host::MachineRoom room_;
  struct Node {
    std::unique_ptr<GpuNode> on_gpu;  // or
    std::unique_ptr<host::LinearRunner>
        products;  // with transfers around them; or the host's kernel
  };

  [[nodiscard]] Activity count_product(const LinearProduct& product) const {
    const auto rows = static_cast<double>(product.shape.m) * static_cast<double>(product.shape.k);
    Activity each = model_->convert(rows);
    each += model_->execute(product.shape, mode_of(product));
    return each.scaled(product.products());
  }

  /// A convolution as a library runs it, where the machine is described as doing so.
  [[nodiscard]] std::optional<Activity> whole_conv(const GraphView& bound,
                                                   const NodeView& node) const {
    if (node.op != Op::conv) return std::nullopt;
    const LinearProduct product = products_of(bound, node).at(0);
    if (!product.stationary || product.shape.n == 0 || product.shape.k == 0) return std::nullopt;
    const auto input = static_cast<double>(elements_of(bound.value(node.inputs[0]).dims));
    return device_.count_conv(
        {product.shape, input / static_cast<double>(product.operands), product.operands});
  }

  /// Lowering and reordering of a convolution: passes over f32 values in HBM.
  [[nodiscard]] Activity count_lowering(const GraphView& bound, const NodeView& node) const {
    if (node.op != Op::conv || !conv_form(bound, node)) return {};
    const LinearProduct product = products_of(bound, node).at(0);
    const double lowered = product.products() * static_cast<double>(product.shape.m) *
                           static_cast<double>(product.shape.k);
    const auto read = static_cast<double>(elements_of(bound.value(node.inputs[0]).dims));
    const auto written = static_cast<double>(elements_of(bound.value(node.outputs[0]).dims));
    return model_->pass(sizeof(float) * (read + lowered + 2 * written));
  }

  void add_node(std::size_t i) {
    const NodeView& node = graph_.nodes[i];
    names_.push_back(node.name);
    const bool has_form = has_gpu_form(graph_, node, model_->precision());
    placements_.emplace_back(has_form || is_linear(node.op) ? "cublas" : "digital");
    for (const LinearProduct& product : products_of(graph_, node)) {
      if (const Support support = model_->supports(product.shape); !support) {
        fail_usage("layer '{}': {}", node.name, support.reason);
      }
      if (!product.stationary) continue;
      setup_ += model_->load(product.shape)
                    .scaled(static_cast<double>(product.operands))
                    .relabelled(layer_of(i));
    }
    nodes_.emplace_back();
    if (gpu_ == nullptr) return;
    if (has_form) {
      nodes_.back().on_gpu = make_gpu_node(context_, graph_, node);
      if (implementation_.empty() && is_linear(node.op)) describe(*nodes_.back().on_gpu);
    } else if (is_linear(node.op)) {
      nodes_.back().products = host::make_linear_runner(&device_, graph_, node, options_, room_);
      if (implementation_.empty()) implementation_ = nodes_.back().products->implementation();
    }
  }

  /// Biases, scales and other operands that nodes on the GPU read; products have theirs already.
  void upload_constants() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const NodeView& node = graph_.nodes[i];
      if (nodes_[i].on_gpu == nullptr) continue;
      const std::size_t inputs = reads_only_first(node.op) ? 1 : node.inputs.size();
      for (std::size_t p = 0; p < inputs; ++p) {
        if (is_linear(node.op) && p == 1) continue;
        const int input = node.inputs[p];
        if (input != kAbsent && graph_.value(input).is_constant) values_->on_gpu(input);
      }
    }
  }
  /// Operators whose other inputs are sizes, which stay on the host.
  static bool reads_only_first(Op op) {
    return op == Op::reshape || op == Op::squeeze || op == Op::unsqueeze || op == Op::dropout;
  }

  void describe(GpuNode& node) {
    const std::string algorithm = node.algorithm();
    if (algorithm.empty()) return;
    implementation_ = gpu_->properties().library + "/" + std::string(name_of(model_->precision())) +
                      "/" + algorithm;
  }

  void check_run(const std::vector<Tensor>& inputs) const {
    if (gpu_ == nullptr) {
      fail_usage(
          "network '{}' was compiled for the description of another machine: it can be estimated "
          "but not run",
          graph_.name);
    }
    if (inputs.size() != graph_.inputs.size()) {
      fail_usage("network '{}' takes {} inputs, not {}", graph_.name, graph_.inputs.size(),
                 inputs.size());
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ValueView& value = graph_.value(graph_.inputs[i]);
      const Dims& given = inputs[i].dims();
      const std::size_t samples = given.empty() ? 0 : 1;
      if (inputs[i].type() != value.type || given.size() != value.dims.size() ||
          !std::equal(given.begin() + static_cast<std::ptrdiff_t>(samples), given.end(),
                      value.dims.begin() + static_cast<std::ptrdiff_t>(samples))) {
        fail_usage("network '{}' takes {} of {} as input '{}', not {} of {}", graph_.name,
                   to_string(value.dims), name_of(value.type), value.name, to_string(given),
                   name_of(inputs[i].type()));
      }
    }
  }

  /// The view of this run; the last one is kept, because batches follow each other.
  const GraphView& bound_to(const std::vector<Tensor>& inputs) {
    std::vector<Dims> dims;
    bool as_bound = true;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      dims.push_back(inputs[i].dims());
      as_bound = as_bound && dims.back() == graph_.value(graph_.inputs[i]).dims;
    }
    if (as_bound) return graph_;
    if (dims != other_inputs_) {
      other_ = host::rebound(graph_, dims);
      other_inputs_ = std::move(dims);
    }
    return other_;
  }

  void run_node(std::size_t i, const Draw& draw) {
    const NodeView& node = graph_.nodes[i];
    Node& form = nodes_[i];
    if (form.on_gpu != nullptr) {
      form.on_gpu->run(*values_);
      return;
    }
    std::vector<const Tensor*> given;
    for (const int input : node.inputs) {
      given.push_back(input == kAbsent ? nullptr : &values_->on_host(input));
    }
    std::vector<Tensor> results;
    if (form.products != nullptr) {
      Execution execution;  // counted by estimate()
      PeripheryWork work;
      results = form.products->run(given, draw, execution, work);
    } else {
      results = host::run_kernel(node, given);
    }
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      if (node.outputs[o] != kAbsent) values_->give(node.outputs[o], std::move(results.at(o)));
    }
  }

  Device& device_;
  std::shared_ptr<const GpuModel> model_;
  std::shared_ptr<Gpu> gpu_;
  GraphView graph_;
  CompileOptions options_;
  GraphView other_;  // graph_ bound to other_inputs_
  std::vector<Dims> other_inputs_;
  std::vector<std::string> names_;
  std::vector<std::string> placements_;
  PriceTable prices_;
  std::vector<std::vector<int>> dropped_;  // by node: values that no later node reads
  PeripheryActions periphery_;
  Activity setup_;
  std::string implementation_;
  GpuContext context_;
  std::vector<Node> nodes_;
  std::unique_ptr<GpuValues> values_;
};

}  // namespace

std::unique_ptr<Executable> make_network(Device& device, std::shared_ptr<const GpuModel> model,
                                         std::shared_ptr<Gpu> gpu, const GraphView& graph,
                                         const CompileOptions& options) {
  return std::make_unique<GpuNetwork>(device, std::move(model), std::move(gpu), graph, options);
}

}  // namespace jb::cublas
