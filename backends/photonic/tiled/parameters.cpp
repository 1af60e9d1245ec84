#include "backends/photonic/tiled/parameters.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "backends/core/error.h"
#include "backends/photonic/physics.h"

namespace jb::photonic {
namespace {

constexpr double kNoRin_dB_per_Hz = -300;

double stages(std::int64_t lanes) { return std::ceil(std::log2(static_cast<double>(lanes))); }

void read_array(const DeviceSpec& spec, TiledParameters& p) {
  if (p.kind == TiledKind::mesh) {
    p.slots = p.outputs = spec.integer("array.modes");
  } else {
    p.slots = spec.integer("array.wavelengths");
    p.outputs = spec.integer("array.outputs");
    p.samples = spec.integer("array.samples");
    p.bits_b = spec.integer("dac.bits_b");
  }
  p.cores = spec.integer("array.cores");
  p.clock_Hz = spec.number("f_clk_Hz");
  p.bits_a = spec.integer("dac.bits_a");
  p.adc_bits = spec.integer("adc.bits");
  p.adc_kappa = spec.number("adc.kappa");
  p.adc_papr = spec.number("adc.papr");
  if (spec.text("norm") == "fixed_scale") {
    p.full_scale_a = spec.number("norm.full_scale_a");
    if (!(p.full_scale_a > 0)) {
      fail_usage("device '{}': norm = fixed_scale needs norm.full_scale_a above 0", spec.name());
    }
  }
  if (p.stationary()) {
    p.continuous = spec.text("weights.drive") == "continuous";
    p.reload_s = spec.number("reload.time_s");
  }
}

/// Losses between laser facet and detector; a path of the farthest output.
double path_loss_dB(const DeviceSpec& spec, const TiledParameters& p) {
  const double common = spec.number("loss.coupling_dB") + spec.number("loss.modulator_dB") +
                        spec.number("loss.waveguide_dB");
  if (p.kind == TiledKind::mesh) {
    return common + static_cast<double>(2 * p.slots + 1) * p.mesh.mzi_loss_dB;
  }
  const double branch_dB = spec.number("loss.ybranch_dB");
  if (p.kind == TiledKind::ring_bank) {
    const double bank = spec.number("loss.ring_on_dB") +
                        static_cast<double>(p.slots - 1) * spec.number("loss.ring_through_dB");
    return common + 2 * bank + branch_dB * stages(p.outputs);
  }
  return common + 2 * spec.number("loss.router_dB") +
         branch_dB * (1 + stages(std::max(p.samples, p.outputs))) + spec.number("loss.phase_dB") +
         spec.number("loss.coupler_dB");
}

void read_light(const DeviceSpec& spec, TiledParameters& p) {
  p.wavelength_nm = spec.number("wavelength_nm");
  p.wall_plug_efficiency = spec.number("wpe");
  p.eta = spec.number("eta");
  if (p.kind != TiledKind::ring_bank) p.split = spec.number("split");
  p.loss_dB = path_loss_dB(spec, p);
  const auto detectors = static_cast<double>(p.outputs * p.samples);
  double detector_W = 0;
  if (spec.text("laser.law") == "given") {
    p.laser_W = spec.number("laser.endpoint_W") * static_cast<double>(p.slots) * detectors;
    detector_W = p.laser_W * p.wall_plug_efficiency * transmission(p.loss_dB) / detectors;
  } else {
    // P = sensitivity x fan-out / transmission for one level, 2^bits of them to tell apart
    // (hardware model of [Zhu2024], photonic_crossbar.py).
    detector_W = 1e-3 * std::pow(10.0, spec.number("laser.sensitivity_dBm") / 10) *
                 std::ldexp(1.0, static_cast<int>(p.adc_bits));
    p.laser_W = detector_W * detectors / (transmission(p.loss_dB) * p.wall_plug_efficiency);
    if (!std::isfinite(p.laser_W)) {
      fail_usage("device '{}': {:.0f} dB of loss leave no light; lower loss.* or the array's size",
                 spec.name(), p.loss_dB);
    }
  }
  p.photons = detector_W / (photon_energy_J(p.wavelength_nm) * p.clock_Hz);
}

void read_noise(const DeviceSpec& spec, TiledParameters& p) {
  p.shot_noise = spec.flag("noise.shot");
  const double rin_dB = spec.number("noise.rin_dB_per_Hz");
  p.rin_per_Hz = rin_dB > kNoRin_dB_per_Hz ? std::pow(10.0, rin_dB / 10.0) : 0.0;
  p.readout_e = spec.number("noise.readout_e");
  p.detector_error = spec.number("noise.detector");
  p.calibration_readings = spec.integer("calibration.readings");
  if (p.photons <= 0 && (p.shot_noise || p.readout_e > 0)) {
    fail_usage(
        "device '{}': laser.endpoint_W = 0 sends no light, and noise.shot and noise.readout_e are "
        "counted against light; give a power above 0 W, or laser.law = link_budget",
        spec.name());
  }
}

void read_imperfections(const DeviceSpec& spec, TiledParameters& p) {
  if (p.kind == TiledKind::mesh) {
    p.mesh = {spec.integer("phase.bits"),
              spec.number("error.phase_rad"),
              spec.number("error.splitter_rad"),
              spec.flag("error.corrected"),
              spec.number("loss.mzi_dB"),
              spec.flag("mesh.balanced"),
              spec.number("drift.phase_rad_per_rt_s")};
    // The converters behind phase shifters.
    p.bits_b = p.mesh.phase_bits;
    return;
  }
  p.rings.fwhm_GHz = spec.number("ring.fwhm_GHz");
  p.rings.spacing_GHz = spec.number("ring.spacing_GHz");
  if (p.kind == TiledKind::ring_bank) {
    p.signed_inputs =
        spec.text("inputs.signed") == "offset" ? SignedInputs::offset : SignedInputs::two_pass;
    p.window_sharing = spec.number("array.window_sharing");
    p.rings.compensated = spec.flag("ring.compensated");
    p.rings.weight_error = spec.number("error.weight");
    p.rings.drift_GHz_per_rt_s = spec.number("drift.ring_GHz_per_rt_s");
    return;
  }
  p.lanes = {spec.number("error.gain"), spec.number("error.phase_rad"),
             spec.number("drift.phase_rad_per_rt_s")};
}

void read_boundaries(const DeviceSpec& spec, TiledParameters& p) {
  const std::string& highest = spec.text("energy.highest");
  p.has_energy = highest != "none";
  if (!p.has_energy) return;
  p.highest = *boundary_from(highest);
  p.lowest = *boundary_from(spec.text("energy.lowest"));
  if (p.lowest > p.highest) {
    fail_usage("device '{}': energy.lowest = {} is above energy.highest = {}", spec.name(),
               name_of(p.lowest), name_of(p.highest));
  }
  if (spec.theory_bound() && p.highest > Boundary::B0) {
    fail_usage("device '{}' is a theory bound: energy.highest must be none or B0, not {}",
               spec.name(), name_of(p.highest));
  }
}

void check_bits(const DeviceSpec& spec, std::string_view key) {
  if (spec.integer(key) != 1) return;
  fail_usage("device '{}': {} = 1 leaves no level beside zero; give 0 (not quantised) or 2 to 16",
             spec.name(), key);
}

void check_together(const DeviceSpec& spec, const TiledParameters& p) {
  check_bits(spec, "adc.bits");
  if (!p.intensities()) check_bits(spec, "dac.bits_a");
  if (p.kind != TiledKind::mesh) check_bits(spec, "dac.bits_b");
  if (spec.text("dac.energy_law") == "exponential" && p.bits_a == 0) {
    fail_usage("device '{}': dac.energy_law = exponential needs dac.bits_a above zero",
               spec.name());
  }
  if (spec.text("adc.energy_law") == "linear" && p.adc_bits == 0) {
    fail_usage("device '{}': adc.energy_law = linear needs adc.bits above zero", spec.name());
  }
  if (p.rings.drift_GHz_per_rt_s > 0 && p.rings.fwhm_GHz == 0) {
    fail_usage(
        "device '{}': drift.ring_GHz_per_rt_s = {} needs ring.fwhm_GHz above 0 GHz: ideal filters "
        "do not drift",
        spec.name(), p.rings.drift_GHz_per_rt_s);
  }
  if (p.rings.fwhm_GHz >= p.rings.spacing_GHz) {
    fail_usage(
        "device '{}': ring.fwhm_GHz = {} must be below ring.spacing_GHz = {}: wider rings cannot "
        "tell wavelengths apart",
        spec.name(), p.rings.fwhm_GHz, p.rings.spacing_GHz);
  }
  const double macs = static_cast<double>(p.slots) * static_cast<double>(p.outputs) *
                      static_cast<double>(p.samples) * static_cast<double>(p.cores);
  constexpr double kMostMacs = 1e12;
  if (macs > kMostMacs) {
    fail_usage("device '{}': its array makes {:.3g} MAC a cycle; more than {:.0e} is no machine",
               spec.name(), macs, kMostMacs);
  }
}

}  // namespace

double TiledParameters::full_code_a() const noexcept {
  if (bits_a == 0) return 1;
  const auto bits = static_cast<int>(bits_a);
  return std::ldexp(1.0, intensities() ? bits : bits - 1) - 1;
}

double TiledParameters::weight_converters() const noexcept {
  const double square = static_cast<double>(slots) * static_cast<double>(outputs);
  // Attenuators of the singular values are set once and need no converter of their own.
  return kind == TiledKind::mesh ? square - static_cast<double>(slots) : square;
}

double TiledParameters::weight_modulators() const noexcept {
  return static_cast<double>(slots) * static_cast<double>(outputs);
}

TiledParameters read_tiled(const DeviceSpec& spec, TiledKind kind) {
  TiledParameters p;
  p.kind = kind;
  read_array(spec, p);
  read_imperfections(spec, p);
  read_light(spec, p);
  read_noise(spec, p);
  read_boundaries(spec, p);
  check_together(spec, p);
  return p;
}

}  // namespace jb::photonic
