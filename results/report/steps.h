#pragma once
// Where a series of numbers moves from one level to another.

#include <cstddef>
#include <vector>

namespace jb::results {

/// A level that holds from `begin` up to the next level's begin.
struct Level {
  std::size_t begin = 0;
  double value = 0;  ///< median
};

/// Levels of numbers that are the same unless something changed: a new one where two neighbours
/// differ by more than `tolerance` (relative).
std::vector<Level> exact_levels(const std::vector<double>& values, double tolerance);

/// Levels of noisy numbers: the piecewise constant fit with the least sum of absolute deviations
/// plus a price per level (L1 Potts functional; Storath, Weinmann and Unser, IEEE Trans. Signal
/// Process. 62, 3654 (2014)). The price is 3 b ln n, with b the Laplace scale of the noise taken
/// from differences of neighbours, and at least `least_step` of the median, so that smaller moves
/// than that are none.
std::vector<Level> noisy_levels(const std::vector<double>& values, double least_step);

}  // namespace jb::results
