#pragma once
// Which layer of a network brings how much error.

#include <map>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "harness/workload_cache.h"

namespace jb::harness {

/// Relative Frobenius errors of a linear node's output Y on a few samples.
struct LayerError {
  /// ||Y - R|| / ||R||, R the node's output in the float64 run: what has added up until here.
  std::optional<double> so_far;
  /// ||Y - F(X)|| / ||F(X)||, F the node in float64 and X the inputs that it was given in the run:
  /// what the node adds itself, the errors of the layers before it left out.
  std::optional<double> added;
};

struct LayerErrors {
  std::map<std::string, LayerError> by_layer;
  std::int64_t samples = 0;
};

/// Runs the first few samples once more, as many as float64 takes a second or so for, and compares
/// every linear node. Nothing when even one sample takes longer, unless `at_any_cost`.
std::optional<LayerErrors> layer_errors(Executable& executable, const NetworkWorkload& workload,
                                        bool at_any_cost);

}  // namespace jb::harness
