#pragma once
// Parameters of photonic machines that multiply by tiles: each clock cycle a core takes `slots`
// inputs and gives `outputs` weighted sums of them, which are converted and added up digitally.
//
//   mzi_mesh      slots = outputs = modes of a mesh of interferometers that holds U S V^H; signed
//                 fields, homodyne readout [Shen2017]
//   wdm_mrr       slots = wavelengths, weights in microrings behind balanced diodes
//                 (broadcast and weight); intensities, so signed inputs cost something [Tait2017]
//   wdm_coherent  slots = wavelengths, samples x outputs homodyne detectors, both operands sent
//   anew
//                 in each cycle [Zhu2024]
//
//   [Shen2017]  Y. Shen et al., Nature Photonics 11, 441 (2017)
//   [Tait2017]  A. N. Tait et al., Scientific Reports 7, 7430 (2017)
//   [Zhu2024]   H. Zhu et al., "Lightening-Transformer", HPCA 2024

#include <cstdint>
#include <vector>

#include "backends/core/parameters.h"
#include "backends/energy/vocabulary.h"

namespace jb::photonic {

enum class TiledKind : std::uint8_t { mesh, ring_bank, coherent };
enum class SignedInputs : std::uint8_t {
  two_pass,  ///< positive and negative part one after the other, subtracted digitally
  offset,    ///< (x + 1) / 2 is sent, half the sum of the weights subtracted digitally
};

/// What is wrong with a mesh (mzi_mesh).
struct MeshImperfections {
  std::int64_t phase_bits = 0;  ///< of every shifter over 2 pi; 0: any phase
  double phase_error_rad = 0;   ///< rms of every shifter, static
  double splitter_rad = 0;      ///< rms of every splitter's angle, static
  bool corrected = false;       ///< splitter errors are known and corrected MZI by MZI
  double mzi_loss_dB = 0;
  bool balanced = true;  ///< dummies give every path the same loss
  double drift_rad_per_rt_s = 0;
};

/// What is wrong with filters (wdm_mrr, wdm_coherent).
struct RingImperfections {
  double fwhm_GHz = 0;  ///< 0: ideal filters, no crosstalk and no drift
  double spacing_GHz = 100;
  bool compensated = true;  ///< weights are set with the neighbours' crosstalk known
  double weight_error = 0;  ///< rms static error of a weight of full scale 1
  double drift_GHz_per_rt_s = 0;
};

/// What is wrong with the modulators of wdm_coherent.
struct LaneImperfections {
  double gain = 0;       ///< rms static error of a modulator
  double phase_rad = 0;  ///< rms static phase between the beams of a wavelength
  double drift_rad_per_rt_s = 0;
};

struct TiledParameters {
  TiledKind kind = TiledKind::mesh;

  std::int64_t slots = 1;
  std::int64_t outputs = 1;
  std::int64_t samples = 1;  ///< input vectors that a core takes at once
  std::int64_t cores = 1;
  double clock_Hz = 1e9;
  double window_sharing = 1;  ///< products that one sent activation serves (convolution windows)
  bool continuous = false;    ///< weights' converters and modulators work in every cycle
  double reload_s = 0;        ///< to set the weights of a core
  SignedInputs signed_inputs = SignedInputs::two_pass;

  std::int64_t bits_a = 0;  ///< 0: not quantised
  std::int64_t bits_b = 0;
  std::int64_t adc_bits = 0;
  double adc_kappa = 4;
  double adc_papr = 10;
  double full_scale_a = 0;  ///< |A| at full scale, larger values clip; 0: each row's largest

  double wavelength_nm = 1550;
  double wall_plug_efficiency = 1;
  double loss_dB = 0;  ///< laser facet to detector
  double laser_W = 0;  ///< wall plug, of one core
  double photons = 0;  ///< at one output's detectors in a cycle when everything is at full scale
  double eta = 1;
  double split = 0.5;  ///< share of the local oscillator or weight beam

  bool shot_noise = true;
  double rin_per_Hz = 0;
  double readout_e = 0;       ///< rms electrons per readout
  double detector_error = 0;  ///< rms relative to full scale
  MeshImperfections mesh;
  RingImperfections rings;
  LaneImperfections lanes;
  std::int64_t calibration_readings = 1;

  bool has_energy = false;
  Boundary lowest = Boundary::B0;
  Boundary highest = Boundary::B0;

  /// Weights stay in the machine between products; else they are sent with every cycle.
  [[nodiscard]] bool stationary() const noexcept { return kind != TiledKind::coherent; }
  [[nodiscard]] bool intensities() const noexcept { return kind == TiledKind::ring_bank; }
  /// Largest code of an activation: intensities have no sign to spend a bit on.
  [[nodiscard]] double full_code_a() const noexcept;
  /// Converters and modulators that set one core's weights.
  [[nodiscard]] double weight_converters() const noexcept;
  [[nodiscard]] double weight_modulators() const noexcept;
  [[nodiscard]] double rin_variance() const noexcept { return rin_per_Hz * clock_Hz; }
};

/// Keys of the device files of each architecture; static objects.
const std::vector<ParameterSpec>& mesh_keys();
const std::vector<ParameterSpec>& ring_bank_keys();
const std::vector<ParameterSpec>& coherent_keys();

/// Reads and cross-checks a device's parameters; usage error naming the key and the range.
TiledParameters read_tiled(const DeviceSpec& spec, TiledKind kind);

}  // namespace jb::photonic
