#pragma once
// Brownian motion whose value at any time depends on its key and that time alone: a time visited
// again, in any order, sees the same path. Phases, resonances and converter offsets drift so.

#include <cstdint>

#include "backends/core/random.h"

namespace jb::analog {

/// W(t) of path (row, col) of the stream: W(0) = 0, variance t, for t >= 0 in seconds. Built by
/// Levy's construction: independent increments between powers of two, and bridges inside
/// (P. Levy, Processus stochastiques et mouvement brownien, 1948). Steps below 2^-20 of t's power
/// of two, and times below 2^-20 s, are one normal each. `call` tells paths of one key apart.
[[nodiscard]] double random_walk(const RandomStream& stream, std::int64_t row, std::int64_t col,
                                 double t_s, std::uint64_t call = 0) noexcept;

}  // namespace jb::analog
