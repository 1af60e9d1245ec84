#pragma once
// What a network's results say: error against the float result, agreement of predictions, and on a
// data set the accuracy, paired with the float network's.

#include "harness/point_context.h"
#include "harness/workload_cache.h"

namespace jb::harness {

/// Adds fidelity, agreement and, on a data set, accuracy to an outcome; keeps the predictions. The
/// outcome becomes failed when a result is not finite.
void add_network_quality(Outcome& outcome, const PointContext& context,
                         const NetworkWorkload& workload, const Outputs& outputs);

}  // namespace jb::harness
