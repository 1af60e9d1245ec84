#pragma once
// Published fits of memory cells, one function each; the sources stand with the coefficients.

#include <array>

#include "backends/crossbar/cell_model.h"

namespace jb::crossbar {

/// c0 + c1 x + c2 x^2 + ...
template <std::size_t N>
[[nodiscard]] double polynomial(const std::array<double, N>& c, double x) noexcept {
  double sum = 0;
  for (std::size_t i = N; i-- > 0;) sum = sum * x + c[i];
  return sum;
}

// Phase-change memory (cell_fits_pcm.cpp).
[[nodiscard]] CellModel pcm_like();
[[nodiscard]] CellModel pcm_joshi();
[[nodiscard]] CellModel pcm_hermes_one_device();
[[nodiscard]] CellModel pcm_hermes_two_devices();

// Resistive memory (cell_fits_reram.cpp). `drift_scale` multiplies what time adds.
[[nodiscard]] CellModel reram_wan(double program_scale, double drift_scale);
[[nodiscard]] CellModel reram_wan_write();
[[nodiscard]] CellModel reram_milo();
/// `acceptance_percent`: 0.2 or 2, the window of program-and-verify.
[[nodiscard]] CellModel reram_cmo(double acceptance_percent, double drift_scale);

// Charge on a gate (cell_fits_flash.cpp). `i_max_nA`: current of the largest state.
[[nodiscard]] CellModel sonos(double i_max_nA, double program_scale, double drift_scale);
inline constexpr double kSonosLargest_nA = 3200;       ///< of the fit of programming
inline constexpr double kSonosLargestDrift_nA = 1800;  ///< of the fits of retention

}  // namespace jb::crossbar
