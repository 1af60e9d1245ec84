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

Interval wilson_interval(std::int64_t successes, std::int64_t trials) {
  // Wilson, J. Amer. Statist. Assoc. 22 (1927) 209: roots of |p - share| = z sqrt(p (1 - p) / n).
  if (trials < 1) fail_internal("share of no trials");
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double z2 = kNormal975 * kNormal975;
  const double centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kNormal975 * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
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

}  // namespace jb::harness
