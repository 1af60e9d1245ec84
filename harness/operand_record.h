#pragma once
// Operand statistics in records: written by runs, read for `estimate --stats RECORD`.

#include <optional>

#include "backends/core/json_file.h"
#include "backends/core/product_statistics.h"
#include "results/record.h"

namespace jb::harness {

/// What a record says of the operands of its products.
struct GivenStatistics {
  std::optional<OperandStatistics> product;  ///< of a product or convolution
  std::optional<NetworkStatistics> network;  ///< of a network or training, by layer
};

/// { "a": {...}, "b": {...} }, with "pairs" where the record's products had several B.
Json statistics_json(const OperandStatistics& statistics);
/// { "products": { "columns": [...], "rows": [[...], ...] } }: a row for equal products of a layer,
/// or of all layers of that shape where the layer is "". null: follows from the moments, or
/// unknown.
Json statistics_json(const NetworkStatistics& statistics);

/// Usage error when the record's point did not run, or its statistics are none.
GivenStatistics statistics_of(const results::Record& record);

}  // namespace jb::harness
