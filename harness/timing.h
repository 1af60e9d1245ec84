#pragma once
// Timing of measured backends by Google Benchmark through a reporter of ours.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/error.h"
#include "results/statistics/shares.h"

namespace jb::harness {

struct TimingOptions {
  double min_time_s = 0.1;  ///< of each repetition
  double warmup_s = 0.05;   ///< run before the first repetition, not recorded
  int repetitions = 6;      ///< at least; more are taken until one of the next three says stop
  /// Half width of the median's 95 % interval, relative, that is narrow enough.
  double narrow = 0;      ///< 0: the repetitions asked for are all that are taken
  double max_time_s = 2;  ///< of all repetitions
};

/// Why no more repetitions were taken.
enum class StopReason : std::uint8_t {
  count,        ///< as many as asked for
  interval,     ///< the interval is narrow enough
  noise_floor,  ///< more repetitions do not make it narrower: the noise itself is stable
  time,         ///< the time is used up
};
std::string_view name_of(StopReason reason) noexcept;

/// Tells after each repetition whether another one is worth its time.
class StoppingRule {
 public:
  explicit StoppingRule(const TimingOptions& options) : options_(options) {}
  /// `time_s` of one call, `spent_s` by all repetitions so far.
  void take(double time_s, double spent_s);
  [[nodiscard]] bool stop() const noexcept { return stop_; }
  [[nodiscard]] StopReason reason() const noexcept { return reason_; }

 private:
  [[nodiscard]] bool noise_is_stable() const;

  TimingOptions options_;
  std::vector<double> times_s_;
  std::vector<double> widths_;  ///< relative half widths after each repetition from the least on
  bool stop_ = false;
  StopReason reason_ = StopReason::count;
};

struct Timing {
  std::vector<double> times_s;       ///< seconds of one call, one entry a repetition, in order
  std::int64_t iterations = 0;       ///< calls in each repetition
  std::string engine;                ///< "google-benchmark 1.7.1"
  std::string clock = "wall clock";  ///< or "device clock"
  StopReason stop_reason = StopReason::count;
};

/// Whether this build has Google Benchmark, with the reason when not.
Support timing_available();

/// Runs `body` again and again and times it (wall clock). An exception of `body` is passed on.
/// Errors: ErrorCode::not_available when timing_available() says no. Not to be nested.
Timing time_repeatedly(const std::function<void()>& body, const TimingOptions& options);

/// The time of a call that took `call_s` when it is so long that it is a repetition by itself (six
/// would take minutes); nothing when it is to be repeated.
std::optional<Timing> timing_of_long_call(double call_s);

struct MedianInterval {
  double median = 0;
  std::optional<double> low, high;  ///< at least 95 %; nothing below six values
};

/// Median and its distribution-free interval by order statistics (binomial with p = 1/2).
MedianInterval median_interval(std::vector<double> values);

struct MeanInterval {
  double mean = 0;
  std::optional<double> low, high;  ///< 95 %, Student t; nothing below two values
};
MeanInterval mean_interval(const std::vector<double>& values);

using results::wilson_interval;

/// 97.5 % quantile of Student's t with `degrees` >= 1 degrees of freedom, within 1e-3 relative.
double student_t975(std::int64_t degrees);

}  // namespace jb::harness
