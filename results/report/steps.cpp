#include "results/report/steps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace jb::results {
namespace {

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const std::size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half),
                   values.end());
  const double upper = values[half];
  if (values.size() % 2 == 1) return upper;
  return (upper +
          *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half))) /
         2;
}

// Sum of absolute deviations from the median of a set that grows one number at a time.
class GrowingDeviation {
 public:
  double add(double value) {
    if (low_.empty() || value <= *low_.rbegin()) {
      low_.insert(value);
      low_sum_ += value;
    } else {
      high_.insert(value);
      high_sum_ += value;
    }
    if (low_.size() > high_.size() + 1) {
      move(low_, std::prev(low_.end()), low_sum_, high_, high_sum_);
    }
    if (high_.size() > low_.size()) move(high_, high_.begin(), high_sum_, low_, low_sum_);
    const double median = *low_.rbegin();
    return median * static_cast<double>(low_.size()) - low_sum_ + high_sum_ -
           median * static_cast<double>(high_.size());
  }

 private:
  using Set = std::multiset<double>;
  static void move(Set& from, Set::iterator it, double& from_sum, Set& to, double& to_sum) {
    from_sum -= *it;
    to_sum += *it;
    to.insert(*it);
    from.erase(it);
  }
  Set low_, high_;
  double low_sum_ = 0, high_sum_ = 0;
};

std::vector<Level> levels_at(const std::vector<double>& values,
                             const std::vector<std::size_t>& begins) {
  std::vector<Level> levels;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::size_t end = i + 1 < begins.size() ? begins[i + 1] : values.size();
    levels.push_back({begins[i], median_of({values.begin() + static_cast<std::ptrdiff_t>(begins[i]),
                                            values.begin() + static_cast<std::ptrdiff_t>(end)})});
  }
  return levels;
}

}  // namespace

std::vector<Level> exact_levels(const std::vector<double>& values, double tolerance) {
  std::vector<std::size_t> begins;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool moved =
        i == 0 || std::abs(values[i] - values[i - 1]) >
                      tolerance * std::max(std::abs(values[i]), std::abs(values[i - 1]));
    if (moved) begins.push_back(i);
  }
  return levels_at(values, begins);
}

std::vector<Level> noisy_levels(const std::vector<double>& values, double least_step) {
  const std::size_t n = values.size();
  if (n == 0) return {};
  std::vector<double> differences;
  for (std::size_t i = 1; i < n; ++i) differences.push_back(std::abs(values[i] - values[i - 1]));
  // Differences of two independent Laplace numbers of scale b have the median 1.146 b of their
  // size.
  constexpr double kMedianOfDifference = 1.146;
  const double scale = median_of(differences) / kMedianOfDifference;
  const double price = std::max(3 * scale * std::log(static_cast<double>(n)),
                                least_step * std::abs(median_of(values)));

  // best[i]: cost of the first i numbers; from[i]: where its last level begins.
  std::vector<double> best(n + 1, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> from(n + 1, 0);
  best[0] = -price;
  std::vector<std::vector<double>> deviation(n);
  for (std::size_t begin = 0; begin < n; ++begin) {
    GrowingDeviation grown;
    for (std::size_t end = begin; end < n; ++end)
      deviation[begin].push_back(grown.add(values[end]));
  }
  for (std::size_t end = 1; end <= n; ++end) {
    for (std::size_t begin = 0; begin < end; ++begin) {
      const double cost = best[begin] + price + deviation[begin][end - 1 - begin];
      if (cost < best[end]) {
        best[end] = cost;
        from[end] = begin;
      }
    }
  }
  std::vector<std::size_t> begins;
  for (std::size_t end = n; end > 0; end = from[end]) begins.insert(begins.begin(), from[end]);
  return levels_at(values, begins);
}

}  // namespace jb::results
