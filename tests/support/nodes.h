#pragma once
// Short ways to write tensors and single nodes.

#include <initializer_list>
#include <numeric>
#include <utility>
#include <vector>

#include "backends/core/random.h"
#include "backends/core/shape_inference.h"
#include "backends/host/kernels.h"

namespace jb::test {

inline Tensor f32(const Dims& dims, const std::vector<float>& values) {
  return Tensor::of<float>(dims, values);
}
inline Tensor i64(const std::vector<std::int64_t>& values) {
  return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}
inline Tensor scalar(float value) { return f32({}, {value}); }

/// 0, 1, 2, ...
inline Tensor counting(const Dims& dims) {
  std::vector<float> values(static_cast<std::size_t>(elements_of(dims)));
  std::iota(values.begin(), values.end(), 0.0F);
  return f32(dims, values);
}

/// Standard normals; other `tag`, other numbers.
inline Tensor normal(const Dims& dims, std::uint64_t tag) {
  Tensor tensor(DataType::f32, dims);
  RandomStream(1, 0, tag, 7).normals(tensor.as_mutable<float>(), 0, 0, 0);
  return tensor;
}

inline std::vector<float> floats(const Tensor& tensor) {
  const auto held = tensor.as<float>();
  return {held.begin(), held.end()};
}
inline std::vector<std::int64_t> integers(const Tensor& tensor) {
  const auto held = tensor.as<std::int64_t>();
  return {held.begin(), held.end()};
}

inline NodeView node_of(Op op, Attributes attributes = {}, int outputs = 1) {
  NodeView node;
  node.op = op;
  node.name = "n";
  node.attributes = std::move(attributes);
  for (int i = 0; i < outputs; ++i) node.outputs.push_back(i);
  return node;
}

inline std::vector<const Tensor*> pointers(const std::vector<Tensor>& tensors) {
  std::vector<const Tensor*> list;
  for (const Tensor& t : tensors) list.push_back(t.raw() == nullptr ? nullptr : &t);
  return list;
}

/// Runs one node; a default tensor stands for an absent input.
inline std::vector<Tensor> run_node(const NodeView& node, const std::vector<Tensor>& inputs) {
  return host::run_kernel(node, pointers(inputs));
}
inline Tensor run_op(Op op, const std::vector<Tensor>& inputs, Attributes attributes = {}) {
  return run_node(node_of(op, std::move(attributes)), inputs).at(0);
}

/// Sizes of the first output when elements are known only where the input is integer.
inline Dims inferred(const NodeView& node, const std::vector<Tensor>& inputs) {
  std::vector<KnownValue> values;
  values.reserve(inputs.size());
  std::vector<const KnownValue*> known;
  for (const Tensor& t : inputs) {
    values.push_back({t.type(), t.dims(), is_float(t.type()) ? nullptr : &t});
    known.push_back(t.raw() == nullptr ? nullptr : &values.back());
  }
  return infer_outputs(node, known).at(0).dims;
}

}  // namespace jb::test
