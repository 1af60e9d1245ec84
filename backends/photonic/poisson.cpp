#include "backends/photonic/poisson.h"

#include <array>
#include <cmath>

namespace jb::photonic {
namespace {

constexpr double kTwoToMinus32 = 1.0 / 4294967296.0;

double uniform_of(std::uint32_t word) noexcept {
  return (static_cast<double>(word) + 0.5) * kTwoToMinus32;
}

/// ln k!: exact below 16, then Stirling's series, whose first term left out is below 1e-9.
double log_factorial(double k) noexcept {
  static const std::array<double, 16> small = [] {
    std::array<double, 16> t{};
    for (std::size_t i = 1; i < t.size(); ++i) t[i] = t[i - 1] + std::log(static_cast<double>(i));
    return t;
  }();
  if (k < 16) return small[static_cast<std::size_t>(k)];
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  const double r = 1 / k;
  return (k + 0.5) * std::log(k) - k + kHalfLogTwoPi +
         r * (1.0 / 12 - r * r * (1.0 / 360 - r * r / 1260));
}

}  // namespace

double poisson_by_inversion(double mean, double exp_minus_mean, double u) noexcept {
  double count = 0;
  double term = exp_minus_mean;
  double sum = term;
  while (u > sum) {
    count += 1;
    term *= mean / count;
    const double next = sum + term;
    // Past the mode the terms only fall; once they no longer move the sum, u lies in the last ulp.
    if (next == sum && count > mean) break;
    sum = next;
  }
  return count;
}

double poisson_by_rejection(double mean, const RandomStream& stream, std::uint32_t block,
                            std::uint64_t row, std::uint64_t call) noexcept {
  // Constants and names as in Hoermann's table for PTRS.
  const double root = std::sqrt(mean);
  const double b = 0.931 + 2.53 * root;
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_r = 0.9277 - 3.6224 / (b - 2);
  const double log_mean = std::log(mean);
  for (std::uint64_t attempt = 0;; ++attempt) {
    const auto words = stream.words(block, row + (attempt << 40U), call);
    const double u = uniform_of(words[0]) - 0.5;
    const double v = uniform_of(words[1]);
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <=
        k * log_mean - mean - log_factorial(k)) {
      return k;
    }
  }
}

}  // namespace jb::photonic
