#pragma once
// From sums of fields or intensities to what a converter gives, with the noise of the light.
//
// v = sum x w is a readout's signal, x relative to full scale, w in B's unit; s is what a weight of
// 1 stands for in that unit, n the photons at an output's detectors in a cycle at full scale.
//
//  fields, homodyne (Eq. (E1) of R. Hamerly et al., PRX 9, 021032 (2019), per readout):
//   mesh       a^2 = (1 - split) n of a mode at full scale, b^2 = split n of the local oscillator:
//              var v = s^2 / (4 eta a^2) + v^2 / (4 eta b^2)
//   coherent   a^2, b^2 = (1 - split) n / slots, split n / slots per wavelength:
//              var v = s^2 (a^2 sum x^2 + b^2 sum w^2 / s^2) / (4 eta a^2 b^2)
//  intensities (A. N. Tait et al., Scientific Reports 7, 7430 (2017)), n0 = n / slots:
//   ring bank  var v = s^2 sum x / (eta n0), whatever the weights: through and drop port together
//              see all the light
//  and everywhere: amplifier electrons over the gain in electrons per unit of v / s, the detector's
//  error relative to full scale, and the laser's RIN in the bandwidth of a cycle.

#include <atomic>
#include <cstdint>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/core/gemm.h"
#include "backends/core/random.h"
#include "backends/photonic/tiled/inputs.h"
#include "backends/photonic/tiled/parameters.h"
#include "backends/photonic/tiled/weights.h"

namespace jb::photonic {

/// Variance of v of a tile: s^2 (constant + light x light_sum + weight x sum w^2 / s^2 + rin x
/// x2_sum sum w^2 / s^2) + signal x v^2.
struct ReadoutVariance {
  double constant = 0;
  double light = 0;
  double weight = 0;
  double rin = 0;
  double signal = 0;
  [[nodiscard]] bool none() const noexcept {
    return constant == 0 && light == 0 && weight == 0 && rin == 0 && signal == 0;
  }
};
ReadoutVariance variance_of(const TiledParameters& p);

/// Standard deviation of v / s of a readout at full scale, converter included: what a lock reads
/// with. `lsb`: of the converter, relative to s.
double full_scale_deviation(const TiledParameters& p, double lsb);

/// Adds up the readouts of all slot tiles, in steps of the converter, or in B's unit without one.
template <class T>
class TiledReadout {
 public:
  /// `weights` and `squares` (slot tiles x n: sum of w^2, in B's unit) outlive this.
  TiledReadout(const TiledParameters& p, const RealisedWeights& weights,
               const Matrix<double>& squares, const analog::Adc& adc, const RandomStream& noise);

  /// Keeps every reading of the pass that follows (row, slot tile, column), before any converter.
  void keep(std::vector<double>* readings) noexcept { readings_ = readings; }
  /// One pass: total += sign x readouts.
  void run(const SentInputs<T>& sent, std::span<const PackedMatrix<T>> segments, double sign,
           const Draw& draw, Matrix<double>& total);
  [[nodiscard]] std::int64_t clipped() const noexcept { return clipped_; }

 private:
  void read(const SentInputs<T>& sent, double sign, const Draw& draw, const SumStrip<T>& strip,
            Matrix<double>& total);
  void add_noise(const SentInputs<T>& sent, const Draw& draw, const SumStrip<T>& strip,
                 std::int64_t row, std::span<double> v) const;

  const TiledParameters& p_;
  const RealisedWeights& weights_;
  const Matrix<double>& squares_;
  analog::Adc adc_;
  RandomStream noise_;
  ReadoutVariance variance_;
  std::vector<double>* readings_ = nullptr;
  std::atomic<std::int64_t> clipped_{0};
};

}  // namespace jb::photonic
