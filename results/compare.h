#pragma once
// Regression check between two sets of records, joined on point_id.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/record.h"

namespace jb::results {

enum class Gate { none, model, pin, all };
std::optional<Gate> gate_from(std::string_view name) noexcept;

enum class Verdict { same, better, worse, changed, missing, added, not_gated };
std::string_view name_of(Verdict verdict) noexcept;

struct Difference {
  std::string point_id;
  std::string label;   ///< "crossbar pcm-hermes gemm 64,100,784"
  std::string metric;  ///< "" for missing and added points
  double base = 0, now = 0;
  Verdict verdict = Verdict::same;
  bool fails = false;  ///< under the gate asked for
  std::string note;
};

struct Comparison {
  std::vector<Difference> differences;  ///< everything that is not `same`
  std::size_t points_compared = 0, missing = 0, added = 0;
  [[nodiscard]] bool failed() const noexcept;
};

/// Compares what both sides say of each point. Where a side holds a point several times, its last
/// record counts. Modelled numbers of the exact class are equal within 1e-9 relative, of the
/// simulated class within 1e-3 (energies that hold data-dependent rows are simulated; fidelity at
/// the rounding floor of the arithmetic is equal whatever its digits). Measured numbers are listed
/// as `not_gated`.
///
/// Gate `model` fails for modelled numbers that got worse and for missing points; `pin` for any
/// modelled number or ledger row that moved while model_version, device_hash and tables_hash did
/// not, and for missing points. A point that was ok and is not any more is worse, and fails both.
/// Usage error for gate `all`: measured points need statistics, which this version does not have.
/// Error with ErrorCode::not_comparable when op definition, data, boundaries, or the provenance of
/// a number differ between joined points.
Comparison compare(const std::vector<Record>& base, const std::vector<Record>& now, Gate gate);

/// Text for a terminal: counts, then one line a difference (measured numbers as one count).
std::string describe(const Comparison& comparison);

}  // namespace jb::results
