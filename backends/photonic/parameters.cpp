#include "backends/photonic/parameters.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "backends/core/error.h"
#include "backends/energy/bounds.h"
#include "backends/photonic/physics.h"

namespace jb::photonic {
namespace {

// From here on a normal stands for the difference of two Poisson counts: with N photons in a
// readout its skewness is at most 1/sqrt(N) and its excess kurtosis 1/N (0.22 and 0.05 at 20).
constexpr double kPoissonBelowPhotons = 20;
// Ends of ranges in dB that mean "none".
constexpr double kNone_dB = 300;
// Slots of a calibration's reading where nothing bounds an integration.
constexpr std::int64_t kUnboundedCycles = 1024;

/// 10^(-dB / 20), the amplitude of that attenuation; 0 where it means none.
double amplitude_at(double dB) { return dB >= kNone_dB ? 0.0 : std::pow(10.0, -dB / 20.0); }

NoiseNorm noise_norm_of(const std::string& name) {
  if (name == "matrix") return NoiseNorm::matrix;
  return name == "row" ? NoiseNorm::row : NoiseNorm::exact;
}

Normalisation normalisation_of(const std::string& name) {
  if (name == "per_vector") return Normalisation::per_vector;
  return name == "per_batch" ? Normalisation::per_batch : Normalisation::fixed_scale;
}

NoiseLaw law_of(const std::string& name) {
  if (name == "gaussian") return NoiseLaw::gaussian;
  return name == "poisson" ? NoiseLaw::poisson : NoiseLaw::automatic;
}

void read_light(const DeviceSpec& spec, HomodyneParameters& p) {
  p.n_mac = spec.number("n_mac");
  p.split = spec.number("split");
  p.eta = spec.number("eta");
  p.papr = spec.number("papr");
  p.norm = normalisation_of(spec.text("norm"));
  p.full_scale_a = spec.number("norm.full_scale_a");
  p.wavelength_nm = spec.number("wavelength_nm");
  p.wall_plug_efficiency = spec.number("wpe");
  p.transmission = transmission(optical_loss_dB(spec));
  p.lane_gating = spec.flag("laser.gating");
}

void read_machine(const DeviceSpec& spec, HomodyneParameters& p) {
  p.outputs = spec.integer("array.outputs");
  p.samples = spec.integer("array.samples");
  p.integration = spec.integer("array.integration");
  p.clock_Hz = spec.number("f_clk_Hz");
  p.dac_bits_a = spec.integer("dac.bits_a");
  p.dac_bits_b = spec.integer("dac.bits_b");
  p.adc_bits = spec.integer("adc.bits");
  p.adc_kappa = spec.number("adc.kappa");
  p.adc_rate_Hz = spec.number("adc.rate_Hz");
}

void read_noise(const DeviceSpec& spec, HomodyneParameters& p) {
  p.shot_noise = spec.flag("noise.shot");
  p.law = law_of(spec.text("noise.law"));
  const double rin_dB = spec.number("noise.rin_dB_per_Hz");
  p.rin_per_Hz = rin_dB > -kNone_dB ? std::pow(10.0, rin_dB / 10.0) : 0.0;
  p.amplifier_e = spec.number("noise.amplifier_e");
  p.dark_A = spec.number("noise.dark_A");
  p.capacitance_F = spec.number("c_fF") * 1e-15;
  p.swing_V = spec.number("v_swing_V");
  p.cds = spec.flag("cds");
  p.temperature_K = spec.number("temperature_K");
  p.noise_norm = noise_norm_of(spec.text("noise.norm"));
  p.common_mode = amplitude_at(spec.number("noise.cmrr_dB"));
  p.gain_error = spec.number("error.gain");
  p.phase_error_rad = spec.number("error.phase_rad");
  p.phase_drift = spec.number("drift.phase_rad_per_rt_s");
  p.splitter_error = spec.number("error.splitter");
  p.crosstalk = amplitude_at(-spec.number("error.crosstalk_dB"));
  p.floor = amplitude_at(spec.number("modulator.extinction_dB"));
  p.calibration_readings = spec.integer("calibration.readings");
  p.analog_layers = spec.text("interlayer") == "analog";
  p.analog_kappa = spec.number("analog.kappa");
  p.analog_noise_e = spec.number("analog.noise_e");
  p.analog_gain_error = spec.number("analog.gain_error");
}

void read_boundaries(const DeviceSpec& spec, HomodyneParameters& p) {
  const std::string& highest = spec.text("energy.highest");
  p.has_energy = highest != "none";
  if (!p.has_energy) return;
  p.highest = *boundary_from(highest);
  p.lowest = *boundary_from(spec.text("energy.lowest"));
}

void check_bits(const DeviceSpec& spec, std::string_view key) {
  if (spec.integer(key) == 1) {
    fail_usage("device '{}': {} = 1 leaves no level beside zero; give 0 (not quantised) or 2 to 16",
               spec.name(), key);
  }
}

void check_together(const DeviceSpec& spec, const HomodyneParameters& p) {
  for (const char* key : {"dac.bits_a", "dac.bits_b", "adc.bits"}) check_bits(spec, key);
  if (p.noise_norm != NoiseNorm::exact && p.law == NoiseLaw::poisson) {
    fail_usage(
        "device '{}': noise.law = poisson counts the photons that arrive, which only "
        "noise.norm = exact knows",
        spec.name());
  }
  if (p.analog_layers &&
      (spec.number("energy.input_J") > 0 || spec.number("energy.output_J") > 0)) {
    fail_usage(
        "device '{}': interlayer = analog leaves converters and memory out, which energy.input_J "
        "and energy.output_J hold undivided; set them to 0 and give energy.dac_J, "
        "energy.modulator_J and energy.adc_J",
        spec.name());
  }
  if (p.papr != 0 && p.papr < 1) {
    fail_usage(
        "device '{}': papr = {} is below 1, which no signal has; give 1 or more, or 0 to "
        "measure it",
        spec.name(), p.papr);
  }
  if (p.well_e() < 1) {
    fail_usage(
        "device '{}': c_fF = {} at v_swing_V = {} holds {:.3g} electrons; the full well must "
        "be at least one electron",
        spec.name(), spec.number("c_fF"), p.swing_V, p.well_e());
  }
  if (p.has_energy && p.lowest > p.highest) {
    fail_usage("device '{}': energy.lowest = {} is above energy.highest = {}", spec.name(),
               name_of(p.lowest), name_of(p.highest));
  }
  if (spec.theory_bound() && p.highest > Boundary::B0) {
    fail_usage("device '{}' is a theory bound: energy.highest must be none or B0, not {}",
               spec.name(), name_of(p.highest));
  }
  if (spec.text("adc.energy_law") == "rate_aware" && (p.adc_bits == 0 || p.adc_rate_Hz == 0)) {
    fail_usage("device '{}': adc.energy_law = rate_aware needs adc.bits and adc.rate_Hz above zero",
               spec.name());
  }
}

}  // namespace

double optical_loss_dB(const DeviceSpec& spec) {
  const double branch_dB = spec.number("loss.ybranch_dB");
  const std::int64_t outputs = spec.integer("array.outputs");
  const std::int64_t samples = spec.integer("array.samples");
  double stages = 0;
  if (branch_dB > 0) {
    if (outputs == 0 || samples == 0) {
      fail_usage(
          "device '{}': loss.ybranch_dB = {} needs array.outputs and array.samples above zero, "
          "which fix the number of branching stages",
          spec.name(), branch_dB);
    }
    stages = std::ceil(std::log2(static_cast<double>(std::max(outputs, samples))));
  }
  return spec.number("loss.coupling_dB") + spec.number("loss.modulator_dB") + branch_dB * stages +
         spec.number("loss.combiner_dB") + spec.number("loss.waveguide_dB");
}

HomodyneParameters read_parameters(const DeviceSpec& spec) {
  HomodyneParameters p;
  read_light(spec, p);
  read_machine(spec, p);
  read_noise(spec, p);
  read_boundaries(spec, p);
  check_together(spec, p);
  return p;
}

double HomodyneParameters::well_e() const noexcept {
  if (capacitance_F == 0) return std::numeric_limits<double>::infinity();
  return full_well_e(capacitance_F, swing_V);
}

double HomodyneParameters::readout_variance_e2(double cycles, double warmer_K) const noexcept {
  const double ktc = ktc_noise_e(capacitance_F, std::max(0.0, temperature_K + warmer_K));
  // Two diodes per output; dark electrons are counted as Poisson, so their variance is their mean.
  const double dark = 2 * dark_A * (cycles / clock_Hz) / kElectronCharge_C;
  return (ktc * ktc + amplifier_e * amplifier_e) * (cds ? 2.0 : 1.0) + dark;
}

std::int64_t HomodyneParameters::slots(std::int64_t k) const noexcept {
  return integration == 0 ? k : std::min(k, integration);
}

double HomodyneParameters::expected_rms_e(std::int64_t k, double warmer_K) const noexcept {
  const auto cycles = static_cast<double>(slots(k));
  const double detected = eta * n_mac;
  // Mean square of D = 2 eta alpha beta sum a b for independent a, b: each of the K products has
  // alpha^2 <a^2> = (1 - s) n_mac and beta^2 <b^2> = s n_mac.
  const double signal = 4 * detected * detected * split * (1 - split) * cycles;
  const double shot = shot_noise ? detected * cycles : 0.0;
  const double common = common_mode * detected;  // per slot, of the light of both beams
  const double square = signal * (1 + rin_variance()) + shot +
                        rin_variance() * common * common * cycles +
                        readout_variance_e2(cycles, warmer_K);
  return std::sqrt(square);
}

double HomodyneParameters::adc_full_scale_e(std::int64_t k, double warmer_K) const noexcept {
  return adc_kappa * expected_rms_e(k, warmer_K);
}

std::int64_t HomodyneParameters::calibration_cycles() const noexcept {
  return integration > 0 ? integration : kUnboundedCycles;
}

double HomodyneParameters::laser_papr(double papr_a, double papr_b) const noexcept {
  return papr > 0 ? papr : split * papr_b + (1 - split) * papr_a;
}

NoiseLaw HomodyneParameters::law_for(std::int64_t k) const noexcept {
  if (law != NoiseLaw::automatic) return law;
  if (noise_norm != NoiseNorm::exact) return NoiseLaw::gaussian;
  const double photons = static_cast<double>(slots(k)) * n_mac;
  return photons < kPoissonBelowPhotons ? NoiseLaw::poisson : NoiseLaw::gaussian;
}

}  // namespace jb::photonic
