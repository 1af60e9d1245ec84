#pragma once
// Bootstrap intervals of medians and of their ratios.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace jb::results {

/// Middle value, or the mean of the two in the middle; of a sorted, non-empty sample.
double median_of_sorted(const std::vector<double>& sorted);

/// `resamples` draws with replacement from n values, as what a median needs: the ranks of the
/// middle values of each. Drawn once for a size and seed and used for every sample of that size, so
/// that intervals are the same on every machine and thread; intervals of different samples share
/// their resamples.
class ResamplingPlan {
 public:
  ResamplingPlan(std::size_t n, std::size_t resamples, std::uint64_t seed);

  [[nodiscard]] std::size_t size() const noexcept { return n_; }
  [[nodiscard]] std::size_t resamples() const noexcept { return ranks_.size(); }
  /// Median of resample r of a sorted sample.
  [[nodiscard]] double median(std::size_t r, const std::vector<double>& sorted) const {
    return 0.5 * (sorted[ranks_[r].first] + sorted[ranks_[r].second]);
  }

 private:
  std::size_t n_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranks_;
};

struct BootstrapInterval {
  double low = 0, high = 0;
};

/// Percentile interval (95 %: the 2.5 and 97.5 % quantiles, linear between order statistics) of the
/// median of a sorted sample (Efron, Ann. Statist. 7, 1979, 1).
BootstrapInterval bootstrap_median(const std::vector<double>& sorted, const ResamplingPlan& plan);

/// The same of median(now) / median(base), both resampled independently; samples are positive.
BootstrapInterval bootstrap_median_ratio(const std::vector<double>& base,
                                         const ResamplingPlan& base_plan,
                                         const std::vector<double>& now,
                                         const ResamplingPlan& now_plan);

/// Plans by sample size, made when first asked for; two sides of a comparison draw with different
/// streams. May be used by several threads.
class ResamplingPlans {
 public:
  ResamplingPlans(std::size_t resamples, std::uint64_t seed) : resamples_(resamples), seed_(seed) {}
  const ResamplingPlan& plan(std::size_t n, int side);

 private:
  std::size_t resamples_;
  std::uint64_t seed_;
  std::mutex mutex_;
  std::map<std::pair<std::size_t, int>, std::unique_ptr<ResamplingPlan>> plans_;
};

}  // namespace jb::results
