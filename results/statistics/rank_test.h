#pragma once
// Mann-Whitney U test: do values of one sample tend to be larger than those of another?

#include <vector>

namespace jb::results {

struct RankTest {
  double u = 0;  ///< of the first sample: pairs in which its value is the larger one, ties half
  double p_value = 1;  ///< two-sided
  bool exact = false;
};

/// Exact where there are no ties and neither sample holds more than 20 values: the distribution of
/// U over all orders (Mann and Whitney, Ann. Math. Statist. 18, 1947, 50, recurrence (2)).
/// Otherwise the normal approximation with corrections for ties and continuity. Without values on a
/// side: p 1.
RankTest mann_whitney(const std::vector<double>& first, const std::vector<double>& second);

/// The smallest two-sided p-value that samples of these sizes can give: 2 / (n over k).
double least_p_value(std::size_t first, std::size_t second);

/// Holm's adjustment (Scand. J. Statist. 6, 1979, 65) of p-values of tests decided together, in
/// their order: rejecting all that are at most alpha errs in any of them with at most alpha.
std::vector<double> holm_adjusted(const std::vector<double>& p_values);

}  // namespace jb::results
