#pragma once
// What follows from a bound view alone: the digital work of its nodes, and the same view for other
// inputs.

#include <vector>

#include "backends/core/graph_view.h"
#include "backends/energy/periphery.h"

namespace jb::host {

/// work_of() a node at the sizes the view is bound to.
PeripheryWork bound_work(const GraphView& graph, const NodeView& node);

/// Infers types and sizes of all computed values from those of the inputs and constants. Shapes
/// that are computed from constants and from sizes (Shape, Gather, Concat, Reshape) are followed.
/// Usage error naming the node whose sizes do not fit.
void infer_sizes(GraphView& view);

/// The view bound to inputs of these sizes (fewer samples than it was made for, say). Usage error
/// naming the node whose sizes do not fit.
GraphView rebound(const GraphView& graph, const std::vector<Dims>& inputs);

}  // namespace jb::host
