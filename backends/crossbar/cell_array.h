#pragma once
// The cells that hold one stationary operand: a differential pair per weight, each cell with its
// own programming error, drift exponent and noise, the same cells at every age.

#include <cstdint>
#include <span>

#include "backends/backend.h"
#include "backends/core/matrix.h"
#include "backends/crossbar/config.h"
#include "backends/crossbar/device_plane.h"

namespace jb::crossbar {

/// Pairs for a k x n matrix of weights. Conductances are relative to g_max.
class CellArray {
 public:
  /// `config` must outlive the array. `scope` separates the random numbers of plans.
  CellArray(const Config& config, const DeviceInstance& instance, std::uint64_t scope);

  /// Programs `weights` (k x n, any scale; w = weight / full_scale). `event` numbers the
  /// programmings of these cells: errors are drawn anew, exponents keep the cell's own random
  /// number.
  void program(MatrixView<const double> weights, double full_scale, std::uint64_t event);

  /// Moves the weights of a row by `change` (relative to full scale, size n) where they lie, as far
  /// as the range of the cells goes, and leaves in `weights` (k x n, units of B) what they then
  /// hold. A rise lowers g- first and lifts g+ by the rest.
  void shift(MatrixView<double> weights, std::int64_t row, std::span<const double> change);

  /// Conductances of a row of cells: out[2 c] = g+, out[2 c + 1] = g- of column c (size 2 n).
  void conductances(MatrixView<const double> weights, std::int64_t row, const CellClock& clock,
                    std::span<double> out) const;

  /// Effective weights of a row, in units of weight_unit() (size n).
  void effective(MatrixView<const double> weights, std::int64_t row, const CellClock& clock,
                 std::span<double> out) const;

  /// Variance of the per-product noise of a row, at full-scale input, in array units squared.
  void white_variance(MatrixView<const double> weights, std::int64_t row, const CellClock& clock,
                      std::span<double> out) const;

  /// Devices that never change.
  [[nodiscard]] FaultMap faults() const { return devices_.faults(); }

  /// Array units (sums of g x) per unit of an effective weight.
  [[nodiscard]] double weight_unit() const noexcept;
  /// |B| of the largest weight that the mapping holds.
  [[nodiscard]] double full_scale() const noexcept { return full_scale_; }
  /// Units of B per array unit.
  [[nodiscard]] double array_scale() const noexcept;
  /// True when effective weights are whole numbers of steps.
  [[nodiscard]] bool integer() const noexcept;

 private:
  const Config* config_;
  DevicePlane devices_;  // k x 2n, g+ and g- side by side; empty for ideal cells
  double full_scale_ = 0;
};

}  // namespace jb::crossbar
