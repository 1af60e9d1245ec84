#pragma once
// Regression check between two sets of records, joined on point_id.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/record.h"

namespace jb::results {

enum class Gate { none, model, pin, all };
std::optional<Gate> gate_from(std::string_view name) noexcept;

enum class Verdict { same, better, worse, changed, missing, added, inconclusive, not_gated };
std::string_view name_of(Verdict verdict) noexcept;

struct Difference {
  std::string point_id;
  std::string label;   ///< "crossbar pcm-hermes gemm 64,100,784"
  std::string metric;  ///< "" for missing and added points
  double base = 0, now = 0;
  Verdict verdict = Verdict::same;
  bool fails = false;  ///< under the gate asked for
  std::string note;
  std::string repro;  ///< of the new record, where it can be measured again
};

struct CompareOptions {
  Gate gate = Gate::none;
  /// Ratios within 1 +- band are the same thing for a user.
  double time_band = 0.03;
  double energy_band = 0.05;
  double accuracy_band = 0.005;  ///< of shares, absolute
  double alpha = 0.05;           ///< after Holm's correction over everything measured
  std::size_t resamples = 2000;
  std::uint64_t seed = 1;
  bool list_not_gated = true;          ///< else measured numbers outside the gate are only counted
  bool list_points = false;            ///< a verdict for each point, for JUnit
  std::size_t most_listed = SIZE_MAX;  ///< differences that are kept; the rest is counted
};

struct PointVerdict {
  std::string point_id, label;
  Verdict verdict = Verdict::same;  ///< the gravest of its numbers'
  bool fails = false;
};

/// Geometric mean of new / base over the points that both sides hold.
struct MeanRatio {
  double log_sum = 0;
  std::size_t points = 0;
};

struct Comparison {
  std::vector<Difference> differences;  ///< everything that is not `same`
  std::vector<PointVerdict> points;     ///< with list_points: every point of both sides
  std::size_t points_compared = 0, missing = 0, added = 0;
  std::size_t failing = 0;       ///< differences that fail the gate, listed or not
  std::size_t inconclusive = 0;  ///< measured numbers that these samples cannot decide
  std::size_t not_gated = 0;     ///< measured numbers that differ and are not judged
  std::size_t not_listed = 0;    ///< differences beyond most_listed
  std::size_t points_moved = 0;  ///< points with a number that is not the same
  std::map<std::string, MeanRatio> energy_ratios, time_ratios;  ///< by backend
  [[nodiscard]] bool failed() const noexcept { return failing > 0; }
};

/// Compares what both sides say of each point. Where a side holds a point several times, its last
/// record counts.
///   exact       modelled counts, and times and joules made of counts: equal within 1e-9 relative
///   simulated   errors, energies that hold data-dependent rows: 1e-3; fidelity at the rounding
///   floor
///               of the arithmetic is equal whatever its digits; accuracies by McNemar's test
///   measured    times and metered energies of real machines (gates none and all): the 95 %
///   bootstrap
///               interval of the ratio of medians within 1 +- band: same; beyond it, and the
///               Mann-Whitney p-value after Holm's correction at most alpha: better or worse; else
///               inconclusive. host_time_s and what follows from a judged number are `not_gated`.
///
/// Gate `model` fails for modelled numbers that got worse and for missing points; `pin` for any
/// modelled number or ledger row that moved while model_version, device_hash and tables_hash did
/// not, and for missing points; `all` as `model`, and for measured numbers that got worse and
/// measured points that are missing. A point that was ok and is not any more is worse, and fails.
/// Error with ErrorCode::not_comparable when op definition, data, boundaries, or the provenance of
/// a number differ between joined points, and under gate `all` when they were measured on different
/// machines.
Comparison compare(const std::vector<Record>& base, const std::vector<Record>& now,
                   const CompareOptions& options);
Comparison compare(const std::vector<Record>& base, const std::vector<Record>& now, Gate gate);

/// The same for what a user names (see record_files): streamed, on all cores, holding some hundred
/// records at a time. Also pairs the predictions that run folders hold.
Comparison compare_files(const std::filesystem::path& base, const std::filesystem::path& now,
                         const CompareOptions& options);

/// Text for a terminal: counts, then one line a difference (measured numbers as one count).
std::string describe(const Comparison& comparison);
/// For a pull request: a verdict, counts, mean ratios, a table of differences.
std::string describe_markdown(const Comparison& comparison, Gate gate);
/// JUnit XML: a test case for each point (list_points), failing where its numbers fail the gate.
std::string describe_junit(const Comparison& comparison);

}  // namespace jb::results
