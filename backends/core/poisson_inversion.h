#pragma once
// Exact inversion of one word for Poisson counts of larger means: what the quick kernel falls back
// to. Internal to backends/core.

#include <cstdint>

namespace jb {

/// The smallest count whose cumulative probability reaches u = (word + 1/2) / 2^32, for means from
/// kPoissonSearchBelow on.
double invert_poisson(std::uint32_t word, double mean) noexcept;

}  // namespace jb
