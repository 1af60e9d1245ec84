#pragma once
// The cells that hold one stationary operand, one or several per weight (mapping.h), each cell with
// its own programming error, drift exponent and noise, the same cells at every age.
//
// A row of cells is ordered by column, slice and polarity. Where a unit column is part of the
// mapping, one for each tile of outputs follows the operand's own columns.

#include <cstdint>
#include <span>
#include <vector>

#include "backends/backend.h"
#include "backends/core/matrix.h"
#include "backends/crossbar/config.h"
#include "backends/crossbar/device_plane.h"

namespace jb::crossbar {

/// Cells for a k x n matrix of weights. Conductances are relative to g_max.
class CellArray {
 public:
  /// Memory for conductances: of a physical device, with its share of what the columns see.
  static constexpr double kMostBytesPerDevice = 12;

  /// `config` must outlive the array. `scope` separates the random numbers of plans.
  CellArray(const Config& config, const DeviceInstance& instance, std::uint64_t scope);

  /// Columns of cells' weights: the operand's, then a unit column per tile of outputs.
  [[nodiscard]] std::int64_t columns(std::int64_t n) const noexcept;
  /// Readings of one column: its slices, and each polarity apart where currents are clipped.
  [[nodiscard]] int lanes() const noexcept;
  [[nodiscard]] bool split() const noexcept;

  /// Programs `weights` (k x n, any scale; w = weight / full_scale). `event` numbers the
  /// programmings of these cells: errors are drawn anew, exponents keep the cell's own random
  /// number.
  void program(MatrixView<const double> weights, double full_scale, std::uint64_t event);

  /// Moves the weights of a row by `change` (relative to full scale, size n) where they lie, as far
  /// as the range of the cells goes, and leaves in `weights` (k x n, units of B) what they then
  /// hold. A rise lowers g- first and lifts g+ by the rest.
  void shift(MatrixView<double> weights, std::int64_t row, std::span<const double> change);

  /// Conductances of a row of cells, columns(n) times mapping.cells() of them.
  void conductances(MatrixView<const double> weights, std::int64_t row, const CellClock& clock,
                    std::span<double> out) const;

  /// What the readings of a row's columns see, in units of weight_unit(): differences of pairs, or
  /// each cell (out[lanes() * column + lane]).
  void effective(MatrixView<const double> weights, std::int64_t row, const CellClock& clock,
                 std::span<double> out) const;

  /// The same in float32, of cells that are not ideal.
  void effective(std::int64_t row, const CellClock& clock, std::span<float> out) const;
  /// The same of given conductances of a row.
  void combine(std::span<const double> g, std::span<double> out) const;
  /// Variance of the per-product noise of a row, at full-scale input, in array units squared; laid
  /// out as effective().
  void white_variance(MatrixView<const double> weights, std::int64_t row, const CellClock& clock,
                      std::span<double> out) const;

  /// The same in float32, of cells that are not ideal.
  void white_variance(std::int64_t row, const CellClock& clock, std::span<float> out) const;

  /// Devices that never change.
  [[nodiscard]] FaultMap faults() const { return devices_.faults(); }
  /// Memory held for the cells.
  [[nodiscard]] std::size_t bytes() const noexcept { return devices_.bytes(); }

  /// Array units (sums of g x) per unit of an effective weight.
  [[nodiscard]] double weight_unit() const noexcept;
  /// |B| of the largest weight that the mapping holds.
  [[nodiscard]] double full_scale() const noexcept { return full_scale_; }
  /// Units of B per array unit.
  [[nodiscard]] double array_scale() const noexcept;
  /// True when effective weights are whole numbers of steps.
  [[nodiscard]] bool integer() const noexcept;
  /// Whether a slice of a column holds its complement in that tile of rows.
  [[nodiscard]] bool flipped(std::int64_t tile, std::int64_t col, int slice) const noexcept {
    return flips_.size() > 0 && flips_(tile, col * config_->mapping.slices + slice) != 0;
  }

 private:
  /// w of a column of cells: 0 in unit columns.
  [[nodiscard]] double relative_weight(MatrixView<const double> weights, std::int64_t row,
                                       std::int64_t col) const noexcept;
  /// Levels that the cells of a row are programmed to, and their conductances.
  void target_levels(MatrixView<const double> weights, std::int64_t row,
                     std::span<double> out) const;
  void targets(MatrixView<const double> weights, std::int64_t row, std::span<double> out) const;
  void choose_flips(MatrixView<const double> weights);
  /// Conductances of the cells of every code of a weight, from the lowest on; empty where weights
  /// are analog, of many codes, or flipped.
  [[nodiscard]] std::vector<float> conductances_of_codes() const;
  void look_up_targets(MatrixView<const double> weights, std::int64_t row,
                       const std::vector<float>& of_codes, std::span<float> out) const;

  const Config* config_;
  DevicePlane devices_;  // k x cells of a row; empty for ideal cells
  double full_scale_ = 0;
  Matrix<std::uint8_t> flips_;  // tile of rows x (column, slice); empty without flipping
};

}  // namespace jb::crossbar
