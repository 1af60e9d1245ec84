#include "models/graph.h"

#include <fmt/core.h>

#include <utility>

#include "backends/host/bound_graph.h"

namespace jb::models {

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
  host::infer_sizes(view);
  return view;
}

}  // namespace jb::models
