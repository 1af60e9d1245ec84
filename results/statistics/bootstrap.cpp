#include "results/statistics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "backends/core/error.h"
#include "backends/core/random.h"

namespace jb::results {
namespace {

/// Quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, the
/// default of R and NumPy); reorders the values.
double quantile(std::vector<double>& values, double share) {
  const double at = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(at));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(low);
  std::nth_element(values.begin(), nth, values.end());
  const double below = *nth;
  if (low + 1 >= values.size()) return below;
  const double above = *std::min_element(nth + 1, values.end());
  return below + (at - static_cast<double>(low)) * (above - below);
}

BootstrapInterval interval_of(std::vector<double>& values) {
  BootstrapInterval interval;
  interval.low = quantile(values, 0.025);
  interval.high = quantile(values, 0.975);
  return interval;
}

}  // namespace

double median_of_sorted(const std::vector<double>& sorted) {
  if (sorted.empty()) fail_internal("median of no values");
  const std::size_t n = sorted.size();
  return n % 2 == 1 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

ResamplingPlan::ResamplingPlan(std::size_t n, std::size_t resamples, std::uint64_t seed) : n_(n) {
  if (n == 0) fail_internal("resamples of no values");
  const RandomStream stream(seed, 0, tag_of("results.bootstrap"), n);
  ranks_.reserve(resamples);
  std::vector<std::uint32_t> drawn(n);
  for (std::size_t r = 0; r < resamples; ++r) {
    for (std::size_t i = 0; i < n; ++i) {
      // Lemire's multiplication: a word becomes an index, its bias below n / 2^32.
      const std::uint64_t word =
          stream.word(static_cast<std::int64_t>(r), static_cast<std::int64_t>(i), 0);
      drawn[i] = static_cast<std::uint32_t>((word * n) >> 32U);
    }
    // The sample is sorted, so the middle value of a resample is that of the middle index drawn.
    const auto middle = drawn.begin() + static_cast<std::ptrdiff_t>(n / 2);
    std::nth_element(drawn.begin(), middle, drawn.end());
    const std::uint32_t upper = *middle;
    const std::uint32_t lower = n % 2 == 1 ? upper : *std::max_element(drawn.begin(), middle);
    ranks_.emplace_back(lower, upper);
  }
}

BootstrapInterval bootstrap_median(const std::vector<double>& sorted, const ResamplingPlan& plan) {
  std::vector<double> medians(plan.resamples());
  for (std::size_t r = 0; r < medians.size(); ++r) medians[r] = plan.median(r, sorted);
  return interval_of(medians);
}

BootstrapInterval bootstrap_median_ratio(const std::vector<double>& base,
                                         const ResamplingPlan& base_plan,
                                         const std::vector<double>& now,
                                         const ResamplingPlan& now_plan) {
  std::vector<double> ratios(std::min(base_plan.resamples(), now_plan.resamples()));
  for (std::size_t r = 0; r < ratios.size(); ++r) {
    ratios[r] = now_plan.median(r, now) / base_plan.median(r, base);
  }
  return interval_of(ratios);
}

const ResamplingPlan& ResamplingPlans::plan(std::size_t n, int side) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::unique_ptr<ResamplingPlan>& entry = plans_[{n, side}];
  if (!entry) {
    entry =
        std::make_unique<ResamplingPlan>(n, resamples_, seed_ + static_cast<std::uint64_t>(side));
  }
  return *entry;
}

}  // namespace jb::results
