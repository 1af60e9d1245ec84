#pragma once
// A lane of modulators of a coherent crossbar: one field per wavelength, routed by rings.

#include <span>

#include "backends/backend.h"
#include "backends/photonic/tiled/parameters.h"
#include "backends/photonic/tiled/ring_bank.h"
#include "backends/photonic/tiled/weights.h"

namespace jb::photonic {

/// Fields in [-1, 1], a wavelength each, become what they count for in the sum with ideal fields of
/// the other operand: gain errors, the cosine of the phase between the beams, and wavelengths that
/// pass a neighbour's modulator. Light off by q spacings passes the routers of both operands'
/// modulators with amplitude L(q spacing) (the square root of the Lorentzian, twice).
void send_lane(const TiledParameters& p, const DeviceInstance& instance, const LaneAddress& address,
               const LockState& lock, std::span<double> fields);

}  // namespace jb::photonic
