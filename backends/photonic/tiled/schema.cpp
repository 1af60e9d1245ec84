// Keys of the device files of mzi_mesh, wdm_mrr and wdm_coherent.

#include "backends/photonic/area.h"
#include "backends/photonic/tiled/parameters.h"

namespace jb::photonic {
namespace {

using Schema = std::vector<ParameterSpec>;

constexpr double kMaxJ = 1e-3;
constexpr double kMaxW = 1e3;

void number(Schema& s, const char* key, const char* unit, double min, double max,
            const char* description, double fallback) {
  s.push_back(number_spec(key, unit, min, max, description, fallback));
}

void add_core(Schema& s) {
  s.push_back(integer_spec("array.cores", "1", 1, 1 << 20, "cores that work at the same time", 1));
  s.push_back(number_spec("f_clk_Hz", "Hz", 1, 1e13, "input vectors per second of a core"));
  s.push_back(choice_spec("norm", {"per_vector", "fixed_scale"},
                          "full scale of activations: each row's largest, or norm.full_scale_a",
                          "per_vector"));
  number(s, "norm.full_scale_a", "1", 0, 1e30,
         "fixed_scale: |A| at the modulators' full scale, larger values clip", 0);
  s.push_back(integer_spec("dac.bits_a", "bit", 0, 16, "of activations; 0: not quantised", 0));
  s.push_back(integer_spec("adc.bits", "bit", 0, 16,
                           "of a readout; link budgets need 2^bits times the sensitivity; 0: not "
                           "quantised",
                           0));
  number(s, "adc.kappa", "1", 0.5, 1000,
         "full scale in units of the rms that independent elements give", 4);
  number(
      s, "adc.papr", "1", 1, 1e6,
      "peak-to-average power ratio of activations that the full scale is made for (at most a row's "
      "length)",
      10);
}

void add_weight_store(Schema& s) {
  s.push_back(choice_spec("weights.drive", {"held", "continuous"},
                          "weights' converters and modulators work when weights are loaded (held), "
                          "or in every cycle (continuous)",
                          "held"));
  number(s, "reload.time_s", "s", 0, 1e3, "to set the weights of a core", 0);
  number(s, "reload.energy_J", "J", 0, kMaxJ, "to set one weight element", 0);
}

void add_light(Schema& s) {
  s.push_back(choice_spec("laser.law", {"link_budget", "given"},
                          "laser power from detector sensitivity, losses, fan-out and bits, or "
                          "laser.endpoint_W",
                          "link_budget"));
  number(s, "laser.sensitivity_dBm", "dBm", -100, 30,
         "link_budget: least light of a detector for one level", -25);
  number(s, "laser.endpoint_W", "W", 0, kMaxW,
         "given: electrical power of the laser per MAC of a cycle", 0);
  s.push_back(number_spec("wavelength_nm", "nm", 200, 20000, "wavelength of the light"));
  s.push_back(number_spec("wpe", "1", 1e-6, 1, "wall-plug efficiency of the laser"));
  s.push_back(number_spec("eta", "1", 0.001, 1, "quantum efficiency of the photodiodes", 1.0));
  number(s, "loss.coupling_dB", "dB", 0, 60, "laser to chip", 0);
  number(s, "loss.modulator_dB", "dB", 0, 60, "insertion loss of an input modulator", 0);
  number(s, "loss.waveguide_dB", "dB", 0, 60, "waveguides and crossings", 0);
}

void add_split(Schema& s, const char* description) {
  number(s, "split", "1", 0.001, 0.999, description, 0.5);
}

void add_noise(Schema& s) {
  s.push_back(flag_spec("noise.shot", "photon shot noise", true));
  number(s, "noise.rin_dB_per_Hz", "dB/Hz", -300, -50,
         "relative intensity noise of the laser; -300: none", -300);
  number(s, "noise.readout_e", "e", 0, 1e9, "rms electrons of the amplifier per readout", 0);
  number(s, "noise.detector", "1", 0, 1, "rms error of a readout relative to full scale", 0);
}

void add_calibration(Schema& s) {
  s.push_back(integer_spec("calibration.readings", "1", 1, 1000000,
                           "readings of each weight element that a lock averages", 16));
  s.push_back(choice_spec("calibration.default", {"none", "lock"},
                          "calibration before a run that names none", "none"));
}

void add_energy(Schema& s) {
  s.push_back(choice_spec("energy.lowest", {"B0", "B1", "B2", "B3"},
                          "boundary below which energy is not known", "B0"));
  s.push_back(choice_spec("energy.highest", {"none", "B0", "B1", "B2", "B3"},
                          "boundary up to which there are data; none: no energy at all"));
  s.push_back(choice_spec("dac.energy_law", {"given", "exponential"},
                          "energy.dac_J, or that value at 8 bits scaled by (2^b / b) / (2^8 / 8)",
                          "given"));
  number(s, "energy.dac_J", "J", 0, kMaxJ, "one conversion of one symbol", 0);
  number(s, "energy.modulator_J", "J", 0, kMaxJ, "one symbol of one modulator", 0);
  s.push_back(choice_spec("adc.energy_law", {"given", "linear"},
                          "energy.adc_J, or that value at 8 bits scaled by b / 8", "given"));
  number(s, "energy.adc_J", "J", 0, kMaxJ, "one conversion of one readout", 0);
  number(s, "energy.detector_J", "J", 0, kMaxJ, "photodiodes and amplifier of one readout", 0);
  number(s, "energy.sram_J_per_B", "J/B", 0, kMaxJ,
         "memory that feeds modulators and takes readouts", 0);
  number(s, "energy.psum_J", "J", 0, kMaxJ, "one digital addition of partial sums", 0);
  number(s, "energy.dram_J_per_B", "J/B", 0, kMaxJ,
         "off-chip memory; A and C cross it once per product, B when it is loaded", 0);
  number(s, "static.lock_W", "W", 0, kMaxW,
         "controls that hold phases and resonances, whole machine", 0);
}

void add_rings(Schema& s, const char* tuned) {
  number(s, "ring.fwhm_GHz", "GHz", 0, 1e4,
         "width of a resonance; 0: ideal filters without crosstalk and drift", 0);
  number(s, "ring.spacing_GHz", "GHz", 1, 1e5, "distance of neighbouring wavelengths", 100);
  number(s, "static.ring_W", "W", 0, kMaxW, tuned, 0);
}

Schema make_mesh() {
  Schema s;
  s.push_back(integer_spec("array.modes", "1", 2, 512, "modes of a mesh: inputs and outputs"));
  add_core(s);
  add_weight_store(s);
  add_light(s);
  add_split(s, "share of the local oscillator in the light of a detector");
  number(s, "loss.mzi_dB", "dB", 0, 20, "of one interferometer; a path passes 2 modes + 1", 0);
  s.push_back(flag_spec("mesh.balanced",
                        "dummies at the edges give every path the same loss; else unequal loss "
                        "distorts the matrix",
                        true));
  s.push_back(integer_spec("phase.bits", "bit", 0, 16,
                           "of every phase shifter over 2 pi; 0: any phase", 0));
  number(s, "error.phase_rad", "rad", 0, 1.5, "rms static error of every phase shifter", 0);
  number(s, "error.splitter_rad", "rad", 0, 0.7, "rms static error of every splitter's angle", 0);
  s.push_back(flag_spec("error.corrected",
                        "splitter errors are measured and corrected interferometer by "
                        "interferometer",
                        false));
  number(s, "drift.phase_rad_per_rt_s", "rad/s^0.5", 0, 1e3,
         "random walk of every phase: rms one second after a lock", 0);
  add_noise(s);
  add_calibration(s);
  add_energy(s);
  number(s, "static.p_pi_W", "W", 0, 10, "heater power for a phase of pi", 0);
  number(s, "static.mean_phase_rad", "rad", 0, 6.283185307179586,
         "mean phase of a shifter, two shifters per interferometer", 1.5707963267948966);
  add_tiled_area_keys(s, TiledKind::mesh);
  return s;
}

Schema make_ring_bank() {
  Schema s;
  s.push_back(integer_spec("array.wavelengths", "1", 1, 1024, "inputs of a core"));
  s.push_back(integer_spec("array.outputs", "1", 1, 1 << 16, "weight banks of a core"));
  s.push_back(integer_spec("array.samples", "1", 1, 1 << 16,
                           "input vectors at once on copies of the weights", 1));
  number(s, "array.window_sharing", "1", 1, 1e6,
         "products that one modulated activation serves: overlap of convolution windows", 1);
  add_core(s);
  add_weight_store(s);
  s.push_back(choice_spec("inputs.signed", {"two_pass", "offset"},
                          "how intensities carry signed rows of A: positive and negative part in "
                          "two passes, or (x + 1) / 2 with the weights' sum subtracted",
                          "two_pass"));
  s.push_back(integer_spec("dac.bits_b", "bit", 0, 16, "of weights; 0: not quantised", 0));
  add_light(s);
  number(s, "loss.ring_on_dB", "dB", 0, 60, "of the ring that works on a wavelength, twice a path",
         0);
  number(s, "loss.ring_through_dB", "dB", 0, 60, "of each other ring passed, in both banks", 0);
  number(s, "loss.ybranch_dB", "dB", 0, 60,
         "excess loss of one of the ceil(log2 outputs) branching stages", 0);
  s.push_back(flag_spec("ring.compensated",
                        "weights are set with the crosstalk of the neighbours known", true));
  number(s, "error.weight", "1", 0, 1,
         "rms static error of a weight of full scale 1: 2 / 2^(bits of accuracy)", 0);
  number(s, "drift.ring_GHz_per_rt_s", "GHz/s^0.5", 0, 1e6,
         "random walk of every resonance: rms one second after a lock", 0);
  add_noise(s);
  add_calibration(s);
  add_energy(s);
  add_rings(s, "tuning of one ring");
  s.push_back(integer_spec("rings.per_weight", "1", 0, 64, "tuned rings per weight and sample", 1));
  s.push_back(integer_spec("rings.per_input", "1", 0, 64, "tuned rings per wavelength", 1));
  add_tiled_area_keys(s, TiledKind::ring_bank);
  return s;
}

Schema make_coherent() {
  Schema s;
  s.push_back(integer_spec("array.wavelengths", "1", 1, 1024, "products summed by one detector"));
  s.push_back(integer_spec("array.outputs", "1", 1, 1 << 16, "weight lanes of a core"));
  s.push_back(integer_spec("array.samples", "1", 1, 1 << 16, "activation lanes of a core"));
  add_core(s);
  s.push_back(integer_spec("dac.bits_b", "bit", 0, 16, "of weights; 0: not quantised", 0));
  add_light(s);
  add_split(s, "share of the weight beam in the light of a detector");
  number(s, "loss.router_dB", "dB", 0, 60, "of a wavelength's ring router, passed twice", 0);
  number(s, "loss.ybranch_dB", "dB", 0, 60,
         "excess loss of a branch: one to part the beams, ceil(log2 lanes) to fan out", 0);
  number(s, "loss.phase_dB", "dB", 0, 60, "phase shifter before the detector", 0);
  number(s, "loss.coupler_dB", "dB", 0, 60, "2x2 coupler before the diodes", 0);
  number(s, "error.gain", "1", 0, 0.5, "rms static gain error of a modulator", 0);
  number(s, "error.phase_rad", "rad", 0, 1.5,
         "rms static phase error between the beams of a wavelength", 0);
  number(s, "drift.phase_rad_per_rt_s", "rad/s^0.5", 0, 1e3,
         "random walk of that phase: rms one second after a lock", 0);
  add_noise(s);
  add_calibration(s);
  add_energy(s);
  add_rings(s, "tuning of one router ring");
  s.push_back(integer_spec("rings.per_modulator", "1", 0, 64, "router rings per modulator", 2));
  add_tiled_area_keys(s, TiledKind::coherent);
  return s;
}

}  // namespace

const std::vector<ParameterSpec>& mesh_keys() {
  static const Schema schema = make_mesh();
  return schema;
}

const std::vector<ParameterSpec>& ring_bank_keys() {
  static const Schema schema = make_ring_bank();
  return schema;
}

const std::vector<ParameterSpec>& coherent_keys() {
  static const Schema schema = make_coherent();
  return schema;
}

}  // namespace jb::photonic
