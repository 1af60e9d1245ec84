#pragma once
// Nodes whose inputs are all constant become constants.

#include <cstdint>

#include "models/graph.h"

namespace jb::models {

/// Largest result that is computed ahead of a run, in elements.
constexpr std::int64_t kMostFoldedElements = std::int64_t{1} << 24;

/// Computes such nodes by the host's kernels (float64 sums in products) and removes them. Constants
/// made on demand or without elements stay as they are, and so do results above `most_elements`.
/// Usage error naming the node whose constants do not fit it. Returns the number of nodes removed.
int fold_constants(Graph& graph, std::int64_t most_elements = kMostFoldedElements);

}  // namespace jb::models
