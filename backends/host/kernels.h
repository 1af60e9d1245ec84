#pragma once
// Digital periphery of networks: everything that is not a product for the backend, computed on the
// host in the tensor's own type, with the work that a digital unit beside the machine would do.

#include <vector>

#include "backends/core/graph_view.h"
#include "backends/core/shape_inference.h"
#include "backends/core/tensor.h"
#include "backends/energy/periphery.h"

namespace jb::host {

/// Computes a node. `inputs` stand at the positions of node.inputs, null where absent; so do the
/// results at those of node.outputs. Usage error naming node and reason for what is not supported.
/// Linear operators are computed too, by plain arithmetic in float64 sums (constant folding, and
/// types that no backend takes).
std::vector<Tensor> run_kernel(const NodeView& node, const std::vector<const Tensor*>& inputs);

/// Operations and bytes of a node that is not linear, from types and sizes alone: what run and
/// estimate count. Nodes that only rename (reshape, identity) cost nothing.
PeripheryWork work_of(const NodeView& node, const std::vector<const KnownValue*>& inputs,
                      const std::vector<KnownValue>& outputs);

/// Operations, without bytes, of an element-wise operator of one input on that many values: what a
/// linear operator's fused activation adds.
PeripheryWork function_work(const NodeView& node, double elements);

}  // namespace jb::host
