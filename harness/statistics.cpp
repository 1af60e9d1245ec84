// Intervals of medians, means and shares.

#include <algorithm>
#include <array>
#include <cmath>

#include "harness/timing.h"

namespace jb::harness {
namespace {

constexpr double kNormal975 = 1.959963984540054;  // 97.5 % quantile of the standard normal

}  // namespace

MedianInterval median_interval(std::vector<double> values) {
  if (values.empty()) fail_internal("median of no values");
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  MedianInterval result;
  result.median = n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
  // The interval [x_(l), x_(n+1-l)] misses the median with probability 2 P(Binomial(n, 1/2) < l):
  // the largest l for which that stays within 5 %.
  double probability = std::pow(0.5, static_cast<double>(n));  // of exactly `count` below
  double below = 0;
  std::size_t l = 0;
  for (std::size_t count = 0; count < n / 2; ++count) {
    below += probability;
    if (2 * below > 0.05) break;
    l = count + 1;
    probability *= static_cast<double>(n - count) / static_cast<double>(count + 1);
  }
  if (l > 0) {
    result.low = values[l - 1];
    result.high = values[n - l];
  }
  return result;
}

MeanInterval mean_interval(const std::vector<double>& values) {
  if (values.empty()) fail_internal("mean of no values");
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double v : values) sum += v;
  MeanInterval result;
  result.mean = sum / n;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double v : values) squares += (v - result.mean) * (v - result.mean);
  const double standard_error = std::sqrt(squares / (n - 1) / n);
  const double half = student_t975(static_cast<std::int64_t>(values.size()) - 1) * standard_error;
  result.low = result.mean - half;
  result.high = result.mean + half;
  return result;
}

double student_t975(std::int64_t degrees) {
  if (degrees < 1) fail_internal("Student's t needs at least one degree of freedom");
  // Exact to four digits for few degrees (any table of Student's t, two-sided 5 %) ...
  constexpr std::array<double, 8> few = {12.7062, 4.3027, 3.1824, 2.7764,
                                         2.5706,  2.4469, 2.3646, 2.3060};
  if (degrees <= static_cast<std::int64_t>(few.size())) {
    return few[static_cast<std::size_t>(degrees - 1)];
  }
  // ... and the expansion of Abramowitz and Stegun 26.7.5 above, below 1e-4 off from 9 degrees on.
  const double z = kNormal975;
  const double z3 = z * z * z;
  const double z5 = z3 * z * z;
  const double z7 = z5 * z * z;
  const auto v = static_cast<double>(degrees);
  return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v);
}

std::string_view name_of(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::count:
      return "count";
    case StopReason::interval:
      return "interval";
    case StopReason::noise_floor:
      return "noise_floor";
    case StopReason::time:
      return "time";
  }
  return "count";
}

void StoppingRule::take(double time_s, double spent_s) {
  times_s_.push_back(time_s);
  if (static_cast<int>(times_s_.size()) < options_.repetitions) return;
  stop_ = true;
  if (options_.narrow <= 0) return;
  const MedianInterval interval = median_interval(times_s_);
  if (interval.low && interval.high && interval.median > 0) {
    widths_.push_back(0.5 * (*interval.high - *interval.low) / interval.median);
    reason_ = StopReason::interval;
    if (widths_.back() <= options_.narrow) return;
    reason_ = StopReason::noise_floor;
    if (noise_is_stable()) return;
  }
  reason_ = StopReason::time;
  stop_ = spent_s >= options_.max_time_s;
}

bool StoppingRule::noise_is_stable() const {
  // Without drift the width falls with the root of the number of samples: over twice as many, to
  // 0.71. Where it has stayed above 0.9, what is seen is no longer the scatter of independent
  // samples (another guest, a clock that wanders), and more of them would not tell more.
  const auto least = static_cast<std::size_t>(options_.repetitions);
  if (times_s_.size() < 4 * least) return false;
  const std::size_t before = times_s_.size() / 2 - least;
  return before < widths_.size() && widths_.back() > 0.9 * widths_[before];
}

}  // namespace jb::harness
