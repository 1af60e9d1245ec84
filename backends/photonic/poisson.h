#pragma once
// Poisson counts from keyed random words: any mean, no state, the same for any cut of the work.

#include <cstdint>

#include "backends/core/random.h"

namespace jb::photonic {

/// Below this mean a count is found by inversion, above by transformed rejection.
inline constexpr double kInversionBelow = 30;

/// The count whose cumulative probability first exceeds u in (0, 1): inversion by sequential search
/// (L. Devroye, Non-Uniform Random Variate Generation, Springer 1986, ch. X.3). `exp_minus_mean` is
/// exp(-mean); for means below kInversionBelow.
double poisson_by_inversion(double mean, double exp_minus_mean, double u) noexcept;

/// One count of that mean (10 or more) by transformed rejection PTRS (W. Hoermann, Insurance:
/// Mathematics and Economics 12, 39 (1993)). Attempt t takes its own words of `stream`, so the
/// count depends on the coordinates alone. `block` must be unique to the draw; row below 2^40.
double poisson_by_rejection(double mean, const RandomStream& stream, std::uint32_t block,
                            std::uint64_t row, std::uint64_t call) noexcept;

}  // namespace jb::photonic
