#pragma once
// What a device file says about a crossbar, checked and in the form the model computes with.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/analog/converter_errors.h"
#include "backends/core/parameters.h"
#include "backends/crossbar/cell_model.h"
#include "backends/crossbar/mapping.h"
#include "backends/crossbar/pulses.h"
#include "backends/crossbar/tiling.h"
#include "backends/crossbar/wires.h"

namespace jb::crossbar {

/// Keys of crossbar device files; a static object.
[[nodiscard]] const std::vector<ParameterSpec>& parameter_schema();

enum class InputRange : std::uint8_t {
  per_vector,  ///< full scale is max|x| of each input vector
  fixed,       ///< full scale is input.max; larger inputs are clipped
};

/// How an input's code reaches the array.
enum class InputCoding : std::uint8_t {
  multi_bit,    ///< one voltage of as many levels
  bit_serial,   ///< planes of a few bits after each other, lowest first
  pulse_width,  ///< one pulse of as many time slots
};

/// How the range of the output converters is found.
enum class AdcRangeRule : std::uint8_t {
  max,         ///< nothing clips
  granular,    ///< a step is the least current of one cell
  calibrated,  ///< a percentile of what calibration vectors give
  given,
};

/// Ends of a converter's range, in array units.
struct AdcRange {
  double low = 0;
  double high = 0;
};

inline constexpr int kMostSlices = 16;

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
  InputCoding coding = InputCoding::multi_bit;
  int plane_bits = 1;                ///< bits of a plane when bit-serial
  bool analog_accumulation = false;  ///< planes are added before the one conversion
  double current_limit = 0;          ///< of a column of cells, in array units; 0: none
  WireModel wires;

  int adc_bits = 0;
  analog::AdcStyle adc_style = analog::AdcStyle::sign_magnitude;
  AdcRangeRule adc_rule = AdcRangeRule::max;
  bool adc_signed = true;
  AdcRange adc_given;  ///< in array units: sums of g x, both relative to full scale
  std::array<double, kMostSlices> adc_scale{};  ///< of each slice's range
  double adc_percentile = 1;                    ///< calibrated: share of |samples| inside
  std::int64_t adc_vectors = 0;                 ///< calibrated: vectors that are read
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

  /// Planes of an input code: 1 unless bit-serial.
  [[nodiscard]] int planes() const noexcept;
  /// Conversions behind one output of one tile and product: slices, times planes where each is
  /// converted; the unit column's are apart.
  [[nodiscard]] std::int64_t conversions() const noexcept {
    return mapping.slices * (analog_accumulation ? 1 : planes());
  }
  /// Time steps of one product: planes, or slots of the longest pulse.
  [[nodiscard]] double input_steps() const noexcept;
  /// The converter behind a slice of an output of a tile with `inputs` inputs in use; none for 0
  /// bits. A calibrated range is known to the plan that measured it.
  [[nodiscard]] analog::Adc adc(std::int64_t inputs, int slice = 0) const;
  [[nodiscard]] analog::Adc adc_over(const AdcRange& range) const;
  /// True when a product needs more than one converted reading per output and tile, or digital
  /// corrections of it.
  [[nodiscard]] bool composed() const noexcept;
  /// True when neither converters nor noise need conductances: the array is the matrix itself.
  [[nodiscard]] bool exact_weights() const noexcept;
  /// Short name of the model variant ("differential/pcm-hermes-2dev/dac8/adc8").
  [[nodiscard]] std::string variant() const;
};

/// Reads a device file. Usage error when parameters contradict each other, naming them.
[[nodiscard]] Config config_from(const DeviceSpec& spec);

}  // namespace jb::crossbar
