#pragma once
// One product through tiles: input codes, cells, converters, digital sums.
//
// The sums of a tile are formed in codes (input code x effective weight). With ideal quantised
// cells those are integers, exact while they stay below 2^24 (float) or 2^53 (double); the ADC sees
// the sum times one double.

#include <cstdint>
#include <span>
#include <vector>

#include "backends/analog/rows.h"
#include "backends/core/gemm.h"
#include "backends/core/random.h"
#include "backends/core/row_source.h"
#include "backends/crossbar/config.h"

namespace jb::crossbar {

/// Effective weights of one direction, packed tile by tile along the driven side. With per-product
/// noise each tile's weights are followed by the variances of that noise.
template <class U>
struct PackedTiles {
  std::vector<PackedMatrix<U>> segments;
};

/// What stands behind the outputs of one tile row.
struct TileOutput {
  analog::Adc adc;
  double array_per_sum = 1;       ///< array units per sum of codes
  double lsb_per_sum = 1;         ///< the same in steps of the ADC
  std::span<const float> gain;    ///< static gain error per output; empty: none
  std::span<const float> offset;  ///< static offset per output in steps; empty: none

  /// Readout of the outputs from `first` on, without noise.
  [[nodiscard]] analog::SumReadout readout(std::int64_t first) const noexcept {
    return {array_per_sum, lsb_per_sum, nullptr, gain.empty() ? nullptr : gain.data() + first,
            offset.empty() ? nullptr : offset.data() + first};
  }
};

/// Everything that one execute computes with.
struct Pass {
  const Config* config = nullptr;
  Partition inputs;  ///< of the driven side
  std::int64_t outputs = 0;
  std::vector<TileOutput> tiles;    ///< one per input tile
  std::vector<RandomStream> white;  ///< one per input tile; empty without per-product noise
  std::vector<double> scale;        ///< per output: units of B per array unit, calibration included
  Draw draw;

  /// False when neither DAC nor ADC need full-scale inputs: A goes in as it is.
  [[nodiscard]] bool scaled_inputs() const noexcept {
    return config->dac.bits > 0 || config->adc_bits > 0;
  }
};

/// Samples beyond a converter's range, and all samples.
struct Saturation {
  std::int64_t inputs_clipped = 0;
  std::int64_t inputs = 0;
  std::int64_t outputs_clipped = 0;
  std::int64_t outputs = 0;
};

/// What a plan keeps between executes, so that pages are not fetched anew each time.
struct Workspace {
  std::vector<float> inputs_f32;
  std::vector<double> inputs_f64;
  std::vector<double> full_scales;  ///< of each input vector
};

/// C = A B through the tiles; on entry the workspace's full scales are the largest magnitudes in
/// the rows of A (of a source only their number is right: they are found as its rows are read). T:
/// host type of A and C; U: type of the sums. Any strides; the same bytes for any thread count and
/// any cut of A into row blocks.
template <class T, class U>
Saturation multiply(const Pass& pass, const PackedTiles<U>& tiles, const DrivenSide& a,
                    MatrixView<T> c, Workspace& workspace);

}  // namespace jb::crossbar
