#include "harness/float_network.h"

#include <algorithm>
#include <utility>

#include "backends/core/gemm.h"
#include "backends/host/kernels.h"

namespace jb::harness {
namespace {

/// A Cast to any floating-point type stays in float64.
NodeView in_float64(const NodeView& node) {
  NodeView wide = node;
  if (node.op == jb::Op::cast && is_float(node.get<CastAttributes>().to)) {
    wide.attributes = CastAttributes{DataType::f64};
  }
  return wide;
}

MatrixView<const double> matrix_of(const Tensor& tensor, std::int64_t rows, std::int64_t cols) {
  return {tensor.as<double>().data(), rows, cols, cols, 1};
}

/// A [... x k] times a matrix [k x n], with a bias over the last dimension: by the product routine,
/// which is what most of the work of a network is.
std::vector<Tensor> matrix_product(const std::vector<const Tensor*>& inputs) {
  const Tensor& a = *inputs[0];
  const Tensor& b = *inputs[1];
  const std::int64_t k = b.dims()[0];
  const std::int64_t n = b.dims()[1];
  Dims dims = a.dims();
  dims.back() = n;
  Tensor y(DataType::f64, dims);
  const std::int64_t rows = k > 0 ? a.size() / k : 0;
  const MatrixView<double> c{y.as_mutable<double>().data(), rows, n, n, 1};
  gemm<double>(matrix_of(a, rows, k), matrix_of(b, k, n), c);
  if (inputs.size() > 2 && inputs[2] != nullptr) {
    const auto bias = inputs[2]->as<double>();
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < n; ++j) c(i, j) += bias[static_cast<std::size_t>(j)];
    }
  }
  return {std::move(y)};
}

bool is_matrix_product(const NodeView& node, const std::vector<const Tensor*>& inputs) {
  return node.op == jb::Op::matmul && node.activation.op == jb::Op::identity && inputs.size() > 1 &&
         inputs[0]->rank() >= 2 && inputs[1]->rank() == 2 && inputs[0]->size() > 0 &&
         inputs[0]->type() == DataType::f64 && inputs[1]->type() == DataType::f64;
}

}  // namespace

Tensor as_float64(const Tensor& tensor) {
  if (!is_float(tensor.type()) || tensor.type() == DataType::f64) return tensor;
  if (tensor.type() == DataType::f32) {
    Tensor wide(DataType::f64, tensor.dims());
    const auto from = tensor.as<float>();
    const auto to = wide.as_mutable<double>();
    std::copy(from.begin(), from.end(), to.begin());
    return wide;
  }
  NodeView cast;
  cast.op = jb::Op::cast;
  cast.name = "to float64";
  cast.attributes = CastAttributes{DataType::f64};
  return host::run_kernel(cast, {&tensor}).at(0);
}

std::vector<Tensor> node_in_float64(const NodeView& node,
                                    const std::vector<const Tensor*>& inputs) {
  if (is_matrix_product(node, inputs)) return matrix_product(inputs);
  std::vector<Tensor> outputs = host::run_kernel(in_float64(node), inputs);
  for (Tensor& output : outputs) output = as_float64(output);
  return outputs;
}

std::vector<Tensor> run_in_float64(const GraphView& graph, const std::vector<Tensor>& inputs,
                                   const NodeSink& sink) {
  if (inputs.size() != graph.inputs.size()) fail_internal("a network run without all its inputs");
  std::vector<Tensor> values(graph.values.size());
  std::vector<std::size_t> last(graph.values.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const int input : graph.nodes[i].inputs) {
      if (input != kAbsent) last[static_cast<std::size_t>(input)] = i;
    }
  }
  for (const int output : graph.outputs) {
    last[static_cast<std::size_t>(output)] = graph.nodes.size();
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values[static_cast<std::size_t>(graph.inputs[i])] = as_float64(inputs[i]);
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const NodeView& node = graph.nodes[i];
    std::vector<const Tensor*> given;
    for (const int input : node.inputs) {
      if (input == kAbsent) {
        given.push_back(nullptr);
        continue;
      }
      Tensor& value = values[static_cast<std::size_t>(input)];
      if (graph.value(input).is_constant && value.raw() == nullptr) {
        value = as_float64(graph.value(input).constant.value());
      }
      given.push_back(&value);
    }
    std::vector<Tensor> produced = node_in_float64(node, given);
    if (sink) sink(i, given, produced);
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      if (node.outputs[o] == kAbsent) continue;
      values[static_cast<std::size_t>(node.outputs[o])] = std::move(produced.at(o));
    }
    for (const int input : node.inputs) {
      if (input != kAbsent && last[static_cast<std::size_t>(input)] == i) {
        values[static_cast<std::size_t>(input)] = Tensor();
      }
    }
  }
  std::vector<Tensor> outputs;
  for (const int output : graph.outputs) {
    Tensor& value = values[static_cast<std::size_t>(output)];
    if (graph.value(output).is_constant) {
      value = as_float64(graph.value(output).constant.value());
    }
    outputs.push_back(value);
  }
  return outputs;
}

}  // namespace jb::harness
