#pragma once
// Parameters of a homodyne array (R. Hamerly et al., PRX 9, 021032 (2019)) as its device files give
// them.
//
// The machine: `samples` activation lanes (rows of A) and `outputs` weight lanes (columns of B) fan
// out to samples x outputs balanced detectors. Each clock cycle every lane sends one symbol, so the
// array adds one rank-1 product; a detector integrates at most `integration` cycles before it is
// read.

#include <cstdint>
#include <limits>
#include <vector>

#include "backends/core/parameters.h"
#include "backends/core/shape.h"
#include "backends/energy/vocabulary.h"

namespace jb::photonic {

/// How the amplitudes of the two beams follow the data (photons per MAC are always n_mac on
/// average):
enum class Normalisation : std::uint8_t {
  per_vector,   ///< activations rescaled per row of A; weights once per operand
  per_batch,    ///< one scale for all rows of A that are executed together
  fixed_scale,  ///< full scale fixed by the modulators and the design PAPR
};

/// Norms in the shot noise's variance: those of the very row and column (exact), the mean over all
/// columns (matrix: the law as R. Hamerly et al. print it), or the column's own for both beams
/// (row: S. Garg et al., IEEE JSTQE 29(2), arXiv:2102.06365).
enum class NoiseNorm : std::uint8_t { exact, matrix, row };

enum class NoiseLaw : std::uint8_t { gaussian, poisson, automatic };

struct HomodyneParameters {
  double n_mac = 1;    ///< photons per MAC at the detectors, both beams, before eta
  double split = 0.5;  ///< share of the weight beam
  double eta = 1;      ///< quantum efficiency
  double papr = 0;     ///< 0: measured from the operands
  Normalisation norm = Normalisation::per_vector;
  double full_scale_a = 0;  ///< fixed_scale: |A| at full scale; 0: the batch's largest
  /// |A| at the DAC's full scale, measured on calibration data, whatever `norm` says of the light;
  /// 0: none was measured.
  double dac_range_a = 0;

  double wavelength_nm = 1550;
  double wall_plug_efficiency = 1;
  double transmission = 1;   ///< laser facet to detector, all losses
  bool lane_gating = false;  ///< light of idle lanes is switched off

  std::int64_t outputs = 0;      ///< weight lanes; 0: as many as the product has columns
  std::int64_t samples = 0;      ///< activation lanes; 0: as many as the product has rows
  std::int64_t integration = 0;  ///< longest integration in cycles; 0: the whole inner dimension
  double clock_Hz = 1e9;

  std::int64_t dac_bits_a = 0;  ///< 0: not quantised
  std::int64_t dac_bits_b = 0;
  std::int64_t adc_bits = 0;
  double adc_kappa = 4;    ///< full scale in units of the expected rms
  double adc_rate_Hz = 0;  ///< fastest sampling of one converter; 0: no limit

  bool shot_noise = true;
  NoiseLaw law = NoiseLaw::automatic;
  double rin_per_Hz = 0;     ///< relative intensity noise, linear; 0: none
  double amplifier_e = 0;    ///< rms electrons per readout
  double dark_A = 0;         ///< per photodiode
  double capacitance_F = 0;  ///< 0: no kTC noise, no full well
  double swing_V = 1;
  bool cds = false;
  double temperature_K = 300;
  NoiseNorm noise_norm = NoiseNorm::exact;
  double common_mode = 0;      ///< amplitude share of intensity noise past the balance; 0: none
  double gain_error = 0;       ///< rms, per modulator
  double phase_error_rad = 0;  ///< rms, between the beams of a detector
  double phase_drift = 0;      ///< rms of the same after one second, rad / s^0.5
  double splitter_error = 0;   ///< rms imbalance of a detector's 2x2 coupler
  double crosstalk = 0;        ///< field of a neighbouring weight lane, relative
  double floor = 0;            ///< field floor of a modulator, relative to its full field

  std::int64_t calibration_readings = 16;

  bool analog_layers = false;    ///< no converters between the layers of a network
  double analog_kappa = 12;      ///< full scale of inner layers in units of the expected rms
  double analog_noise_e = 0;     ///< rms electrons that the rectifier adds at its input
  double analog_gain_error = 0;  ///< rms, of the rectifiers of different outputs

  bool has_energy = false;
  Boundary lowest = Boundary::B0;
  Boundary highest = Boundary::B0;

  /// Electrons a detector holds; infinite without a capacitor.
  [[nodiscard]] double well_e() const noexcept;
  /// Variance in electrons^2 that one readout of `cycles` integration cycles adds, whatever the
  /// signal: kTC and amplifier (twice with correlated double sampling) and dark current.
  /// `warmer_K`: surroundings above 25 degC.
  [[nodiscard]] double readout_variance_e2(double cycles, double warmer_K) const noexcept;
  /// Variance of one symbol's relative intensity over the detection bandwidth (clock_Hz).
  [[nodiscard]] double rin_variance() const noexcept { return rin_per_Hz * clock_Hz; }
  /// Cycles of a full readout of an inner dimension k: min(k, integration).
  [[nodiscard]] std::int64_t slots(std::int64_t k) const noexcept;
  /// Cycles of a reading of a calibration: a full integration.
  [[nodiscard]] std::int64_t calibration_cycles() const noexcept;
  /// Rms electrons of a readout that operands of independent elements give at n_mac photons, noise
  /// included.
  [[nodiscard]] double expected_rms_e(std::int64_t k, double warmer_K) const noexcept;
  /// ADC full scale in electrons: kappa times the rms that operands of independent elements give at
  /// n_mac photons, noise included. It depends on settings alone, so cutting A does not change it.
  [[nodiscard]] double adc_full_scale_e(std::int64_t k, double warmer_K) const noexcept;
  /// Peak-to-average power ratio that the laser is paid for, of measured ratios of both operands.
  [[nodiscard]] double laser_papr(double papr_a, double papr_b) const noexcept;
  /// The noise law for an inner dimension k: automatic is Poisson below 20 photons per readout.
  [[nodiscard]] NoiseLaw law_for(std::int64_t k) const noexcept;
};

/// Keys of photonic device files; a static object.
const std::vector<ParameterSpec>& parameter_schema();

/// Reads and cross-checks a device's parameters; usage error naming the key and the range
/// otherwise.
HomodyneParameters read_parameters(const DeviceSpec& spec);

/// Total optical loss in dB from laser facet to detector; usage error for a branching loss without
/// an array size.
double optical_loss_dB(const DeviceSpec& spec);

}  // namespace jb::photonic
