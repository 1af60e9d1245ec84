#pragma once
// What follows a linear operator taken into it: batch normalisation into its weights, the addition
// of a constant vector as its bias, an activation as its last step. Backends ask for each or refuse
// it (Device::fuses).

#include "backends/backend.h"
#include "models/graph.h"

namespace jb::models {

/// Fuses what `device` asks for, turns x Sigmoid(x) into one operator and drops Identity and
/// Dropout. Results are the same up to rounding. Weights that are made on demand stay so. Returns
/// the number of nodes removed.
int fuse(Graph& graph, const Device& device);

}  // namespace jb::models
