// Rules for reductions, searches and sums along axes.

#include <array>

#include "models/onnx/operators.h"

namespace jb::models::onnx_io {
namespace {

/// Axes were an attribute until opset 12 (ReduceSum) or 17 (the others), then an input.
template <Op op>
void import_reduce(NodeImport& node) {
  constexpr int kAxesAreInput = op == Op::reduce_sum ? 13 : 18;
  ReduceAttributes attributes;
  attributes.keepdims = node.flag("keepdims", true);
  const bool by_input = node.opset() >= kAxesAreInput;
  if (by_input) attributes.noop_with_empty_axes = node.flag("noop_with_empty_axes", false);
  if (!by_input && node.inputs() > 1) {
    node.refuse("axes are an attribute before opset {}", kAxesAreInput);
  }
  const int axes = by_input ? node.input(1) : node.list_operand(1, "axes");
  node.emit(op, {node.input(0), axes}, attributes);
}

template <Op op>
void import_arg(NodeImport& node) {
  ArgAttributes attributes;
  attributes.axis = node.integer("axis", 0);
  attributes.keepdims = node.flag("keepdims", true);
  if (node.opset() >= 12) attributes.select_last_index = node.flag("select_last_index", false);
  node.emit(op, node.all_inputs(), attributes);
}

void import_cum_sum(NodeImport& node) {
  node.emit(Op::cum_sum, node.all_inputs(),
            CumSumAttributes{node.flag("exclusive", false), node.flag("reverse", false)});
}

void import_top_k(NodeImport& node) {
  TopKAttributes attributes;
  attributes.axis = node.integer("axis", -1);
  int k = node.input(1);
  if (node.opset() < 10) {
    if (!node.has("k")) node.refuse("attribute 'k' is missing");
    k = node.constant_s64("k", {node.integer("k", 0)});
  } else if (k == kAbsent) {
    node.refuse("input 1 (k) is missing");
  }
  if (node.opset() >= 11) {
    attributes.largest = node.flag("largest", true);
    attributes.sorted = node.flag("sorted", true);
  }
  node.emit(Op::top_k, {node.input(0), k}, attributes);
}

constexpr std::array kRules = {
    OperatorRule{"ReduceMean", 1, 1, 2, 1, import_reduce<Op::reduce_mean>},
    OperatorRule{"ReduceSum", 1, 1, 2, 1, import_reduce<Op::reduce_sum>},
    OperatorRule{"ReduceMax", 1, 1, 2, 1, import_reduce<Op::reduce_max>},
    OperatorRule{"ReduceMin", 1, 1, 2, 1, import_reduce<Op::reduce_min>},
    OperatorRule{"ReduceProd", 1, 1, 2, 1, import_reduce<Op::reduce_prod>},
    OperatorRule{"ReduceL1", 1, 1, 2, 1, import_reduce<Op::reduce_l1>},
    OperatorRule{"ReduceL2", 1, 1, 2, 1, import_reduce<Op::reduce_l2>},
    OperatorRule{"ReduceLogSum", 1, 1, 2, 1, import_reduce<Op::reduce_log_sum>},
    OperatorRule{"ReduceLogSumExp", 1, 1, 2, 1, import_reduce<Op::reduce_log_sum_exp>},
    OperatorRule{"ReduceSumSquare", 1, 1, 2, 1, import_reduce<Op::reduce_sum_square>},
    OperatorRule{"ArgMax", 1, 1, 1, 1, import_arg<Op::arg_max>},
    OperatorRule{"ArgMin", 1, 1, 1, 1, import_arg<Op::arg_min>},
    OperatorRule{"CumSum", 11, 2, 2, 1, import_cum_sum},
    OperatorRule{"TopK", 1, 1, 2, 2, import_top_k},
};

}  // namespace

std::span<const OperatorRule> reduction_rules() { return kRules; }

}  // namespace jb::models::onnx_io
