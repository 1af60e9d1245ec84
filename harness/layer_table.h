#pragma once
// Energy, utilisation, data movement and error of each layer of a network: one table for a side
// file of the run, and one small enough for a record.

#include <optional>

#include "backends/backend.h"
#include "harness/layer_errors.h"
#include "harness/outcome.h"
#include "harness/workload_cache.h"

namespace jb::harness {

/// { "boundaries": ["B0", ...], "columns": [...], "rows": [[...], ...] }: a row for each linear
/// node and one, "(digital)", for the rest. Columns: layer, backend, macs, executed_macs, energy_J
/// (up to each boundary, a list), movement_J (up to B2), device_time_s, error, added_error (null
/// where not known). `placements` says who ran each node: an object by name, or runs of equal ones.
Json layer_table(const Executable& executable, const NetworkWorkload& workload,
                 const Activity& execution, const std::optional<LayerErrors>& errors);

/// The same with at most `most` rows: those whose names differ in numbers alone become one
/// ("layer*.conv*"; sums, and the largest errors), then the smallest become "(others)".
Json smaller_layer_table(const Json& table, std::size_t most);

}  // namespace jb::harness
