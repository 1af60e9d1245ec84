#pragma once
// What a network's results say: error against the float result, agreement of predictions, and on a
// data set the accuracy, paired with the float network's.

#include <cstdint>
#include <vector>

#include "harness/point_context.h"
#include "harness/workload_cache.h"

namespace jb::harness {

/// Adds fidelity, agreement and, on a data set, accuracy to an outcome; keeps the predictions. The
/// outcome becomes failed when a result is not finite.
void add_network_quality(Outcome& outcome, const PointContext& context,
                         const NetworkWorkload& workload, const Outputs& outputs);

/// Two-sided p-value of McNemar's test that two classifiers are equally often right, from the
/// numbers of samples that only one of them got right: exact binomial, P = 2 P(X <= min) with
/// X ~ Binomial(gained + lost, 1/2), at most 1 (McNemar, Psychometrika 12, 1947, 153; exact form:
/// Agresti, Categorical Data Analysis, 3rd ed., section 11.1).
double mcnemar_p_value(std::int64_t gained, std::int64_t lost);

}  // namespace jb::harness
