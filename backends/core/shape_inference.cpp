#include "backends/core/shape_inference.h"

#include <string_view>

#include "backends/core/inference/families.h"

namespace jb {
namespace {

inference::Outputs infer(const inference::NodeInputs& in) {
  using namespace inference;
  const Op op = in.op();
  if (op <= Op::gru) return infer_linear(in);
  if (op <= Op::cast) return infer_elementwise(in);
  if (op <= Op::lrn) return infer_normalization(in);
  if (op <= Op::global_max_pool) return infer_pooling(in);
  if (op <= Op::top_k) return infer_reduction(in);
  switch (op) {
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
      return infer_indexing(in);
    default:
      return infer_layout(in);
  }
}

}  // namespace

std::vector<KnownValue> infer_outputs(const NodeView& node,
                                      const std::vector<const KnownValue*>& inputs) {
  const inference::NodeInputs in(node, inputs);
  std::vector<KnownValue> outputs;
  try {
    outputs = infer(in);
    for (const KnownValue& output : outputs) static_cast<void>(elements_of(output.dims));
  } catch (const Unsupported&) {
    throw;
  } catch (const Error& error) {
    // Sizes that are too large are refused below, without knowing the node.
    if (std::string_view(error.what()).substr(0, 6) == "node '") throw;
    in.fail("{}", error.what());
  }
  if (node.outputs.size() > outputs.size()) {
    in.fail("{} outputs are asked for; it gives {}", node.outputs.size(), outputs.size());
  }
  if (!node.outputs.empty()) outputs.resize(node.outputs.size());
  return outputs;
}

}  // namespace jb
