#include "backends/photonic/area.h"

#include "backends/photonic/tiled/accounting.h"

namespace jb::photonic {
namespace {

void add_key(std::vector<ParameterSpec>& keys, const char* key, const char* description) {
  constexpr double kLargest_m2 = 1;  // more than any wafer
  keys.push_back(number_spec(key, "m2", 0, kLargest_m2, description, 0.0));
}

void add_common_keys(std::vector<ParameterSpec>& keys) {
  add_key(keys, "area.modulator_m2", "one modulator; 0: not in the machine's area");
  add_key(keys, "area.dac_m2", "one digital-to-analog converter; 0: not in the machine's area");
  add_key(keys, "area.detector_m2",
          "both photodiodes of one readout; 0: not in the machine's area");
  add_key(keys, "area.amplifier_m2",
          "integrator or amplifier of one readout; 0: not in the machine's area");
  add_key(keys, "area.adc_m2",
          "one analog-to-digital converter, one a readout; 0: not in the machine's area");
}

void add_coupler_key(std::vector<ParameterSpec>& keys) {
  add_key(keys, "area.coupler_m2",
          "couplers, branches and phase shifter before the photodiodes of one readout; 0: not in "
          "the machine's area");
}

double modulator_with_dac_m2(const DeviceSpec& spec) {
  return spec.number("area.modulator_m2") + spec.number("area.dac_m2");
}

/// Without couplers.
double readout_m2(const DeviceSpec& spec) {
  return spec.number("area.detector_m2") + spec.number("area.amplifier_m2") +
         spec.number("area.adc_m2");
}

}  // namespace

void add_homodyne_area_keys(std::vector<ParameterSpec>& keys) {
  add_common_keys(keys);
  add_coupler_key(keys);
  add_key(keys, "area.laser_m2", "laser on the chip; 0: not in the machine's area");
}

void add_tiled_area_keys(std::vector<ParameterSpec>& keys, TiledKind kind) {
  add_common_keys(keys);
  if (kind != TiledKind::ring_bank) add_coupler_key(keys);
  if (kind == TiledKind::mesh) {
    add_key(keys, "area.mzi_m2",
            "one interferometer of a mesh, both phase shifters included; 0: not in the machine's "
            "area");
  } else {
    add_key(keys, "area.ring_m2", "one tuned ring (rings.per_*); 0: not in the machine's area");
  }
  add_key(keys, "area.laser_m2", "lasers of a core on the chip; 0: not in the machine's area");
  add_key(keys, "area.distribution_m2",
          "splitters and multiplexers that bring light to a core's modulators and readouts; 0: not "
          "in the machine's area");
}

double homodyne_area_m2(const DeviceSpec& spec, const HomodyneParameters& p) {
  if (p.samples == 0 || p.outputs == 0) return 0;
  const auto samples = static_cast<double>(p.samples);
  const auto outputs = static_cast<double>(p.outputs);
  return (samples + outputs) * modulator_with_dac_m2(spec) +
         samples * outputs * (readout_m2(spec) + spec.number("area.coupler_m2")) +
         spec.number("area.laser_m2");
}

double tiled_area_m2(const DeviceSpec& spec, const TiledParameters& p) {
  const auto cores = static_cast<double>(p.cores);
  const double inputs =
      static_cast<double>(p.slots) * static_cast<double>(p.samples) / p.window_sharing;
  const double readouts = static_cast<double>(p.outputs) * static_cast<double>(p.samples);
  double core = inputs * modulator_with_dac_m2(spec) +
                p.weight_converters() * spec.number("area.dac_m2") + readouts * readout_m2(spec) +
                spec.number("area.laser_m2") + spec.number("area.distribution_m2");
  if (p.kind != TiledKind::ring_bank) core += readouts * spec.number("area.coupler_m2");
  if (p.kind == TiledKind::mesh) {
    return cores * (core + p.weight_modulators() * spec.number("area.mzi_m2"));
  }
  core += p.weight_modulators() * spec.number("area.modulator_m2");
  return cores * core + tuned_rings(spec, p) * spec.number("area.ring_m2");
}

}  // namespace jb::photonic
