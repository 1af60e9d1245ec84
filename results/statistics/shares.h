#pragma once
// Shares of samples (accuracies): intervals and paired comparison.

#include <cstdint>

namespace jb::results {

struct ShareInterval {
  double low = 0, high = 0;
};

/// Wilson score interval (95 %) of a share `successes / trials`; trials > 0.
ShareInterval wilson_interval(std::int64_t successes, std::int64_t trials);

/// Two-sided p-value of McNemar's test that two classifiers are equally often right, from the
/// numbers of samples that only one of them got right: exact binomial, P = 2 P(X <= min) with
/// X ~ Binomial(gained + lost, 1/2), at most 1 (McNemar, Psychometrika 12, 1947, 153; exact form:
/// Agresti, Categorical Data Analysis, 3rd ed., section 11.1).
double mcnemar_p_value(std::int64_t gained, std::int64_t lost);

}  // namespace jb::results
