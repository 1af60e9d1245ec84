#pragma once
// A wattmeter's log that is joined to a run after it: the run keeps the times of day of its windows
// (`run --times-only`), and the log says what was drawn then.

#include <filesystem>
#include <optional>

#include "harness/meter/power_log.h"
#include "harness/metering.h"

namespace jb::harness {

/// Lint of a record whose windows wait for a log.
inline constexpr const char* kPendingLint = "power-log-pending";

/// Times of windows, idle time and warm-up into `measurement.energy`: what run_from reads.
void add_times(Json& energy, const MeteredRun& run);
/// A point that was run without a meter: times alone, and what is doubtful already.
void keep_times(Outcome& outcome, const MeteredRun& run);

/// Joins logs to records.
class LogJoin {
 public:
  /// Usage error for a log that cannot be read, has gaps or runs backwards. `shift_s` is added to
  /// the log's times, for a logger whose clock is known to be late.
  LogJoin(const std::filesystem::path& log, std::optional<Boundary> boundary, double shift_s);

  /// Measured energies into a record that waits for a log, which waits no longer; false for one
  /// that does not. Usage error when the log does not cover its windows and idle time, or when what
  /// it tells cannot be trusted.
  bool join(results::Record& record) const;

 private:
  std::shared_ptr<const meter::Bench> bench_;
  double shift_s_;
};

}  // namespace jb::harness
