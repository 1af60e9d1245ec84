#pragma once
// An external power log: what a wattmeter or a logger wrote, as lines of time and watts.
//
//   time,watts                      the heading may be left out; names: time, time_s, time_ms,
//   1764081600.0,41.5               timestamp; watts, power, power_W, W, power_mW, mW
//   2025-11-25T14:40:00.5Z,41.7     seconds of any origin, or ISO 8601 with Z or an offset
//
// Columns are separated by comma, semicolon or tab; further columns, empty lines and lines that
// start with # are passed over. Energy is the integral of power by the trapezoid rule.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace jb::harness::meter {

struct PowerSample {
  double time_s = 0;   ///< of the log's own origin
  double power_W = 0;  ///< finite, not negative
};

struct PowerLogOptions {
  /// Longest time between two samples that is no gap. 0: three times the log's median interval,
  /// that is, two samples in a row may be missing.
  double max_gap_s = 0;
  /// false: gaps, and time that does not advance, are refused. true: power is interpolated over
  /// gaps and samples that do not advance are dropped; notes() says how many and how long.
  bool bridge = false;
  /// Another file may still be writing: a last line without a line break is left out.
  bool growing = false;
};

/// Samples in order of strictly increasing time; at least two.
class PowerLog {
 public:
  PowerLog(std::string name, std::vector<PowerSample> samples, const PowerLogOptions& options);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<PowerSample>& samples() const noexcept { return samples_; }
  [[nodiscard]] double begin_s() const noexcept { return samples_.front().time_s; }
  [[nodiscard]] double end_s() const noexcept { return samples_.back().time_s; }
  /// Median time between two samples.
  [[nodiscard]] double interval_s() const noexcept { return interval_s_; }

  /// Joules from `from_s` to `to_s`, power linear between samples. Usage error when the log does
  /// not cover that time.
  [[nodiscard]] double energy_J(double from_s, double to_s) const;
  /// Joules of the whole log.
  [[nodiscard]] double energy_J() const { return joules_.back(); }
  [[nodiscard]] double mean_power_W() const { return energy_J() / (end_s() - begin_s()); }

  /// What was bridged or dropped, one sentence each; empty when nothing was.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  void drop_what_does_not_advance(bool bridge);
  void check_gaps(const PowerLogOptions& options);
  [[nodiscard]] double joules_until(double time_s) const;

  std::string name_;
  std::vector<PowerSample> samples_;
  std::vector<double> joules_;  ///< from the first sample to each
  double interval_s_ = 0;
  std::vector<std::string> notes_;
};

/// Reads a log; usage error naming file and line for anything that is not one: text where a number
/// belongs, negative or absurd power, gaps, time running backwards, fewer than two samples.
PowerLog read_power_log(const std::filesystem::path& file, const PowerLogOptions& options = {});
/// The same from text; `name` stands for the file in errors.
PowerLog power_log_from(std::string_view text, const std::string& name,
                        const PowerLogOptions& options = {});

}  // namespace jb::harness::meter
