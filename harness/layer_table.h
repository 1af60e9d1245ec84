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

/// The same of a training: a row for each layer and orientation ("fc1/forward"), what the digital
/// side does around it included.
Json training_table(const Activity& activity, const PriceTable& prices,
                    const std::vector<std::string>& names, const std::vector<double>& macs,
                    const std::string& backend);

/// The same with at most `most` rows: those whose names differ in numbers alone become one
/// ("layer*.conv*"; sums, and the largest errors), then the smallest become "(others)".
Json smaller_layer_table(const Json& table, std::size_t most);

}  // namespace jb::harness
