#include "results/statistics/shares.h"

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"

namespace jb::results {
namespace {

constexpr double kNormal975 = 1.959963984540054;  // 97.5 % quantile of the standard normal

}  // namespace

ShareInterval wilson_interval(std::int64_t successes, std::int64_t trials) {
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

double mcnemar_p_value(std::int64_t gained, std::int64_t lost) {
  const std::int64_t n = gained + lost;
  if (n == 0) return 1;
  const auto trials = static_cast<double>(n);
  double tail = 0;
  for (std::int64_t k = 0; k <= std::min(gained, lost); ++k) {
    const auto successes = static_cast<double>(k);
    tail += std::exp(std::lgamma(trials + 1) - std::lgamma(successes + 1) -
                     std::lgamma(trials - successes + 1) - trials * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace jb::results
