#include "backends/host_executable.h"

#include <algorithm>

namespace jb {
namespace {

constexpr std::uint32_t layer_of(std::size_t node) { return static_cast<std::uint32_t>(node + 1); }

void add_bias(MatrixView<float> y, const float* bias) {
  for (std::int64_t i = 0; i < y.rows; ++i) {
    for (std::int64_t j = 0; j < y.cols; ++j) y(i, j) += bias[j];
  }
}

void apply_relu(MatrixView<const float> x, MatrixView<float> y) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) y(i, j) = std::max(x(i, j), 0.0F);
  }
}

}  // namespace

HostExecutable::HostExecutable(Device& device, const GraphView& graph,
                               const CompileOptions& options)
    : device_(device), graph_(graph), prices_(device.prices()) {
  periphery_ = add_periphery(prices_);
  plans_.resize(graph_.nodes.size());
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const NodeView& node = graph_.nodes[i];
    names_.push_back(node.name);
    if (node.op != NodeOp::linear) continue;
    const GemmShape shape = shape_of(node, options.batch);
    const Support support = device_.supports(shape, OperandMode::stationary, options.precision);
    if (!support) fail_usage("layer '{}': {}", node.name, support.reason);
    plans_[i] =
        device_.plan(shape, node.weights, OperandMode::stationary, {.scope = tag_of(node.name)});
    setup_ += plans_[i]->setup().relabelled(layer_of(i));
  }
}

GemmShape HostExecutable::shape_of(const NodeView& node, std::int64_t rows) const {
  return {rows, node.weights.cols, node.weights.rows};
}

bool HostExecutable::resident() const {
  return std::all_of(plans_.begin(), plans_.end(),
                     [](const auto& plan) { return plan == nullptr || plan->resident(); });
}

std::string HostExecutable::implementation() const {
  for (const auto& plan : plans_) {
    if (plan != nullptr) return plan->implementation();
  }
  return {};
}

void HostExecutable::count_periphery(Activity& activity, std::size_t node, double rows) const {
  const NodeView& view = graph_.nodes[node];
  const double elements = rows * static_cast<double>(view.width);
  if (view.op == NodeOp::relu) count_relu(activity, periphery_, elements, layer_of(node));
  if (view.op == NodeOp::linear && view.bias != nullptr) {
    count_bias(activity, periphery_, elements, layer_of(node));
  }
}

Execution HostExecutable::run(MatrixView<const float> inputs, MatrixView<float> outputs,
                              const Draw& draw, const LayerSink* sink) {
  if (inputs.cols != graph_.input_width || outputs.rows != inputs.rows) {
    fail_usage("network '{}' takes rows of {} values, not {} x {}", graph_.name, graph_.input_width,
               inputs.rows, inputs.cols);
  }
  Execution result;
  std::vector<Matrix<float>> tensors(static_cast<std::size_t>(graph_.tensors));
  const auto view_of = [&](int tensor) -> MatrixView<const float> {
    if (tensor == 0) return inputs;
    return std::as_const(tensors[static_cast<std::size_t>(tensor)]).view();
  };
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const NodeView& node = graph_.nodes[i];
    Matrix<float> y(inputs.rows, node.width);
    if (node.op == NodeOp::linear) {
      const Execution part =
          plans_[i]->execute(view_of(node.input), y.view(), draw, Direction::forward);
      result.activity += part.activity.relabelled(layer_of(i));
      for (const std::string& lint : part.lints) {
        result.lints.push_back("layer '" + node.name + "': " + lint);
      }
      if (node.bias != nullptr) add_bias(y.view(), node.bias);
    } else {
      apply_relu(view_of(node.input), y.view());
    }
    count_periphery(result.activity, i, static_cast<double>(inputs.rows));
    if (sink != nullptr) (*sink)(static_cast<int>(i), node.name, std::as_const(y).view());
    tensors[static_cast<std::size_t>(node.output)] = std::move(y);
  }
  copy_into(view_of(graph_.output), outputs);
  return result;
}

Activity HostExecutable::estimate(std::int64_t rows) const {
  Activity activity;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (plans_[i] != nullptr) {
      activity += device_
                      .estimate(shape_of(graph_.nodes[i], rows), OperandMode::stationary,
                                OperandStatistics{})
                      .relabelled(layer_of(i));
    }
    count_periphery(activity, i, static_cast<double>(rows));
  }
  return activity;
}

std::unique_ptr<Executable> Device::compile(const GraphView& graph, const CompileOptions& options) {
  return std::make_unique<HostExecutable>(*this, graph, options);
}

}  // namespace jb
