#include "results/statistics/rank_test.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace jb::results {
namespace {

constexpr std::size_t kMostExact = 20;

/// Orders of m + n values in which U of the first m is u, as shares of all: f(m, n, u) =
/// [m f(m - 1, n, u - n) + n f(m, n - 1, u)] / (m + n), by whether the largest value is in the
/// first sample.
std::vector<double> exact_distribution(std::size_t m, std::size_t n) {
  std::vector<std::vector<double>> row(n + 1);  // f(i, j, .) for the current i
  for (std::size_t j = 0; j <= n; ++j) row[j] = {1.0};
  for (std::size_t i = 1; i <= m; ++i) {
    std::vector<std::vector<double>> next(n + 1);
    next[0] = {1.0};
    for (std::size_t j = 1; j <= n; ++j) {
      next[j].assign(i * j + 1, 0.0);
      const auto total = static_cast<double>(i + j);
      for (std::size_t u = 0; u < row[j].size(); ++u) {
        next[j][u + j] += static_cast<double>(i) / total * row[j][u];
      }
      for (std::size_t u = 0; u < next[j - 1].size(); ++u) {
        next[j][u] += static_cast<double>(j) / total * next[j - 1][u];
      }
    }
    row = std::move(next);
  }
  return row[n];
}

struct Ranked {
  double rank_sum = 0;  ///< of the first sample, ties by mid-ranks
  double tie_term = 0;  ///< sum of t^3 - t over groups of t equal values
};

Ranked ranked(const std::vector<double>& first, const std::vector<double>& second) {
  struct Value {
    double value;
    bool is_first;
  };
  std::vector<Value> all;
  all.reserve(first.size() + second.size());
  for (const double v : first) all.push_back({v, true});
  for (const double v : second) all.push_back({v, false});
  std::sort(all.begin(), all.end(),
            [](const Value& a, const Value& b) { return a.value < b.value; });
  Ranked result;
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin;
    while (end < all.size() && all[end].value == all[begin].value) ++end;
    const auto ties = static_cast<double>(end - begin);
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    for (std::size_t i = begin; i < end; ++i) result.rank_sum += all[i].is_first ? rank : 0;
    result.tie_term += ties * ties * ties - ties;
    begin = end;
  }
  return result;
}

}  // namespace

RankTest mann_whitney(const std::vector<double>& first, const std::vector<double>& second) {
  RankTest result;
  if (first.empty() || second.empty()) return result;
  const auto m = static_cast<double>(first.size());
  const auto n = static_cast<double>(second.size());
  const Ranked ranks = ranked(first, second);
  result.u = ranks.rank_sum - m * (m + 1) / 2;
  const double larger = std::max(result.u, m * n - result.u);
  if (ranks.tie_term == 0 && std::max(first.size(), second.size()) <= kMostExact) {
    const std::vector<double> shares = exact_distribution(first.size(), second.size());
    const auto from = static_cast<std::ptrdiff_t>(larger);
    const double tail = std::accumulate(shares.begin() + from, shares.end(), 0.0);
    result.p_value = std::min(1.0, 2 * tail);
    result.exact = true;
    return result;
  }
  const double total = m + n;
  const double variance = m * n / 12 * (total + 1 - ranks.tie_term / (total * (total - 1)));
  if (!(variance > 0)) return result;  // all values are equal
  const double z = (larger - m * n / 2 - 0.5) / std::sqrt(variance);
  result.p_value = std::min(1.0, std::erfc(z / std::sqrt(2.0)));
  return result;
}

double least_p_value(std::size_t first, std::size_t second) {
  if (first == 0 || second == 0) return 1;
  const auto m = static_cast<double>(first);
  const auto n = static_cast<double>(second);
  const double log_orders = std::lgamma(m + n + 1) - std::lgamma(m + 1) - std::lgamma(n + 1);
  return std::min(1.0, 2 * std::exp(-log_orders));
}

std::vector<double> holm_adjusted(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    largest = std::max(largest, std::min(1.0, left * p_values[order[i]]));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

}  // namespace jb::results
