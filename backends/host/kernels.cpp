#include "backends/host/kernels.h"

#include <algorithm>

#include "backends/host/ops/kernel_call.h"

namespace jb::host {
namespace {

/// Operators that move elements of any type without arithmetic.
bool only_moves(const NodeView& node) {
  switch (node.op) {
    case Op::where:
    case Op::cast:
    case Op::gather:
    case Op::gather_elements:
    case Op::gather_nd:
    case Op::shape_of:
    case Op::size_of:
    case Op::constant_of_shape:
    case Op::one_hot:
    case Op::pad:
      return true;
    case Op::scatter_nd:
      return inference::named_string(node, "reduction", "none") == "none";
    default:
      return node.op >= Op::identity && node.op != Op::resize && node.op != Op::range &&
             node.op != Op::embedding_bag;
  }
}

Results run_family(const KernelCall& call) {
  const Op op = call.op();
  if (is_linear(op)) return run_linear(call);
  if (op == Op::cast) return {converted(call.input(0), call.outputs[0].type)};
  if (op == Op::prelu || op <= Op::where) {
    return op == Op::logical_not ? run_unary(call) : run_elementwise(call);
  }
  if (op < Op::cast) return run_unary(call);
  if (op <= Op::log_softmax_flattened) return run_softmax(call);
  if (op <= Op::lrn) return run_normalization(call);
  if (op <= Op::global_max_pool) return run_pooling(call);
  if (op <= Op::reduce_sum_square) return run_reduction(call);
  switch (op) {
    case Op::arg_max:
    case Op::arg_min:
      return run_arg(call);
    case Op::cum_sum:
      return run_cum_sum(call);
    case Op::top_k:
      return run_top_k(call);
    case Op::pad:
      return run_pad(call);
    case Op::resize:
      return run_resize(call);
    case Op::gather:
    case Op::gather_elements:
    case Op::gather_nd:
    case Op::scatter_nd:
    case Op::shape_of:
    case Op::size_of:
    case Op::constant_of_shape:
    case Op::range:
    case Op::one_hot:
    case Op::embedding_bag:
      return run_indexing(call);
    default:
      return run_layout(call);
  }
}

Results run_checked(const NodeView& node, const std::vector<const Tensor*>& inputs) {
  std::vector<KnownValue> held;
  held.reserve(inputs.size());
  std::vector<const KnownValue*> known;
  for (const Tensor* input : inputs) {
    if (input != nullptr) held.push_back({input->type(), input->dims(), input});
    known.push_back(input != nullptr ? &held.back() : nullptr);
  }
  const std::vector<KnownValue> outputs = infer_outputs(node, known);
  return run_family({inference::NodeInputs(node, known), inputs, outputs});
}

bool is_half(DataType type) { return type == DataType::f16 || type == DataType::bf16; }

}  // namespace

std::vector<Tensor> run_kernel(const NodeView& node, const std::vector<const Tensor*>& inputs) {
  const auto half = std::find_if(inputs.begin(), inputs.end(), [](const Tensor* t) {
    return t != nullptr && is_half(t->type());
  });
  if (half == inputs.end() || only_moves(node)) return run_checked(node, inputs);
  // Arithmetic on binary16 and bfloat16 is done in float.
  std::vector<KnownValue> held;
  std::vector<Tensor> widened;
  held.reserve(inputs.size());
  widened.reserve(inputs.size());
  std::vector<const KnownValue*> known;
  std::vector<const Tensor*> wide;
  for (const Tensor* input : inputs) {
    if (input == nullptr) {
      known.push_back(nullptr);
      wide.push_back(nullptr);
      continue;
    }
    held.push_back({input->type(), input->dims(), input});
    known.push_back(&held.back());
    widened.push_back(is_half(input->type()) ? converted(*input, DataType::f32) : *input);
    wide.push_back(&widened.back());
  }
  const std::vector<KnownValue> outputs = infer_outputs(node, known);
  Results results = run_checked(node, wide);
  for (std::size_t o = 0; o < results.size() && o < outputs.size(); ++o) {
    results[o] = converted(results[o], outputs[o].type);
  }
  return results;
}

}  // namespace jb::host
