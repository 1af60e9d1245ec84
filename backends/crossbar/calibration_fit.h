#pragma once
// What known vectors and their readings tell of converters: a gain for each tile's converter of a
// column, an offset for each column, by least squares.

#include <vector>

#include "backends/core/matrix.h"
#include "backends/crossbar/tiling.h"

namespace jb::crossbar {

struct ColumnFit {
  Matrix<double> gain;         ///< tile of inputs x column; 1: as it should be
  std::vector<double> offset;  ///< per column, in units of y
  double overall = 1;          ///< mean gain, weighted by the signal behind each
};

/// Fits y (vectors x n) = sum over tiles t of gain[t] x_t W_t, plus offset, column by column.
/// Columns of a tile without signal keep gain 1.
[[nodiscard]] ColumnFit fit_columns(MatrixView<const double> x, MatrixView<const double> weights,
                                    const Partition& tiles, MatrixView<const double> y);

/// The factor f of least |f y - x W|: sum y x W / sum y^2; 1 when y is 0.
[[nodiscard]] double fit_factor(MatrixView<const double> x, MatrixView<const double> weights,
                                MatrixView<const double> y);

/// Factors f_s of least |sum over slices s of f_s shares_s - wanted|; 1 for slices that give
/// nothing.
[[nodiscard]] std::vector<double> fit_slice_factors(const Matrix<double>& wanted,
                                                    const std::vector<Matrix<double>>& shares);

}  // namespace jb::crossbar
