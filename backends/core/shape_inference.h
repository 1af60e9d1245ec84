#pragma once
// Sizes and types of a node's outputs from those of its inputs: one function for binding graphs and
// for the kernels that compute them.

#include <string>
#include <vector>

#include "backends/core/graph_view.h"
#include "backends/core/tensor.h"

namespace jb {

/// What is known of a value: always type and sizes; its elements where they are constant (shapes
/// that a Reshape takes, axes).
struct KnownValue {
  DataType type = DataType::f32;
  Dims dims;
  const Tensor* elements = nullptr;
};

/// Types and sizes of node.outputs, in order. `inputs` stand at the positions of node.inputs, null
/// where absent. Usage error naming the node and the reason when the operator does not take such
/// inputs, or when sizes depend on elements that are not known.
std::vector<KnownValue> infer_outputs(const NodeView& node,
                                      const std::vector<const KnownValue*>& inputs);

}  // namespace jb
