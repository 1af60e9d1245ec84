#include "backends/host/bound_graph.h"

#include <cstddef>

#include "backends/core/shape_inference.h"
#include "backends/host/kernels.h"

namespace jb::host {
namespace {

/// Constants of at most as many elements are looked at when sizes are inferred (shapes, axes).
constexpr std::int64_t kShapeElements = 64;

/// Computes small outputs whose inputs are known, so that sizes made from them are known too.
void follow_shapes(const NodeView& node, const std::vector<const KnownValue*>& inputs,
                   const std::vector<KnownValue>& outputs, std::vector<Tensor>& elements) {
  if (is_linear(node.op)) return;
  for (const KnownValue& output : outputs) {
    if (elements_of(output.dims) > kShapeElements) return;
  }
  std::vector<Tensor> placeholders;  // Shape and Size look at sizes alone
  placeholders.reserve(inputs.size());
  std::vector<const Tensor*> tensors;
  const bool sizes_suffice = node.op == Op::shape_of || node.op == Op::size_of;
  for (const KnownValue* input : inputs) {
    if (input != nullptr && input->elements == nullptr) {
      if (!sizes_suffice) return;
      placeholders.push_back(Tensor::alias(input->type, input->dims, nullptr, nullptr));
    }
    tensors.push_back(input == nullptr             ? nullptr
                      : input->elements == nullptr ? &placeholders.back()
                                                   : input->elements);
  }
  const std::vector<Tensor> results = run_kernel(node, tensors);
  for (std::size_t o = 0; o < node.outputs.size() && o < results.size(); ++o) {
    if (node.outputs[o] != kAbsent) {
      elements[static_cast<std::size_t>(node.outputs[o])] = results[o];
    }
  }
}

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

void infer_sizes(GraphView& view) {
  std::vector<Tensor> elements(view.values.size());  // of small values that are known
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
    follow_shapes(node, given, outputs, elements);
  }
}

GraphView rebound(const GraphView& graph, const std::vector<Dims>& inputs) {
  GraphView view = graph;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    view.values[static_cast<std::size_t>(view.inputs[i])].dims = inputs[i];
  }
  if (!inputs.empty() && !inputs[0].empty()) view.batch = inputs[0][0];
  infer_sizes(view);
  return view;
}

}  // namespace jb::host
