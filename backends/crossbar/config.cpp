#include "backends/crossbar/config.h"

#include <cmath>

#include "backends/core/error.h"

namespace jb::crossbar {
namespace {

WeightMapping mapping_from(const DeviceSpec& spec) {
  WeightMapping mapping;
  const double on_off = spec.number("cell.on_off");
  if (on_off != 0 && on_off <= 1) {
    fail_usage(
        "device '{}': cell.on_off = {} leaves no range between G_min and G_max; give a "
        "ratio above 1, or 0 for G_min = 0",
        spec.name(), on_off);
  }
  mapping.g_min = on_off == 0 ? 0.0 : 1.0 / on_off;
  mapping.range = 1.0 - mapping.g_min;
  const auto weight_bits = static_cast<int>(spec.integer("weight.bits"));
  const auto cell_bits = static_cast<int>(spec.integer("cell.bits"));
  if (weight_bits == 1) {
    fail_usage(
        "device '{}': weight.bits = 1 is a sign without a magnitude; give 2 to 16, or 0 for "
        "analog weights",
        spec.name());
  }
  if (weight_bits > 0) mapping.weight_steps = std::ldexp(1.0, weight_bits - 1) - 1.0;
  if (cell_bits > 0) mapping.cell_steps = std::ldexp(1.0, cell_bits) - 1.0;
  return mapping;
}

void read_converters(const DeviceSpec& spec, Config& config) {
  config.dac.bits = static_cast<int>(spec.integer("dac.bits"));
  if (config.dac.bits == 1) {
    fail_usage(
        "device '{}': dac.bits = 1 is a sign without a magnitude; give 2 to 16, or 0 for no "
        "converter",
        spec.name());
  }
  config.input_range =
      spec.text("input.range") == "fixed" ? InputRange::fixed : InputRange::per_vector;
  config.input_max = spec.number("input.max");
  config.adc_bits = static_cast<int>(spec.integer("adc.bits"));
  config.adc_style = spec.text("adc.style") == "quantizer" ? analog::AdcStyle::quantizer
                                                           : analog::AdcStyle::sign_magnitude;
  config.adc_range_given = spec.text("adc.range") == "given";
  config.adc_limit = spec.number("adc.limit");
  config.adc_gain_error = spec.number("adc.gain_error");
  config.adc_offset_error = spec.number("adc.offset_error");
  if (config.adc_bits == 1 && config.adc_style == analog::AdcStyle::sign_magnitude) {
    fail_usage(
        "device '{}': adc.bits = 1 with adc.style = sign-magnitude has the level 0 only; "
        "give 2 to 16 bits, or adc.style = quantizer",
        spec.name());
  }
  if (config.adc_bits == 0 && config.adc_offset_error > 0) {
    fail_usage(
        "device '{}': adc.offset_error is in steps of the ADC, but adc.bits = 0 means there "
        "is none; set adc.bits above 0 or adc.offset_error to 0",
        spec.name());
  }
}

analog::ConverterModel converter_errors_from(const DeviceSpec& spec, const Config& config) {
  analog::ConverterModel model;
  model.gain = config.adc_gain_error;
  model.offset = config.adc_offset_error;
  model.gain_drift = spec.number("adc.gain_drift");
  model.offset_drift = spec.number("adc.offset_drift");
  model.tau_s = spec.number("adc.drift_tau_s");
  model.gain_per_K = spec.number("adc.gain_per_K");
  model.offset_per_K = spec.number("adc.offset_per_K");
  model.reference_C = spec.number("temperature.reference_C");
  model.trim_step = spec.number("adc.trim_step");
  model.trim_range = spec.number("adc.trim_range");
  for (const char* key : {"adc.offset_drift", "adc.offset_per_K"}) {
    if (config.adc_bits > 0 || spec.number(key) == 0) continue;
    fail_usage(
        "device '{}': {} is in steps of the ADC, but adc.bits = 0 means there is none; set "
        "adc.bits above 0 or {} to 0",
        spec.name(), key, key);
  }
  if (model.trim_step > model.trim_range) {
    fail_usage(
        "device '{}': adc.trim_step = {} is wider than adc.trim_range = {}, so that no trim can be "
        "set; give adc.trim_step 0 .. {}",
        spec.name(), model.trim_step, model.trim_range, model.trim_range);
  }
  return model;
}

PulseModel pulses_from(const DeviceSpec& spec) {
  PulseModel model;
  if (spec.text("update.rule") == "outer-product") model.rule = UpdateRule::outer_product;
  model.step = spec.number("update.step");
  model.step_c2c = spec.number("update.step_c2c");
  model.step_d2d = spec.number("update.step_d2d");
  model.asymmetry = spec.number("update.asymmetry");
  model.length = spec.integer("update.pulses");
  const bool discrete = spec.integer("cell.bits") > 0 || spec.integer("weight.bits") > 0;
  if (model.rule == UpdateRule::outer_product && discrete) {
    fail_usage(
        "device '{}': update.rule = outer-product moves cells by update.step, but cell.bits or "
        "weight.bits give them levels; set both to 0, or update.rule to reprogram",
        spec.name());
  }
  return model;
}

}  // namespace

Config config_from(const DeviceSpec& spec) {
  Config config;
  config.tile_rows = spec.integer("tile.rows");
  config.tile_cols = spec.integer("tile.cols");
  config.tile_count = spec.integer("tile.count");
  config.rule = spec.text("tile.partition") == "equal" ? PartitionRule::equal : PartitionRule::fill;
  config.mapping = mapping_from(spec);
  config.cells_per_polarity = spec.integer("cell.per_polarity");
  config.cell = cell_model_from(spec);
  config.cell.off_state = config.mapping.g_min;
  config.update = pulses_from(spec);
  config.headroom = spec.number("weight.headroom");
  read_converters(spec, config);
  config.converters = converter_errors_from(spec, config);
  config.default_calibration = spec.text("calibration.default");
  config.calibration_vectors = spec.integer("calibration.vectors");
  config.fit_vectors = spec.integer("calibration.fit_vectors");
  config.mvm_time_s = spec.number("time.mvm_s");
  config.step_time_s = spec.number("time.step_s");
  config.adc_rate_Hz = spec.number("adc.rate_Hz");
  config.adc_per_tile = spec.integer("adc.per_tile");
  config.tile_area_m2 = spec.number("area.array_m2") + spec.number("area.converters_m2") +
                        spec.number("area.periphery_m2");
  config.chip_area_m2 = spec.number("area.chip_m2");
  config.update_time_s = spec.number("time.update_s");
  config.program_row_time_s = spec.number("time.program_row_s");
  return config;
}

analog::Adc Config::adc(std::int64_t inputs) const {
  if (adc_bits == 0) return {};
  return {adc_bits, adc_style, adc_range_given ? adc_limit : static_cast<double>(inputs)};
}

bool Config::exact_weights() const noexcept {
  return cell.ideal && !cell.has_white() && mapping.steps() == 0 && adc_bits == 0;
}

std::string Config::variant() const {
  std::string name = "differential/" + cell.name;
  if (dac.bits > 0) name += fmt::format("/dac{}", dac.bits);
  if (adc_bits > 0) name += fmt::format("/adc{}", adc_bits);
  return name;
}

}  // namespace jb::crossbar
