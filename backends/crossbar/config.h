#pragma once
// What a device file says about a crossbar, checked and in the form the model computes with.

#include <cstdint>
#include <string>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/analog/converter_errors.h"
#include "backends/core/parameters.h"
#include "backends/crossbar/cell_model.h"
#include "backends/crossbar/pulses.h"
#include "backends/crossbar/tiling.h"

namespace jb::crossbar {

/// Keys of crossbar device files; a static object.
[[nodiscard]] const std::vector<ParameterSpec>& parameter_schema();

/// Weights on differential one-sided pairs: g+ = g_min + range max(w, 0),
/// g- = g_min + range max(-w, 0), with w = B / max|B| in [-1, 1].
struct WeightMapping {
  double g_min = 0;         ///< conductance of an unused cell, relative to g_max
  double range = 1;         ///< 1 - g_min
  double weight_steps = 0;  ///< 2^(weight bits - 1) - 1 steps of w; 0: analog
  double cell_steps = 0;    ///< 2^(cell bits) - 1 steps of a conductance; 0: analog

  /// Steps that a programmed weight is a whole number of; 0 when it is analog.
  [[nodiscard]] double steps() const noexcept { return cell_steps > 0 ? cell_steps : weight_steps; }
  /// Target of w: the signed number of steps, or w itself when analog.
  [[nodiscard]] double code(double w) const noexcept {
    const double quantised =
        weight_steps > 0 ? analog::round_half_even(w * weight_steps) / weight_steps : w;
    if (cell_steps > 0) return analog::round_half_even(quantised * cell_steps);
    return weight_steps > 0 ? analog::round_half_even(w * weight_steps) : w;
  }
  /// Target of w as a fraction of `range`, signed.
  [[nodiscard]] double level(double w) const noexcept {
    return steps() > 0 ? code(w) / steps() : w;
  }
};

enum class InputRange : std::uint8_t {
  per_vector,  ///< full scale is max|x| of each input vector
  fixed,       ///< full scale is input.max; larger inputs are clipped
};

struct Config {
  std::int64_t tile_rows = 0;   ///< inputs per tile; 0: as many as needed
  std::int64_t tile_cols = 0;   ///< outputs per tile; 0: as many as needed
  std::int64_t tile_count = 0;  ///< tiles of the machine; 0: as many as needed
  PartitionRule rule = PartitionRule::fill;

  WeightMapping mapping;
  std::int64_t cells_per_polarity = 1;  ///< physical cells that make one g
  CellModel cell;
  PulseModel update;
  double headroom = 1;  ///< full scale over the largest weight when it is programmed

  analog::Dac dac;
  InputRange input_range = InputRange::per_vector;
  double input_max = 1;

  int adc_bits = 0;
  analog::AdcStyle adc_style = analog::AdcStyle::sign_magnitude;
  bool adc_range_given = false;  ///< else +-(inputs in use of the tile)
  double adc_limit = 1;          ///< in array units: sums of g x, both relative to full scale
  double adc_gain_error = 0;
  double adc_offset_error = 0;        ///< in LSB
  analog::ConverterModel converters;  ///< the same and how they drift and are trimmed

  std::string default_calibration;
  std::int64_t calibration_vectors = 0;  ///< one-hot vectors per tile; 0: one per input
  std::int64_t fit_vectors = 1;          ///< known random vectors of a fit

  double mvm_time_s = 0;
  double step_time_s = 0;         ///< of one reading: settling
  double adc_rate_Hz = 0;         ///< conversions per second of one converter; 0: not limiting
  std::int64_t adc_per_tile = 1;  ///< converters that a tile's outputs share
  double tile_area_m2 = 0;
  double chip_area_m2 = 0;  ///< what stands once on the machine
  double update_time_s = 0;
  double program_row_time_s = 0;

  /// The converter behind an output of a tile with `inputs` inputs in use; none for 0 bits.
  [[nodiscard]] analog::Adc adc(std::int64_t inputs) const;
  /// True when neither converters nor noise need conductances: the array is the matrix itself.
  [[nodiscard]] bool exact_weights() const noexcept;
  /// Short name of the model variant ("differential/pcm-hermes-2dev/dac8/adc8").
  [[nodiscard]] std::string variant() const;
};

/// Reads a device file. Usage error when parameters contradict each other, naming them.
[[nodiscard]] Config config_from(const DeviceSpec& spec);

}  // namespace jb::crossbar
