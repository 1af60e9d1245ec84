#pragma once
// Area of a photonic machine: the sum of its components' areas (keys area.*_m2). Whatever no key
// holds is not in it: waveguides and spacing between components, memories, logic, lasers beside the
// chip; so it is a lower bound.
//
//   homodyne      P = array.samples, Q = array.outputs:
//                 (P + Q) (modulator + DAC) + P Q (coupler + readout) + laser
//   tiles         array.cores times, of N slots, Q outputs, P samples, and I = N P / window_sharing
//                 sent inputs:
//     mzi_mesh      N (modulator + DAC) + N (N - 1) (MZI + DAC) + N (MZI + coupler + readout)
//                   + laser + distribution: two meshes and N attenuators, which need no DAC
//     wdm_mrr       (I + N Q) (modulator + DAC) + rings + P Q readout + laser + distribution
//     wdm_coherent  (I + N Q) (modulator + DAC) + rings + P Q (coupler + readout) + laser
//                   + distribution
//   readout = detector + amplifier + ADC; rings: all tuned ones (rings.per_*)

#include <vector>

#include "backends/core/parameters.h"
#include "backends/photonic/parameters.h"
#include "backends/photonic/tiled/parameters.h"

namespace jb::photonic {

/// The keys of the homodyne array, and of a kind of machine of tiles.
void add_homodyne_area_keys(std::vector<ParameterSpec>& keys);
void add_tiled_area_keys(std::vector<ParameterSpec>& keys, TiledKind kind);

/// m2; 0 when the device file has no areas, or the array has no size of its own.
double homodyne_area_m2(const DeviceSpec& spec, const HomodyneParameters& p);
double tiled_area_m2(const DeviceSpec& spec, const TiledParameters& p);

}  // namespace jb::photonic
