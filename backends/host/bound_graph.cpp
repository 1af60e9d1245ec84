#include "backends/host/bound_graph.h"

#include <cstddef>

#include "backends/core/shape_inference.h"
#include "backends/host/kernels.h"

namespace jb::host {
namespace {

/// Constants of at most as many elements are looked at when sizes are inferred (shapes, axes).
constexpr std::int64_t kShapeElements = 64;

}  // namespace

PeripheryWork bound_work(const GraphView& graph, const NodeView& node) {
  std::vector<KnownValue> known;
  known.reserve(node.inputs.size());
  for (const int input : node.inputs) {
    if (input == kAbsent) {
      known.emplace_back();
    } else {
      known.push_back({graph.value(input).type, graph.value(input).dims, nullptr});
    }
  }
  std::vector<const KnownValue*> inputs;
  for (std::size_t i = 0; i < known.size(); ++i) {
    inputs.push_back(node.inputs[i] == kAbsent ? nullptr : &known[i]);
  }
  std::vector<KnownValue> outputs;
  for (const int output : node.outputs) {
    if (output == kAbsent) {
      outputs.emplace_back();
    } else {
      outputs.push_back({graph.value(output).type, graph.value(output).dims, nullptr});
    }
  }
  return work_of(node, inputs, outputs);
}

GraphView rebound(const GraphView& graph, const std::vector<Dims>& inputs) {
  GraphView view = graph;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    view.values[static_cast<std::size_t>(view.inputs[i])].dims = inputs[i];
  }
  if (!inputs.empty() && !inputs[0].empty()) view.batch = inputs[0][0];
  std::vector<Tensor> elements(view.values.size());
  for (const NodeView& node : view.nodes) {
    std::vector<KnownValue> known;
    std::vector<const KnownValue*> given;
    known.reserve(node.inputs.size());
    for (const int input : node.inputs) {
      if (input == kAbsent) {
        given.push_back(nullptr);
        continue;
      }
      const ValueView& value = view.value(input);
      Tensor& held = elements[static_cast<std::size_t>(input)];
      if (value.is_constant && held.raw() == nullptr && value.constant.has_elements() &&
          elements_of(value.dims) <= kShapeElements) {
        held = value.constant.value();
      }
      known.push_back({value.type, value.dims, held.raw() == nullptr ? nullptr : &held});
      given.push_back(&known.back());
    }
    const std::vector<KnownValue> outputs = infer_outputs(node, given);
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      if (node.outputs[o] == kAbsent) continue;
      ValueView& value = view.values[static_cast<std::size_t>(node.outputs[o])];
      value.type = outputs.at(o).type;
      value.dims = outputs.at(o).dims;
    }
  }
  return view;
}

}  // namespace jb::host
