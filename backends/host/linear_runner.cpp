#include "backends/host/linear_runner.h"

#include <algorithm>

#include "backends/core/linear_lowering.h"

namespace jb::host {
namespace {

/// B as the product takes it: k x n.
ConstMatrixRef stationary_operand(const NodeView& node, const Tensor& b) {
  if (b.rank() != 2) fail_usage("node '{}': only matrices are multiplied", node.name);
  const MatrixView<const float> view = b.rows_f32(b.dims()[0]);
  return node.get<GemmAttributes>().trans_b ? ConstMatrixRef(view.transposed())
                                            : ConstMatrixRef(view);
}

class MatrixRunner final : public LinearRunner {
 public:
  MatrixRunner(Device& device, const GraphView& graph, const NodeView& node,
               const CompileOptions& options)
      : node_(node) {
    const LinearProduct product = products_of(graph, node).at(0);
    const Support support =
        device.supports(product.shape, OperandMode::stationary, options.precision);
    if (!support) fail_usage("layer '{}': {}", node.name, support.reason);
    const Tensor b = graph.value(node.inputs[1]).constant.value();
    plan_ = device.plan(product.shape, stationary_operand(node, b), OperandMode::stationary,
                        {.scope = tag_of(node.name)});
    cols_ = product.shape.n;
  }
  [[nodiscard]] const Activity& setup() const override { return plan_->setup(); }
  [[nodiscard]] bool resident() const override { return plan_->resident(); }
  [[nodiscard]] std::string implementation() const override { return plan_->implementation(); }

  std::vector<Tensor> run(const std::vector<const Tensor*>& inputs, const Draw& draw,
                          Execution& execution, PeripheryWork& work) override {
    const Tensor& a = *inputs.at(0);
    Dims dims = a.dims();
    const std::int64_t k = dims.back();
    dims.back() = cols_;
    Tensor y(DataType::f32, dims);
    const std::int64_t rows = k > 0 ? a.size() / k : 0;
    const MatrixView<float> c{y.as_mutable<float>().data(), rows, cols_, cols_, 1};
    execution = plan_->execute(a.rows_f32(rows), c, draw, Direction::forward);
    const Tensor* bias = inputs.size() > 2 ? inputs[2] : nullptr;
    if (bias != nullptr) {
      const auto values = bias->as<float>();
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < cols_; ++j) c(i, j) += values[static_cast<std::size_t>(j)];
      }
      work += bias_work(static_cast<double>(y.size()));
    }
    return {std::move(y)};
  }

 private:
  NodeView node_;
  std::int64_t cols_ = 0;
  std::unique_ptr<Plan> plan_;
};

}  // namespace

std::unique_ptr<LinearRunner> make_linear_runner(Device& device, const GraphView& graph,
                                                 const NodeView& node,
                                                 const CompileOptions& options) {
  return std::make_unique<MatrixRunner>(device, graph, node, options);
}

Activity estimate_linear(const Device& device, const GraphView& graph, const NodeView& node,
                         const CompileOptions& /*options*/) {
  Activity activity;
  for (const LinearProduct& product : products_of(graph, node)) {
    const OperandMode mode = product.stationary ? OperandMode::stationary : OperandMode::dynamic;
    activity +=
        device.estimate(product.shape, mode, OperandStatistics{}).scaled(product.products());
  }
  return activity;
}

PeripheryWork linear_work(const GraphView& graph, const NodeView& node) {
  if (node.input(2) == kAbsent) return {};
  return bias_work(static_cast<double>(elements_of(graph.value(node.outputs[0]).dims)));
}

}  // namespace jb::host
