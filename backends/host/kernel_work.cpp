// Digital work by operator and sizes. A function of one value (root, exponential, division) counts
// as one, whatever it is made of; composite functions count their parts.

#include <algorithm>

#include "backends/core/inference/node_inputs.h"
#include "backends/host/kernels.h"

namespace jb::host {
namespace {

double count_of(const KnownValue& value) { return static_cast<double>(elements_of(value.dims)); }
double bytes_in(const KnownValue& value) {
  return count_of(value) * static_cast<double>(bytes_of(value.type));
}

PeripheryWork per_element(double elements, double adds, double multiplies, double comparisons,
                          double functions) {
  PeripheryWork work;
  work.adds = adds * elements;
  work.multiplies = multiplies * elements;
  work.comparisons = comparisons * elements;
  work.functions = functions * elements;
  return work;
}

/// Elements of a pooling's windows, padding included.
double window_elements(const NodeView& node) {
  double elements = 1;
  for (const std::int64_t k : node.get<PoolAttributes>().kernel) {
    elements *= static_cast<double>(k);
  }
  return elements;
}

PeripheryWork element_work(const NodeView& node, double y, double operands) {
  switch (node.op) {
    case Op::add:
    case Op::sub:
      return per_element(y, 1, 0, 0, 0);
    case Op::sum:
      return per_element(y, operands - 1, 0, 0, 0);
    case Op::mean:
      return per_element(y, operands - 1, 1, 0, 0);
    case Op::mul:
    case Op::neg:
      return per_element(y, 0, 1, 0, 0);
    case Op::minimum:
    case Op::maximum:
      return per_element(y, 0, 0, operands - 1, 0);
    case Op::div:
    case Op::pow:
    case Op::modulo:
    case Op::sqrt:
    case Op::reciprocal:
    case Op::exp:
    case Op::log:
    case Op::erf:
    case Op::sin:
    case Op::cos:
    case Op::tanh:
      return per_element(y, 0, 0, 0, 1);
    case Op::leaky_relu:
    case Op::prelu:
      return per_element(y, 0, 1, 1, 0);
    case Op::elu:
    case Op::celu:
      return per_element(y, 1, 1, 1, 1);
    case Op::selu:
      return per_element(y, 1, 2, 1, 1);
    case Op::sigmoid:  // exponential, addition, reciprocal
      return per_element(y, 1, 0, 0, 2);
    case Op::hard_sigmoid:
      return per_element(y, 1, 1, 2, 0);
    case Op::hard_swish:
      return per_element(y, 1, 2, 2, 0);
    case Op::softplus:
      return per_element(y, 2, 0, 1, 2);
    case Op::softsign:
      return per_element(y, 1, 0, 0, 1);
    case Op::gelu:  // x / 2 (1 + erf(x / root 2)); the polynomial inside the tanh
      return node.get<GeluAttributes>().tanh_approximation ? per_element(y, 2, 5, 0, 1)
                                                           : per_element(y, 1, 2, 0, 1);
    case Op::silu:
      return per_element(y, 1, 1, 0, 2);
    case Op::mish:
      return per_element(y, 2, 1, 1, 3);
    case Op::clip:
      return per_element(y, 0, 0, 2, 0);
    default:  // comparisons, logic, selections, roundings, conversions
      return per_element(y, 0, 0, 1, 0);
  }
}

PeripheryWork normalization_work(const NodeView& node, double x, double rows) {
  switch (node.op) {
    case Op::softmax:
    case Op::log_softmax:
    case Op::softmax_flattened:
    case Op::log_softmax_flattened:
      // maximum, difference, exponential, sum, scaling (or the difference with the logarithm)
      return per_element(x, 2, 1, 1, 1) += per_element(rows, 0, 0, 0, 1);
    case Op::batch_normalization:  // scale and shift are made once
      return per_element(x, 1, 1, 0, 0);
    case Op::lrn: {
      const auto size = static_cast<double>(node.get<LrnAttributes>().size);
      return per_element(x, size, 2 + size, 0, 1);
    }
    default:  // mean, difference, square, sum; then scale and shift
      return per_element(x, 4, 3, 0, 0) += per_element(rows, 1, 2, 0, 1);
  }
}

PeripheryWork pooling_work(const NodeView& node, double x, double y) {
  const double window = window_elements(node);
  switch (node.op) {
    case Op::max_pool:
      return per_element(y, 0, 0, window - 1, 0);
    case Op::average_pool:
      return per_element(y, window - 1, 1, 0, 0);
    case Op::lp_pool:
      return per_element(y, window - 1, window, 0, 1);
    case Op::global_max_pool:
      return per_element(x, 0, 0, 1, 0);
    default:
      return per_element(x, 1, 0, 0, 0) += per_element(y, 0, 1, 0, 0);
  }
}

PeripheryWork reduction_work(const NodeView& node, double x, double y) {
  switch (node.op) {
    case Op::reduce_max:
    case Op::reduce_min:
    case Op::arg_max:
    case Op::arg_min:
    case Op::top_k:
      return per_element(x, 0, 0, 1, 0);
    case Op::reduce_prod:
      return per_element(x, 0, 1, 0, 0);
    case Op::reduce_mean:
      return per_element(x, 1, 0, 0, 0) += per_element(y, 0, 1, 0, 0);
    case Op::reduce_sum_square:
      return per_element(x, 1, 1, 0, 0);
    case Op::reduce_l2:
      return per_element(x, 1, 1, 0, 0) += per_element(y, 0, 0, 0, 1);
    case Op::reduce_log_sum:
      return per_element(x, 1, 0, 0, 0) += per_element(y, 0, 0, 0, 1);
    case Op::reduce_log_sum_exp:
      return per_element(x, 2, 0, 1, 1) += per_element(y, 1, 0, 0, 1);
    default:
      return per_element(x, 1, 0, 0, 0);
  }
}

/// Nodes after which the same elements lie at the same places, and those that look at sizes alone.
bool costs_nothing(Op op) {
  switch (op) {
    case Op::identity:
    case Op::dropout:
    case Op::reshape:
    case Op::flatten:
    case Op::squeeze:
    case Op::unsqueeze:
    case Op::shape_of:
    case Op::size_of:
      return true;
    default:
      return false;
  }
}

}  // namespace

PeripheryWork function_work(const NodeView& node, double elements) {
  if (node.op == Op::identity) return {};
  return element_work(node, elements, 1);
}

PeripheryWork work_of(const NodeView& node, const std::vector<const KnownValue*>& inputs,
                      const std::vector<KnownValue>& outputs) {
  const Op op = node.op;
  if (costs_nothing(op)) return {};
  const KnownValue* first = !inputs.empty() ? inputs[0] : nullptr;
  const double x = first != nullptr ? count_of(*first) : 0;
  const double y = count_of(outputs[0]);
  double read = 0;
  double operands = 0;
  for (const KnownValue* input : inputs) {
    if (input == nullptr) continue;
    read += bytes_in(*input);
    operands += 1;
  }
  PeripheryWork work;
  if (is_linear(op)) {  // MatMul and Gemm of integers
    const std::size_t last = first->dims.empty() ? 0 : first->dims.size() - 1;
    const bool transposed = op == Op::gemm && node.get<GemmAttributes>().trans_a;
    if (!first->dims.empty())
      work.macs = y * static_cast<double>(first->dims[transposed ? 0 : last]);
  } else if (op <= Op::cast) {
    work = element_work(node, y, operands);
  } else if (op <= Op::lrn) {
    // Rows share a mean or a sum: all that the operator does not reduce over.
    double rows = 0;
    if (op == Op::layer_normalization || op == Op::softmax || op == Op::log_softmax) {
      const auto rank = static_cast<std::int64_t>(first->dims.size());
      const bool layer = op == Op::layer_normalization;
      std::int64_t axis = layer ? node.get<NormAttributes>().axis : node.get<AxisAttributes>().axis;
      if (axis < 0) axis += rank;
      double length = 1;
      for (std::int64_t d = axis; d < (layer ? rank : axis + 1); ++d) {
        length *= static_cast<double>(first->dims[static_cast<std::size_t>(d)]);
      }
      rows = length > 0 ? x / length : 0;
    } else if (!first->dims.empty()) {
      rows = static_cast<double>(first->dims[0]);
    }
    work = normalization_work(node, x, rows);
  } else if (op <= Op::global_max_pool) {
    work = pooling_work(node, x, y);
  } else if (op <= Op::top_k) {
    work = reduction_work(node, x, y);
  } else if (op == Op::embedding_bag) {
    const double lookups = count_of(*inputs[1]);
    const double width = y / std::max(1.0, static_cast<double>(outputs[0].dims[0]));
    work.adds = lookups * width - y;
    read = lookups * width * static_cast<double>(bytes_of(outputs[0].type));  // rows, not the table
  } else if (op == Op::resize) {
    const std::string mode = inference::named_string(node, "mode", "nearest");
    const double taps = mode == "nearest" ? 0 : mode == "linear" ? 2 : 4;
    work = per_element(y, taps, taps, 0, 0);
  } else if (op == Op::gather || op == Op::gather_elements || op == Op::gather_nd ||
             op == Op::slice) {
    read = bytes_in(outputs[0]);  // what is taken, not what it is taken from
  }
  work.bytes = read;
  for (const KnownValue& output : outputs) work.bytes += bytes_in(output);
  return work;
}

}  // namespace jb::host
