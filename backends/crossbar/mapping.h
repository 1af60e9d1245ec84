#pragma once
// How a weight becomes conductances of one or several cells, and how the digital side makes a
// weight's product of their readings again. Equations as in CrossSim V3.2 (Sandia, BSD-3), whose
// "array units" these are: conductances relative to g_max, inputs to full scale.
//
// w = clip(B, +-full scale) / full scale. Conductances, r = 1 - g_min:
//   differential            g+ = g_min + r max(w, 0), g- = g_min + r max(-w, 0)
//   differential-two-sided  g+- = g_min + r (1 +- w) / 2
//   offset                  g = g_min' + r' (w + 1) / 2; r' = r (L - 2) / (L - 1), g_min' = 1 - r'
//                           for cells of L levels, so that w = 0 is a level; r' = r when analog
//   sliced                  rint(w (2^(B-1) - 1)) in digits of base 2^b, a cell (pair) for each;
//                           offset: with 2^(B-1) added, so that all digits are positive
// A cell of L levels then takes the nearest of them.

#include <cstdint>
#include <span>

#include "backends/core/matrix.h"

namespace jb {
class DeviceSpec;
}

namespace jb::crossbar {

/// How a sign is told.
enum class SignScheme : std::uint8_t {
  differential,            ///< pairs of cells, one of them idle
  differential_two_sided,  ///< pairs of cells whose sum is constant
  offset,                  ///< one cell about a middle that the digital side subtracts
  offset_unit_column,      ///< one cell about a middle that a column of zero weights measures
};

struct WeightMapping {
  SignScheme scheme = SignScheme::differential;
  double g_min = 0;       ///< conductance of an unused cell, relative to g_max
  double range = 1;       ///< 1 - g_min
  int weight_bits = 0;    ///< sign included; 0: analog
  int cell_bits = 0;      ///< 0: analog
  int slices = 1;         ///< cells (pairs) that one weight is spread over
  bool flip = false;      ///< columns that are more than half full hold their complement
  double percentile = 1;  ///< full scale is this percentile of B, from either end
  double limit = 0;       ///< full scale in units of B; 0: by the percentile
  bool emulate_crosssim_offset_gain = false;

  [[nodiscard]] bool differential() const noexcept {
    return scheme == SignScheme::differential || scheme == SignScheme::differential_two_sided;
  }
  [[nodiscard]] bool unit_column() const noexcept {
    return scheme == SignScheme::offset_unit_column;
  }
  /// Cells that hold one slice of a weight.
  [[nodiscard]] int polarities() const noexcept { return differential() ? 2 : 1; }
  /// Cells of a weight.
  [[nodiscard]] int cells() const noexcept { return slices * polarities(); }
  /// Bits of a slice; 0 for a weight in one slice.
  [[nodiscard]] int slice_bits() const noexcept { return slice_bits_; }
  /// Steps of a cell between g_min and g_max that all targets are whole numbers of; 0: analog.
  [[nodiscard]] double steps() const noexcept { return steps_; }
  /// Steps of w itself: 2^(weight bits - 1) - 1; 0: analog.
  [[nodiscard]] double weight_steps() const noexcept { return weight_steps_; }

  /// Where between g_min and g_max the cells of weight w stand: in steps(), or in [0, 1] when
  /// analog. out[polarities() * slice + polarity], size cells(); w is clipped to [-1, 1].
  void levels(double w, std::span<double> out) const noexcept;
  /// Conductance of a level.
  [[nodiscard]] double conductance(double level) const noexcept {
    return steps() > 0 ? g_min + range * (level / steps()) : g_min + range * level;
  }

  /// Full scale of w for a matrix, headroom apart: its percentile, or the given limit.
  [[nodiscard]] double full_scale(MatrixView<const double> weights) const;

  // Reading a weight's product again: sum over slices of slice_weight(s) y_s, less middle() times
  // the sum of inputs (or the unit column's own reading), all times per_array_unit().
  [[nodiscard]] double slice_weight(int slice) const noexcept;
  /// Units of w per array unit.
  [[nodiscard]] double per_array_unit() const noexcept;
  /// What w = 0 gives per unit of input, slices summed by their weights; 0 for pairs.
  [[nodiscard]] double middle() const noexcept;
  /// g + (its complement in a flipped column), constant over cells.
  [[nodiscard]] double complement() const noexcept { return 2.0 * g_min + range; }

  /// To be called when the fields above have changed.
  void settle();

 private:
  int slice_bits_ = 0;
  double steps_ = 0;
  double weight_steps_ = 0;
};

/// Reads weight.*, cell.bits and cell.on_off. Usage error when they contradict each other.
[[nodiscard]] WeightMapping mapping_from(const DeviceSpec& spec);

}  // namespace jb::crossbar
