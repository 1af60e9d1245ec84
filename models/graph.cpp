#include "models/graph.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "backends/core/shape_inference.h"

namespace jb::models {
namespace {

/// Elements of constants as large as these are looked at when sizes are inferred (shapes, axes).
constexpr std::int64_t kShapeElements = 64;

KnownValue known(const ValueView& value, const std::vector<Tensor>& elements, int index) {
  const Tensor& held = elements[static_cast<std::size_t>(index)];
  return {value.type, value.dims, held.raw() != nullptr ? &held : nullptr};
}

}  // namespace

int Graph::add_input(const std::string& name, DataType type, const Dims& dims) {
  values_.push_back({name, type, dims, false, {}});
  inputs_.push_back(static_cast<int>(values_.size()) - 1);
  return inputs_.back();
}

int Graph::add_constant(const std::string& name, Tensor value) {
  const DataType type = value.type();
  const Dims dims = value.dims();
  return add_constant(name, type, dims, Constant(std::move(value)));
}

int Graph::add_constant(const std::string& name, DataType type, const Dims& dims,
                        Constant constant) {
  values_.push_back({name, type, dims, true, std::move(constant)});
  return static_cast<int>(values_.size()) - 1;
}

int Graph::add(Op op, const std::string& name, std::vector<int> inputs, Attributes attributes,
               int outputs) {
  std::vector<std::string> names;
  for (int i = 0; i < outputs; ++i) names.push_back(i == 0 ? name : fmt::format("{}:{}", name, i));
  return add_named(op, name, std::move(inputs), names, std::move(attributes));
}

int Graph::add_named(Op op, const std::string& name, std::vector<int> inputs,
                     const std::vector<std::string>& outputs, Attributes attributes) {
  NodeView node;
  node.op = op;
  node.name = name;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  int first = kAbsent;
  for (const std::string& output : outputs) {
    if (output.empty()) {
      node.outputs.push_back(kAbsent);
      continue;
    }
    values_.push_back({output, DataType::f32, {}, false, {}});
    node.outputs.push_back(static_cast<int>(values_.size()) - 1);
    if (first == kAbsent) first = node.outputs.back();
  }
  nodes_.push_back(std::move(node));
  return first;
}

GraphView Graph::bind(std::int64_t batch) const {
  GraphView view;
  view.name = name_;
  view.batch = batch;
  view.values = values_;
  view.nodes = nodes_;
  view.inputs = inputs_;
  view.outputs = outputs_;
  for (const int input : inputs_) {
    for (std::int64_t& size : view.values[static_cast<std::size_t>(input)].dims) {
      if (size == kBatch) size = batch;
    }
  }
  std::vector<Tensor> elements(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const ValueView& value = values_[i];
    if (value.is_constant && value.constant.has_elements() &&
        elements_of(value.dims) <= kShapeElements) {
      elements[i] = value.constant.value();
    }
  }
  for (const NodeView& node : nodes_) {
    std::vector<KnownValue> held;
    std::vector<const KnownValue*> inputs;
    held.reserve(node.inputs.size());
    for (const int input : node.inputs) {
      if (input != kAbsent) held.push_back(known(view.value(input), elements, input));
      inputs.push_back(input == kAbsent ? nullptr : &held.back());
    }
    const std::vector<KnownValue> outputs = infer_outputs(node, inputs);
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      if (node.outputs[o] == kAbsent) continue;
      ValueView& value = view.values[static_cast<std::size_t>(node.outputs[o])];
      value.type = outputs.at(o).type;
      value.dims = outputs.at(o).dims;
    }
  }
  return view;
}

}  // namespace jb::models
