#pragma once
// What the operands of a network's products are expected to be: for estimates without a run's
// statistics, which compute no layer.

#include "backends/core/graph_view.h"
#include "backends/core/product_statistics.h"
#include "harness/workload_cache.h"

namespace jb::harness {

/// Where in their 95 % interval the expectations stand.
enum class Expectation : std::uint8_t { low, middle, high };

/// Statistics of every product of the network's runs, by layer.
///   B   of weights that are at hand their own; of others, which are drawn, those of normal
///   numbers. A   of layers on the network's inputs the inputs' own; of layers behind others those
///   of normal
///       numbers, rectified where a rectifier lies between, of as many as there are.
/// Values within a network are no independent draws: samples and channels differ in scale. `low`
/// and `high` bound what their peaks come to (kHiddenPapr in the source).
NetworkStatistics expected_statistics(const NetworkWorkload& workload, Expectation expectation);

}  // namespace jb::harness
