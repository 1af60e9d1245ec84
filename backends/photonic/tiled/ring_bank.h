#pragma once
// A bank of microring weights: N add-drop rings in series on one waveguide, one per wavelength,
// with balanced diodes on drop and through port: w = T_drop - T_thru = 2 T_drop - 1.
//
//   [Tait2017]  A. N. Tait et al., Scientific Reports 7, 7430 (2017)

#include <cstdint>
#include <span>

#include "backends/backend.h"
#include "backends/photonic/tiled/parameters.h"
#include "backends/photonic/tiled/weights.h"

namespace jb::photonic {

/// Which core, and which of its weight lanes.
struct LaneAddress {
  std::int64_t core = 0;
  std::int64_t lane = 0;
};

/// Drop of an add-drop ring for light `detuning` from its resonance: 1 / (1 + (2 d / FWHM)^2).
double lorentzian(double detuning_GHz, double fwhm_GHz) noexcept;

/// Weight that a ring reaches on both sides of zero when it may be tuned at most half the spacing
/// away from its wavelength: weights are sent scaled by it. 1 for ideal filters.
double usable_weight(const RingImperfections& rings) noexcept;

/// Weights in [-1, 1], a wavelength each, become what the bank gives.
void set_rings(const RingImperfections& rings, const DeviceInstance& instance,
               const LaneAddress& address, const LockState& lock, std::span<double> weights);

}  // namespace jb::photonic
