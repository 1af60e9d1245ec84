// Which nodes have a form on the GPU.

#include <algorithm>

#include "backends/core/linear_lowering.h"
#include "backends/cublas/gpu_conv_form.h"
#include "backends/cublas/gpu_nodes.h"
#include "backends/cublas/number_formats.h"

namespace jb::cublas {
namespace {

bool is_matrix_f32(const ValueView& value) {
  return value.type == DataType::f32 && value.dims.size() == 2;
}

/// Activations that a linear node may have fused.
bool has_activation_form(const FusedActivation& activation) {
  switch (activation.op) {
    case Op::identity:
    case Op::relu:
    case Op::sigmoid:
    case Op::tanh:
      return true;
    case Op::gelu: {
      const auto* gelu = std::get_if<GeluAttributes>(&activation.attributes);
      return gelu == nullptr || !gelu->tanh_approximation;
    }
    default:
      return false;
  }
}

/// A constant vector of the output's width, or none.
bool is_row_bias(const GraphView& graph, const NodeView& node, std::int64_t width) {
  if (node.input(2) == kAbsent) return true;
  const ValueView& bias = graph.value(node.inputs[2]);
  return bias.is_constant && elements_of(bias.dims) == width &&
         (bias.dims.size() == 1 || (bias.dims.size() == 2 && bias.dims[0] == 1));
}

bool is_constant_product(const GraphView& graph, const NodeView& node) {
  const ValueView& a = graph.value(node.inputs[0]);
  const ValueView& b = graph.value(node.inputs[1]);
  if (a.is_constant || !b.is_constant || !is_matrix_f32(b) || a.dims.size() < 2) return false;
  const auto& gemm = node.get<GemmAttributes>();
  if (gemm.alpha != 1 || gemm.trans_a) return false;
  if (node.input(2) != kAbsent && gemm.beta != 1) return false;
  return is_row_bias(graph, node, graph.value(node.outputs[0]).dims.back());
}

bool is_computed_product(const GraphView& graph, const NodeView& node, ElementType precision) {
  const Dims& a = graph.value(node.inputs[0]).dims;
  const Dims& b = graph.value(node.inputs[1]).dims;
  const bool plain = precision == ElementType::f32 || precision == ElementType::tf32 ||
                     precision == ElementType::f16 || precision == ElementType::bf16;
  return plain && node.op == Op::matmul && node.input(2) == kAbsent && a.size() == b.size() &&
         a.size() >= 2 && std::equal(a.begin(), a.end() - 2, b.begin()) &&
         elements_of(graph.value(node.outputs[0]).dims) > 0 && a.back() > 0;
}

bool is_last_axis(std::int64_t axis, std::size_t rank) {
  return axis == -1 || axis == static_cast<std::int64_t>(rank) - 1;
}

bool is_normalised_row(const GraphView& graph, const NodeView& node) {
  const Dims& x = graph.value(node.inputs[0]).dims;
  const auto only_first = std::all_of(node.outputs.begin() + 1, node.outputs.end(),
                                      [](int output) { return output == kAbsent; });
  return only_first && is_last_axis(node.get<NormAttributes>().axis, x.size()) &&
         node.input(2) != kAbsent && graph.value(node.inputs[1]).dims == Dims{x.back()} &&
         graph.value(node.inputs[2]).dims == Dims{x.back()};
}

}  // namespace

bool has_gpu_form(const GraphView& graph, const NodeView& node, ElementType precision) {
  for (const int output : node.outputs) {
    if (output != kAbsent && graph.value(output).type != DataType::f32) return false;
  }
  const ValueView& x = graph.value(node.inputs.at(0));
  if (x.type != DataType::f32) return false;
  if (!has_activation_form(node.activation)) return false;
  switch (node.op) {
    case Op::matmul:
    case Op::gemm:
      return is_constant_product(graph, node) || is_computed_product(graph, node, precision);
    case Op::conv:
      return conv_form(graph, node).has_value() &&
             is_row_bias(graph, node, graph.value(node.inputs[1]).dims[0]);
    case Op::relu:
    case Op::sigmoid:
    case Op::tanh:
      return true;
    case Op::gelu:
      return !node.get<GeluAttributes>().tanh_approximation;
    case Op::add:
    case Op::mul:
      return graph.value(node.inputs.at(1)).type == DataType::f32 &&
             graph.value(node.inputs[1]).dims == x.dims;
    case Op::softmax:
      return !x.dims.empty() && is_last_axis(node.get<AxisAttributes>().axis, x.dims.size());
    case Op::layer_normalization:
      return !x.dims.empty() && is_normalised_row(graph, node);
    case Op::max_pool:
    case Op::average_pool:
    case Op::global_average_pool:
      return pool_form(graph, node).has_value();
    case Op::transpose:
      return x.dims.size() <= static_cast<std::size_t>(Permutation::kMaxRank);
    case Op::identity:
    case Op::reshape:
    case Op::flatten:
    case Op::squeeze:
    case Op::unsqueeze:
      return true;
    case Op::dropout:
      return node.outputs.size() < 2 || node.outputs[1] == kAbsent;
    default:
      return false;
  }
}

}  // namespace jb::cublas
