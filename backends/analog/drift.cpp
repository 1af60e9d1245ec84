#include "backends/analog/drift.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace jb::analog {

double log_time(double age_s, double t0_s) noexcept { return std::log1p(age_s / t0_s); }

double flicker_growth(double t_s, double t_read_s) noexcept {
  return std::sqrt(std::max(0.0, std::log((t_s + t_read_s) / (2.0 * t_read_s))));
}

Moments drifted_moments(double g, double nu_mean, double nu_std, double l) noexcept {
  const double spread = nu_std * nu_std * l * l;
  const double mean = g * std::exp(-nu_mean * l + spread / 2.0);
  return {mean, mean * std::sqrt(std::expm1(spread))};
}

std::uint64_t epoch_key(double age_s) noexcept {
  // Finaliser of SplitMix64 (Steele et al., OOPSLA 2014) over the bits of the age; + 0.0 makes -0
  // 0.
  std::uint64_t x = std::bit_cast<std::uint64_t>(age_s + 0.0) + 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return (x ^ (x >> 31U)) >> 16U;
}

}  // namespace jb::analog
