#pragma once
// Inputs on their way to the lines: codes of a vector, and the planes of those codes.

#include <cmath>
#include <cstdint>

#include "backends/crossbar/config.h"

namespace jb::crossbar {

/// Turns a row of A into codes (values relative to full scale where there is no DAC). `full_scale`
/// holds the largest |x| of the row on entry and the full scale in use on return; returns how many
/// elements were clipped. T: host type; U: type of the sums.
template <class T, class U>
std::int64_t encode_input(const Config& config, bool scaled, const T* row, std::int64_t n,
                          double& full_scale, U* codes);

/// The codes of one plane of `config.plane_bits`, lowest first, each with its input's sign.
template <class U>
void take_plane(const U* codes, std::int64_t n, int plane, int plane_bits, U* out) {
  const auto low = static_cast<U>(std::ldexp(1.0, plane * plane_bits));
  const auto base = static_cast<U>(std::ldexp(1.0, plane_bits));
  for (std::int64_t j = 0; j < n; ++j) {
    const U shifted = std::trunc(codes[j] / low);  // codes are whole: exact powers of two
    out[j] = shifted - base * std::trunc(shifted / base);
  }
}

}  // namespace jb::crossbar
