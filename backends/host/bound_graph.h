#pragma once
// What follows from a bound view alone: the digital work of its nodes, and the same view for other
// inputs.

#include <vector>

#include "backends/core/graph_view.h"
#include "backends/energy/periphery.h"

namespace jb::host {

/// work_of() a node at the sizes the view is bound to.
PeripheryWork bound_work(const GraphView& graph, const NodeView& node);

/// The view bound to inputs of these sizes (fewer samples than it was made for, say). Usage error
/// naming the node whose sizes do not fit.
GraphView rebound(const GraphView& graph, const std::vector<Dims>& inputs);

}  // namespace jb::host
