// Keys of photonic device files, with units and the ranges that physics allows.

#include "backends/photonic/area.h"
#include "backends/photonic/parameters.h"

namespace jb::photonic {
namespace {

using Schema = std::vector<ParameterSpec>;

void add_light(Schema& s) {
  s.push_back(
      number_spec("n_mac", "photon/MAC", 1e-6, 1e12,
                  "mean photons per MAC at the detectors, both beams and both diodes, before "
                  "quantum efficiency"));
  s.push_back(number_spec("split", "1", 0.001, 0.999, "share of the weight beam in n_mac", 0.5));
  s.push_back(number_spec("eta", "1", 0.001, 1, "quantum efficiency of the photodiodes", 1.0));
  s.push_back(
      number_spec("papr", "1", 0, 1e6,
                  "peak-to-average power ratio that the laser is paid for; 0: measured from "
                  "the operands, weighted by their beams' shares"));
  s.push_back(choice_spec(
      "norm", {"per_vector", "per_batch", "fixed_scale"},
      "how light follows the data: activations rescaled per row of A (per_vector), once per batch "
      "executed together (per_batch: cutting A changes it), or by the modulators' full scale"));
  s.push_back(number_spec("norm.full_scale_a", "1", 0, 1e30,
                          "fixed_scale: |A| at the modulators' full scale, larger values clip; 0: "
                          "the largest of the batch (cutting A changes it)",
                          0.0));
  s.push_back(number_spec("wavelength_nm", "nm", 200, 20000, "wavelength of the light"));
  s.push_back(number_spec("wpe", "1", 1e-6, 1, "wall-plug efficiency of the laser"));
  s.push_back(number_spec("loss.coupling_dB", "dB", 0, 60, "laser to chip", 0.0));
  s.push_back(number_spec("loss.modulator_dB", "dB", 0, 60, "insertion loss of a modulator", 0.0));
  s.push_back(number_spec(
      "loss.ybranch_dB", "dB", 0, 60,
      "excess loss of one of the ceil(log2 lanes) branching stages of the fan-out", 0.0));
  s.push_back(number_spec("loss.combiner_dB", "dB", 0, 60, "2x2 coupler before the diodes", 0.0));
  s.push_back(number_spec("loss.waveguide_dB", "dB", 0, 60, "waveguides and crossings", 0.0));
  s.push_back(flag_spec("laser.gating", "light of idle lanes is switched off", false));
}

void add_array(Schema& s) {
  constexpr std::int64_t kMaxLanes = 1 << 20;
  s.push_back(integer_spec("array.outputs", "1", 0, kMaxLanes,
                           "weight lanes (columns of B at once); 0: as many as the product has"));
  s.push_back(integer_spec("array.samples", "1", 0, kMaxLanes,
                           "activation lanes (rows of A at once); 0: as many as the product has"));
  s.push_back(integer_spec("array.integration", "1", 0, 1 << 30,
                           "longest integration in clock cycles; 0: the whole inner dimension"));
  s.push_back(number_spec("f_clk_Hz", "Hz", 1, 1e13, "symbol rate of the modulators"));
}

void add_converters(Schema& s) {
  s.push_back(integer_spec("dac.bits_a", "bit", 0, 16, "of activations; 0: not quantised", 0));
  s.push_back(integer_spec("dac.bits_b", "bit", 0, 16, "of weights; 0: not quantised", 0));
  s.push_back(
      integer_spec("adc.bits", "bit", 0, 16, "effective bits of a readout; 0: not quantised", 0));
  s.push_back(number_spec("adc.kappa", "1", 0.5, 1000,
                          "full scale in units of the rms that independent elements give", 4.0));
  s.push_back(
      number_spec("adc.rate_Hz", "Hz", 0, 1e13,
                  "fastest sampling of a detector's converter; shorter integrations wait for "
                  "it; 0: no limit",
                  0.0));
  s.push_back(choice_spec(
      "adc.energy_law", {"given", "rate_aware"},
      "energy.adc_J, or max(survey fit, design rule) at adc.rate_Hz and adc.bits", "given"));
}

void add_noise(Schema& s) {
  s.push_back(flag_spec("noise.shot", "photon shot noise", true));
  s.push_back(choice_spec("noise.law", {"gaussian", "poisson", "auto"},
                          "auto: Poisson below 20 photons per readout, else Gaussian", "auto"));
  s.push_back(number_spec("noise.rin_dB_per_Hz", "dB/Hz", -300, -50,
                          "relative intensity noise of the laser; -300: none", -300.0));
  s.push_back(number_spec("noise.amplifier_e", "e", 0, 1e9, "rms electrons per readout", 0.0));
  s.push_back(number_spec("noise.dark_A", "A", 0, 1e-3, "dark current of one photodiode", 0.0));
  s.push_back(number_spec("c_fF", "fF", 0, 1e9,
                          "integrating capacitor (kTC noise and full well); 0: none", 0.0));
  s.push_back(number_spec("v_swing_V", "V", 1e-3, 1000, "voltage swing of the capacitor", 1.0));
  s.push_back(
      flag_spec("cds", "two samples per readout (doubles kTC and amplifier variance)", false));
  s.push_back(
      number_spec("temperature_K", "K", 1, 1000, "of the chip at 25 degC surroundings", 300.0));
  s.push_back(choice_spec("noise.norm", {"exact", "matrix", "row"},
                          "norms in the shot noise: of row and column (exact), the columns' mean "
                          "(matrix), the column's "
                          "for both beams (row)",
                          "exact"));
  s.push_back(number_spec("noise.cmrr_dB", "dB", 0, 300,
                          "common-mode rejection of the diodes: what passes of the light's own "
                          "intensity noise; 300: all is rejected",
                          300.0));
}

void add_errors(Schema& s) {
  s.push_back(
      number_spec("error.gain", "1", 0, 0.5, "rms static gain error of a lane's modulator", 0.0));
  s.push_back(number_spec("error.phase_rad", "rad", 0, 1.5,
                          "rms static phase error between the beams of a detector, which no lock "
                          "removes",
                          0.0));
  s.push_back(number_spec("drift.phase_rad_per_rt_s", "rad/s^0.5", 0, 1e3,
                          "random walk of that phase: rms one second after a lock", 0.0));
  s.push_back(number_spec("error.splitter", "1", 0, 0.5,
                          "rms imbalance d of a detector's coupler, (1 + d) : (1 - d)", 0.0));
  s.push_back(number_spec("error.crosstalk_dB", "dB", -300, 0,
                          "power of a neighbouring weight lane that leaks into a lane, in phase; "
                          "-300: none",
                          -300.0));
  s.push_back(number_spec("modulator.extinction_dB", "dB", 0.1, 300,
                          "full to least power of a modulator; its field floor stands in "
                          "quadrature, and the product of the two floors is cancelled by a bias; "
                          "300: none",
                          300.0));
  s.push_back(integer_spec("calibration.readings", "1", 1, 1000000,
                           "readings of each lane or detector that a calibration averages", 16));
  s.push_back(choice_spec("calibration.default", {"none", "lock", "full"},
                          "calibration before a run that names none: phases (lock), and detector "
                          "offsets too (full)",
                          "none"));
}

void add_interlayer(Schema& s) {
  s.push_back(choice_spec("interlayer", {"digital", "analog"},
                          "between the layers of a network: ADC, memory and DAC, or a rectifier "
                          "that drives the next modulator",
                          "digital"));
  s.push_back(number_spec("analog.kappa", "1", 0.5, 1000,
                          "interlayer = analog: charge at full scale of the next modulator, in "
                          "units of the rms that independent elements give",
                          12.0));
  s.push_back(number_spec("analog.noise_e", "e", 0, 1e9,
                          "interlayer = analog: rms electrons that the rectifier adds", 0.0));
  s.push_back(number_spec("analog.gain_error", "1", 0, 0.5,
                          "interlayer = analog: rms static gain error of a rectifier", 0.0));
}

void add_energy(Schema& s) {
  constexpr double kMaxJ = 1e-3;
  s.push_back(choice_spec("energy.lowest", {"B0", "B1", "B2", "B3"},
                          "boundary below which energy is not known", "B0"));
  s.push_back(choice_spec("energy.highest", {"none", "B0", "B1", "B2", "B3"},
                          "boundary up to which there are data; none: no energy at all"));
  s.push_back(number_spec("energy.dac_J", "J", 0, kMaxJ, "one conversion of one symbol", 0.0));
  s.push_back(number_spec("energy.modulator_J", "J", 0, kMaxJ, "one symbol", 0.0));
  s.push_back(number_spec("energy.adc_J", "J", 0, kMaxJ, "one conversion of one readout", 0.0));
  s.push_back(
      number_spec("energy.amplifier_J", "J", 0, kMaxJ, "amplification of one readout", 0.0));
  s.push_back(number_spec("energy.nonlinearity_J", "J", 0, kMaxJ,
                          "interlayer = analog: one value through the rectifier and driver", 0.0));
  s.push_back(number_spec("energy.integrator_W", "W", 0, 1e3,
                          "bias of one detector while it integrates", 0.0));
  s.push_back(number_spec("energy.input_J", "J", 0, kMaxJ,
                          "undivided figure per symbol: memory read, DAC and modulator", 0.0));
  s.push_back(number_spec("energy.output_J", "J", 0, kMaxJ,
                          "undivided figure per readout: amplifier, ADC and memory write", 0.0));
  s.push_back(number_spec("energy.sram_J_per_B", "J/B", 0, kMaxJ,
                          "memory that feeds modulators and takes readouts", 0.0));
  s.push_back(
      number_spec("energy.psum_J", "J", 0, kMaxJ, "one digital addition of partial sums", 0.0));
  s.push_back(number_spec("energy.dram_J_per_B", "J/B", 0, kMaxJ,
                          "off-chip memory; A, B and C cross it once per product", 0.0));
  s.push_back(number_spec("static.modulator_W", "W", 0, 1e3, "bias heater of one modulator", 0.0));
  s.push_back(number_spec("static.lock_W", "W", 0, 1e3,
                          "electronics that hold one modulator's phase between calibrations", 0.0));
}

Schema make_schema() {
  Schema schema;
  add_light(schema);
  add_array(schema);
  add_converters(schema);
  add_noise(schema);
  add_errors(schema);
  add_interlayer(schema);
  add_energy(schema);
  add_homodyne_area_keys(schema);
  return schema;
}

}  // namespace

const std::vector<ParameterSpec>& parameter_schema() {
  static const Schema schema = make_schema();
  return schema;
}

}  // namespace jb::photonic
