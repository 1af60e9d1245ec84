#include "backends/crossbar/config.h"

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"

namespace jb::crossbar {
namespace {

void read_inputs(const DeviceSpec& spec, Config& config) {
  config.dac.bits = static_cast<int>(spec.integer("dac.bits"));
  config.dac.is_unsigned = spec.text("dac.style") == "unsigned";
  if (config.dac.bits == 1 && !config.dac.is_unsigned) {
    fail_usage(
        "device '{}': dac.bits = 1 is a sign without a magnitude; give 2 to 16, or 0 for no "
        "converter",
        spec.name());
  }
  config.input_range =
      spec.text("input.range") == "fixed" ? InputRange::fixed : InputRange::per_vector;
  config.input_max = spec.number("input.max");
  const std::string& coding = spec.text("input.coding");
  if (coding == "bit-serial") config.coding = InputCoding::bit_serial;
  if (coding == "pulse-width") config.coding = InputCoding::pulse_width;
  config.plane_bits = static_cast<int>(spec.integer("input.plane_bits"));
  config.analog_accumulation = spec.text("input.accumulation") == "analog";
  config.current_limit = spec.number("column.current_limit");
  if (config.coding == InputCoding::multi_bit) return;
  if (config.dac.bits == 0) {
    fail_usage(
        "device '{}': input.coding = {} needs inputs of whole steps, but dac.bits = 0 means "
        "there are none; give dac.bits 2 to 16, or input.coding = multi-bit",
        spec.name(), coding);
  }
  const int most = config.dac.magnitude_bits();
  if (config.coding == InputCoding::bit_serial && config.plane_bits > most) {
    fail_usage(
        "device '{}': input.plane_bits = {} is more than the {} magnitude bits of dac.bits = {}; "
        "give 1 to {}",
        spec.name(), config.plane_bits, most, config.dac.bits, most);
  }
}

/// Range that the device file gives: +-adc.limit, or adc.low to adc.high.
AdcRange given_range(const DeviceSpec& spec) {
  const double limit = spec.number("adc.limit");
  const AdcRange range{spec.number("adc.low"), spec.number("adc.high")};
  if (range.low == 0 && range.high == 0) return {-limit, limit};
  if (range.low >= range.high) {
    fail_usage(
        "device '{}': the ADC range from adc.low = {} to adc.high = {} is empty; give adc.high "
        "above adc.low, or 0 for both to use +-adc.limit",
        spec.name(), range.low, range.high);
  }
  return range;
}

void check_adc(const DeviceSpec& spec, const Config& config) {
  const bool sign_magnitude = config.adc_style == analog::AdcStyle::sign_magnitude;
  if (config.adc_bits == 1 && sign_magnitude) {
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
  if (config.adc_rule != AdcRangeRule::given) {
    for (const char* key : {"adc.low", "adc.high"}) {
      if (spec.number(key) == 0) continue;
      fail_usage(
          "device '{}': {} = {} is an end of a given range, but adc.range = {}; set adc.range to "
          "given, or {} to 0",
          spec.name(), key, spec.number(key), spec.text("adc.range"), key);
    }
  }
  const bool symmetric = config.adc_given.low == -config.adc_given.high;
  if (config.adc_rule == AdcRangeRule::given && sign_magnitude && !symmetric) {
    fail_usage(
        "device '{}': adc.style = sign-magnitude has a range about zero, but adc.low = {} and "
        "adc.high = {}; give adc.low = -adc.high, or adc.style = quantizer",
        spec.name(), config.adc_given.low, config.adc_given.high);
  }
  if (sign_magnitude && spec.text("adc.sign") == "unsigned") {
    fail_usage(
        "device '{}': adc.style = sign-magnitude has a sign, but adc.sign = unsigned; set "
        "adc.style = quantizer, or adc.sign to auto or signed",
        spec.name());
  }
  if (config.adc_bits > 0 && config.adc_rule == AdcRangeRule::granular) {
    if (config.mapping.cell_bits == 0 && config.mapping.steps() == 0) {
      fail_usage(
          "device '{}': adc.range = granular makes a step of the least current of one cell, but "
          "analog cells have no steps; give cell.bits or weight.bits, or another adc.range",
          spec.name());
    }
    if (config.adc_bits == 1 && config.adc_signed) {
      fail_usage(
          "device '{}': adc.bits = 1 with adc.range = granular about zero leaves no step to "
          "either side; give 2 to 16 bits",
          spec.name());
    }
  }
}

void read_adc(const DeviceSpec& spec, Config& config) {
  config.adc_bits = static_cast<int>(spec.integer("adc.bits"));
  config.adc_style = spec.text("adc.style") == "quantizer" ? analog::AdcStyle::quantizer
                                                           : analog::AdcStyle::sign_magnitude;
  const std::string& rule = spec.text("adc.range");
  if (rule == "granular") config.adc_rule = AdcRangeRule::granular;
  if (rule == "calibrated") config.adc_rule = AdcRangeRule::calibrated;
  if (rule == "given") config.adc_rule = AdcRangeRule::given;
  config.adc_given = given_range(spec);
  for (int s = 0; s < kMostSlices; ++s) {
    config.adc_scale[static_cast<std::size_t>(s)] = spec.number(fmt::format("adc.scale_{}", s));
  }
  const std::string& sign = spec.text("adc.sign");
  const bool positive = config.dac.is_unsigned && config.dac.bits > 0 &&
                        !config.mapping.differential() &&
                        config.adc_style == analog::AdcStyle::quantizer;
  config.adc_signed = sign == "signed" || (sign == "auto" && !positive);
  config.adc_percentile = spec.number("adc.percentile");
  config.adc_vectors = spec.integer("adc.calibration_vectors");
  config.adc_gain_error = spec.number("adc.gain_error");
  config.adc_offset_error = spec.number("adc.offset_error");
  check_adc(spec, config);
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
  const bool pairs = spec.text("weight.mapping") == "differential";
  if (model.rule == UpdateRule::outer_product && !pairs) {
    fail_usage(
        "device '{}': update.rule = outer-product moves pairs of cells, which weight.mapping = {} "
        "has not; set weight.mapping to differential, or update.rule to reprogram",
        spec.name(), spec.text("weight.mapping"));
  }
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
  config.wires = wires_from(spec);
  read_inputs(spec, config);
  read_adc(spec, config);
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

int Config::planes() const noexcept {
  if (coding != InputCoding::bit_serial) return 1;
  return (dac.magnitude_bits() + plane_bits - 1) / plane_bits;
}

double Config::input_steps() const noexcept {
  return coding == InputCoding::pulse_width ? dac.full_code() : planes();
}

analog::Adc Config::adc_over(const AdcRange& range) const {
  if (adc_bits == 0) return {};
  if (adc_style == analog::AdcStyle::sign_magnitude || range.low == -range.high) {
    return {adc_bits, adc_style, std::max(range.high, -range.low)};
  }
  return {adc_bits, range.low, range.high};
}

// Ranges as CrossSim V3.2 sets them (simulator/circuits/adc, "MAX" and "GRANULAR").
analog::Adc Config::adc(std::int64_t inputs, int slice) const {
  const double digit_steps =
      mapping.slices > 1 ? std::ldexp(1.0, mapping.slice_bits()) - 1.0 : mapping.steps();
  // Planes of inputs are relative to full scale; 2^m - 1 of their least steps make it.
  const double full = dac.full_code();
  const double correction = dac.bits > 0 ? (full + 1.0) / full : 1.0;
  const double codes = std::ldexp(1.0, adc_bits);
  AdcRange range = adc_given;
  if (adc_rule == AdcRangeRule::granular) {
    const double step = correction / digit_steps;
    range.high = step * (adc_signed ? codes / 2.0 - 1.0 : codes - 1.0);
    range.low = adc_signed ? -range.high : 0.0;
  } else if (adc_rule != AdcRangeRule::given) {
    range.high = static_cast<double>(inputs);
    if (mapping.slices > 1 && !mapping.differential()) {
      // Rows to the nearest power of two, and steps a multiple of a cell's least current.
      range.high = std::exp2(std::nearbyint(std::log2(range.high))) * (digit_steps + 1.0) /
                   digit_steps * ((codes - (adc_signed ? 2.0 : 1.0)) / codes) * correction;
    }
    range.low = adc_signed ? -range.high : 0.0;
  }
  const double scale = adc_scale[static_cast<std::size_t>(slice)];
  return adc_over({range.low * scale, range.high * scale});
}

bool Config::composed() const noexcept {
  return mapping.slices > 1 || !mapping.differential() || planes() > 1 || current_limit > 0 ||
         wires.gated();
}

bool Config::exact_weights() const noexcept {
  const bool clipped = mapping.percentile < 1 || mapping.limit > 0;
  return cell.ideal && !cell.has_white() && mapping.steps() == 0 && adc_bits == 0 && !clipped &&
         !composed() && !wires.present();
}

std::string Config::variant() const {
  static constexpr const char* kSchemes[] = {"differential", "differential-two-sided", "offset",
                                             "offset-unit-column"};
  std::string name = std::string(kSchemes[static_cast<int>(mapping.scheme)]) + "/" + cell.name;
  if (mapping.slices > 1) {
    name += fmt::format("/{}x{}b", mapping.slices, mapping.slice_bits());
  }
  if (dac.bits > 0) name += fmt::format("/dac{}", dac.bits);
  if (coding == InputCoding::bit_serial) name += fmt::format("/{}-planes", planes());
  if (coding == InputCoding::pulse_width) name += "/pulse-width";
  if (wires.present()) name += "/" + wires.name();
  if (adc_bits > 0) name += fmt::format("/adc{}", adc_bits);
  return name;
}

}  // namespace jb::crossbar
