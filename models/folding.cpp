#include "models/folding.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backends/core/shape_inference.h"
#include "backends/host/kernels.h"

namespace jb::models {
namespace {

bool is_held(const ValueView& value) {
  return value.is_constant && value.constant.has_elements() && !value.constant.made_on_demand();
}

/// The node's results, empty when they are not to be computed ahead.
std::vector<Tensor> results_of(const Graph& graph, const NodeView& node, std::int64_t most) {
  std::vector<Tensor> held;
  held.reserve(node.inputs.size());
  std::vector<KnownValue> values;
  values.reserve(node.inputs.size());
  std::vector<const Tensor*> tensors;
  std::vector<const KnownValue*> known;
  for (const int input : node.inputs) {
    if (input == kAbsent) {
      tensors.push_back(nullptr);
      known.push_back(nullptr);
      continue;
    }
    const ValueView& value = graph.values()[static_cast<std::size_t>(input)];
    if (!is_held(value)) return {};
    held.push_back(value.constant.value());
    values.push_back({value.type, value.dims, &held.back()});
    tensors.push_back(&held.back());
    known.push_back(&values.back());
  }
  for (const KnownValue& output : infer_outputs(node, known)) {
    if (elements_of(output.dims) > most) return {};
  }
  return host::run_kernel(node, tensors);
}

}  // namespace

int fold_constants(Graph& graph, std::int64_t most_elements) {
  std::vector<NodeView> kept;
  int folded = 0;
  for (NodeView& node : graph.nodes()) {
    const std::vector<Tensor> results = results_of(graph, node, most_elements);
    if (results.empty()) {
      kept.push_back(std::move(node));
      continue;
    }
    ++folded;
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      if (node.outputs[o] == kAbsent) continue;
      ValueView& value = graph.values()[static_cast<std::size_t>(node.outputs[o])];
      value.type = results.at(o).type();
      value.dims = results.at(o).dims();
      value.is_constant = true;
      value.constant = Constant(results.at(o));
    }
  }
  graph.nodes() = std::move(kept);
  return folded;
}

}  // namespace jb::models
