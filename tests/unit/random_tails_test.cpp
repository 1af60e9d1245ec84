// Do normals and uniforms follow their laws far into the tails? Some 7e7 draws each, which the
// vector kernels make in a fraction of a second.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "backends/core/random.h"

namespace jb {
namespace {

constexpr std::int64_t kRows = 1 << 8;
constexpr std::size_t kColumns = 1 << 18;
constexpr double kDraws = static_cast<double>(kRows) * static_cast<double>(kColumns);

const RandomStream& stream() {
  static const RandomStream s(7, 1, tag_of("random_tails_test"), 2);
  return s;
}

/// 5 standard deviations of a count of mean n p, p small.
double five_sigma(double p) { return 5 * std::sqrt(kDraws * p); }

TEST(RandomTails, NormalsBeyondEveryThresholdOnBothSides) {
  // P(Z > t) for t = 2, 3, 4, 4.5, 5, 5.5: erfc(t / sqrt 2) / 2.
  constexpr std::array<float, 6> kThresholds = {2, 3, 4, 4.5F, 5, 5.5F};
  std::array<double, kThresholds.size()> above{};
  std::array<double, kThresholds.size()> below{};
  std::vector<float> z(kColumns);
  float largest = 0;
  for (std::int64_t row = 0; row < kRows; ++row) {
    stream().normals(z, row, 0, 0);
    for (std::size_t t = 0; t < kThresholds.size(); ++t) {
      std::int64_t over = 0;
      std::int64_t under = 0;
      for (const float x : z) {
        over += x > kThresholds[t] ? 1 : 0;
        under += x < -kThresholds[t] ? 1 : 0;
      }
      above[t] += static_cast<double>(over);
      below[t] += static_cast<double>(under);
    }
    for (const float x : z) largest = std::max(largest, std::fabs(x));
  }
  for (std::size_t t = 0; t < kThresholds.size(); ++t) {
    const double p = 0.5 * std::erfc(static_cast<double>(kThresholds[t]) / std::sqrt(2.0));
    // Box-Muller on 32-bit words: the radius takes steps, so that the share beyond 5.5 is granular
    // by 2^-32 / 1.9e-8 = 1 %, far inside five standard deviations of 1.3 counts.
    EXPECT_NEAR(above[t], p * kDraws, five_sigma(p)) << "above " << kThresholds[t];
    EXPECT_NEAR(below[t], p * kDraws, five_sigma(p)) << "below " << -kThresholds[t];
  }
  // sqrt(2 ln 2^33) = 6.77 bounds every draw; P(|Z| < 5.0) of so many draws is exp(-38).
  EXPECT_LT(largest, 6.77F);
  EXPECT_GT(largest, 5.0F);
}

TEST(RandomTails, MomentsOfNormalsUpToTheEighth) {
  std::array<double, 8> sums{};
  std::vector<float> z(kColumns);
  constexpr std::int64_t kMomentRows = 64;
  for (std::int64_t row = 0; row < kMomentRows; ++row) {
    stream().normals(z, row, 0, 1);
    for (const float x : z) {
      double power = 1;
      for (double& sum : sums) sum += power *= static_cast<double>(x);
    }
  }
  const double n = kMomentRows * static_cast<double>(kColumns);
  // E z^p = (p - 1)!! for even p, 0 for odd; Var z^p = (2 p - 1)!! - (E z^p)^2. Five standard
  // errors.
  const auto double_factorial = [](int k) {
    double product = 1;
    for (; k > 1; k -= 2) product *= k;
    return product;
  };
  for (int p = 1; p <= 8; ++p) {
    const double expected = p % 2 == 0 ? double_factorial(p - 1) : 0;
    const double variance = double_factorial(2 * p - 1) - expected * expected;
    EXPECT_NEAR(sums[static_cast<std::size_t>(p - 1)] / n, expected, 5 * std::sqrt(variance / n))
        << "moment " << p;
  }
}

TEST(RandomTails, NormalsPassAKolmogorovSmirnovTest) {
  std::vector<float> z(1 << 20);
  stream().normals(z, 0, 0, 2);
  std::sort(z.begin(), z.end());
  const auto n = static_cast<double>(z.size());
  double distance = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double cdf = 0.5 * std::erfc(-static_cast<double>(z[i]) / std::sqrt(2.0));
    distance = std::max(distance, std::fabs(cdf - (static_cast<double>(i) + 0.5) / n));
  }
  EXPECT_LT(distance, 2.5 / std::sqrt(n));  // P < 1e-5 (Kolmogorov: 2 exp(-2 * 2.5^2))
}

TEST(RandomTails, UniformsNearBothEnds) {
  // Shares of 2^-8 to 2^-22 of the unit interval at either end: at the last, 16 draws each.
  constexpr std::array<int, 4> kPowers = {8, 14, 18, 22};
  std::array<double, kPowers.size()> low{};
  std::array<double, kPowers.size()> high{};
  std::array<double, 64> cells{};
  double sum = 0;
  double squares = 0;
  std::vector<float> u(kColumns);
  for (std::int64_t row = 0; row < kRows; ++row) {
    stream().uniforms(u, row, 0, 3);
    for (std::size_t t = 0; t < kPowers.size(); ++t) {
      const float share = std::ldexp(1.0F, -kPowers[t]);
      std::int64_t under = 0;
      std::int64_t over = 0;
      for (const float x : u) {
        under += x < share ? 1 : 0;
        over += x >= 1.0F - share ? 1 : 0;
      }
      low[t] += static_cast<double>(under);
      high[t] += static_cast<double>(over);
    }
    for (const float x : u) {
      const double d = static_cast<double>(x) - 0.5;
      sum += d;
      squares += d * d;
      cells[static_cast<std::size_t>(x * 64)] += 1;
    }
  }
  for (std::size_t t = 0; t < kPowers.size(); ++t) {
    const double p = std::ldexp(1.0, -kPowers[t]);
    // Rounding to float moves the upper edge by half a step of 2^-24, an eighth of the last share.
    const double rounding = std::ldexp(1.0, -25) * kDraws;
    EXPECT_NEAR(low[t], p * kDraws, five_sigma(p)) << "below 2^-" << kPowers[t];
    EXPECT_NEAR(high[t], p * kDraws, five_sigma(p) + rounding) << "above 1 - 2^-" << kPowers[t];
  }
  // Variances 1/12 of u and 1/180 of (u - 1/2)^2; five standard errors.
  EXPECT_NEAR(sum / kDraws, 0, 5 * std::sqrt(1 / (12 * kDraws)));
  EXPECT_NEAR(squares / kDraws, 1.0 / 12, 5 * std::sqrt(1 / (180 * kDraws)));
  double chi_square = 0;
  for (const double seen : cells) {
    const double expected = kDraws / 64;
    chi_square += (seen - expected) * (seen - expected) / expected;
  }
  EXPECT_LT(chi_square, 63 + 5 * std::sqrt(2.0 * 63));  // mean f, variance 2 f
}

}  // namespace
}  // namespace jb
