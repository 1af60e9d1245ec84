#include "backends/core/linear_lowering.h"

#include <algorithm>
#include <utility>

namespace jb {
namespace {

std::int64_t product_of(Dims::const_iterator begin, Dims::const_iterator end) {
  return elements_of(Dims(begin, end));
}

/// Sizes as matmul sees them: a vector is a row on the left and a column on the right.
Dims as_matrices(const Dims& dims, bool left) {
  if (dims.size() != 1) return dims;
  return left ? Dims{1, dims[0]} : Dims{dims[0], 1};
}

LinearProduct matmul_product(const GraphView& graph, const NodeView& node) {
  const ValueView& a = graph.value(node.inputs[0]);
  const ValueView& b = graph.value(node.inputs[1]);
  const Dims left = as_matrices(a.dims, true);
  const Dims right = as_matrices(b.dims, false);
  const std::int64_t rows = left[left.size() - 2];
  const std::int64_t cols = right.back();
  LinearProduct product;
  product.stationary = a.is_constant || b.is_constant;
  if (right.size() == 2 && !constant_is_left(graph, node)) {
    product.shape = {product_of(left.begin(), left.end() - 1), cols, left.back()};
    return product;
  }
  const std::int64_t left_matrices = product_of(left.begin(), left.end() - 2);
  const std::int64_t right_matrices = product_of(right.begin(), right.end() - 2);
  const std::int64_t matrices = elements_of([&] {
    const Dims& out = graph.value(node.outputs[0]).dims;
    const std::size_t matrix_dims = (a.dims.size() > 1 ? 1U : 0U) + (b.dims.size() > 1 ? 1U : 0U);
    return Dims(out.begin(), out.end() - static_cast<std::ptrdiff_t>(matrix_dims));
  }());
  if (constant_is_left(graph, node)) {
    // C^T = B^T A^T: one product per matrix, or all of them at once when A is a single matrix.
    product.shape = {cols, rows, left.back()};
    if (left_matrices == 1) {
      product.shape.m = cols * matrices;
      return product;
    }
    product.operands = left_matrices;
    product.uses = matrices / std::max<std::int64_t>(1, left_matrices);
    return product;
  }
  product.shape = {rows, cols, left.back()};
  product.operands = right_matrices;
  product.uses = matrices / std::max<std::int64_t>(1, right_matrices);
  return product;
}

LinearProduct gemm_product(const GraphView& graph, const NodeView& node) {
  const auto& attributes = node.get<GemmAttributes>();
  const ValueView& a = graph.value(node.inputs[0]);
  const ValueView& b = graph.value(node.inputs[1]);
  LinearProduct product;
  product.stationary = a.is_constant || b.is_constant;
  product.shape = {a.dims[attributes.trans_a ? 1 : 0], b.dims[attributes.trans_b ? 0 : 1],
                   a.dims[attributes.trans_a ? 0 : 1]};
  if (constant_is_left(graph, node)) std::swap(product.shape.m, product.shape.n);
  return product;
}

LinearProduct conv_product(const GraphView& graph, const NodeView& node) {
  const Dims& x = graph.value(node.inputs[0]).dims;
  const Dims& w = graph.value(node.inputs[1]).dims;
  const Dims& y = graph.value(node.outputs[0]).dims;
  const std::int64_t groups = node.get<ConvAttributes>().groups;
  LinearProduct product;
  product.operands = groups;
  product.stationary = graph.value(node.inputs[1]).is_constant;
  if (node.op == Op::conv) {
    product.shape = {y[0] * product_of(y.begin() + 2, y.end()), w[0] / groups,
                     product_of(w.begin() + 1, w.end())};
  } else {
    product.shape = {x[0] * product_of(x.begin() + 2, x.end()), product_of(w.begin() + 1, w.end()),
                     w[0] / groups};
  }
  return product;
}

std::vector<LinearProduct> recurrent_products(const GraphView& graph, const NodeView& node) {
  const Dims& x = graph.value(node.inputs[0]).dims;
  const Dims& w = graph.value(node.inputs[1]).dims;
  const Dims& r = graph.value(node.inputs[2]).dims;
  const bool batch_first = node.get<RecurrentAttributes>().batch_first;
  const std::int64_t steps = x[batch_first ? 1 : 0];
  const std::int64_t samples = x[batch_first ? 0 : 1];
  LinearProduct input;
  input.part = "input";
  input.shape = {steps * samples, w[1], w[2]};
  input.operands = w[0];
  input.stationary = graph.value(node.inputs[1]).is_constant;
  LinearProduct recurrent;
  recurrent.part = "recurrent";
  recurrent.shape = {samples, r[1], r[2]};
  recurrent.operands = r[0];
  recurrent.uses = steps;
  recurrent.stationary = graph.value(node.inputs[2]).is_constant;
  if (node.op == Op::lstm && node.input(8) != kAbsent) {
    const Dims& p = graph.value(node.inputs[8]).dims;
    LinearProduct projection = recurrent;
    projection.part = "projection";
    projection.shape = {samples, p[1], p[2]};
    projection.stationary = graph.value(node.inputs[8]).is_constant;
    return {input, recurrent, projection};
  }
  if (node.op != Op::gru || node.get<RecurrentAttributes>().linear_before_reset) {
    return {input, recurrent};
  }
  LinearProduct candidate = recurrent;
  candidate.part = "candidate";
  candidate.shape.n = r[2];
  recurrent.shape.n = r[1] - r[2];
  return {input, recurrent, candidate};
}

}  // namespace

bool constant_is_left(const GraphView& graph, const NodeView& node) {
  if (node.op != Op::matmul && node.op != Op::gemm) return false;
  return graph.value(node.inputs[0]).is_constant && !graph.value(node.inputs[1]).is_constant;
}

std::vector<LinearProduct> products_of(const GraphView& graph, const NodeView& node) {
  switch (node.op) {
    case Op::matmul:
      return {matmul_product(graph, node)};
    case Op::gemm:
      return {gemm_product(graph, node)};
    case Op::conv:
    case Op::conv_transpose:
      return {conv_product(graph, node)};
    case Op::rnn:
    case Op::lstm:
    case Op::gru:
      return recurrent_products(graph, node);
    default:
      return {};
  }
}

}  // namespace jb
