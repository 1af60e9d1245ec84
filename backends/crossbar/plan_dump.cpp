// What an operand's cells hold and what their columns make of it, as matrices.

#include <utility>

#include "backends/crossbar/plan.h"

namespace jb::crossbar {
namespace {

template <class U>
std::size_t bytes_of(const std::vector<PackedMatrix<U>>& matrices) {
  std::size_t elements = 0;
  for (const PackedMatrix<U>& m : matrices) {
    elements += static_cast<std::size_t>(m.rows() * m.cols());
  }
  return elements * sizeof(U);
}

template <class U>
std::size_t bytes_of(const std::vector<Matrix<U>>& matrices) {
  std::size_t elements = 0;
  for (const Matrix<U>& m : matrices) elements += static_cast<std::size_t>(m.size());
  return elements * sizeof(U);
}

template <class U>
std::size_t bytes_of(const std::vector<U>& values) {
  return values.capacity() * sizeof(U);
}

}  // namespace

HeldMemory CrossbarPlan::memory() const {
  HeldMemory held;
  held.devices = rows() * cells_.columns(cols()) * machine_->config.mapping.cells() *
                 machine_->config.cells_per_polarity;
  held.conductances = cells_.bytes();
  const auto add = [&held](const auto& packed) {
    held.effective += packed.sliced.memory() + bytes_of(packed.tiles.segments) +
                      bytes_of(packed.lanes.weights) + bytes_of(packed.lanes.variances) +
                      bytes_of(packed.lanes.gated);
  };
  for (const int direction : {0, 1}) {
    add(packed_float_[direction]);
    add(packed_double_[direction]);
  }
  held.workspace = bytes_of(workspace_.inputs_f32) + bytes_of(workspace_.inputs_f64) +
                   bytes_of(workspace_.full_scales);
  return held;
}

void CrossbarPlan::inspect(const Sink& sink) const {
  const Config& config = machine_->config;
  const WeightMapping& mapping = config.mapping;
  const MatrixView<const double> weights = std::as_const(weights_).view();
  sink("weights", weights);
  const CellClock clock = clock_at(config.cell, cell_age(), machine_->epoch.temperature_C);
  const std::int64_t columns = cells_.columns(cols());
  const int cells = mapping.cells();
  Matrix<double> g(rows(), columns * cells);
  for (std::int64_t row = 0; row < rows(); ++row) {
    cells_.conductances(weights, row, clock, {&g(row, 0), static_cast<std::size_t>(g.cols())});
  }
  const auto strided = [&](const Matrix<double>& m, std::int64_t per_column, std::int64_t lane,
                           std::int64_t width) {
    return MatrixView<const double>{m.data() + lane, m.rows(), width, m.cols(), per_column};
  };
  for (int cell = 0; cell < cells; ++cell) {
    const int slice = cell / mapping.polarities();
    const char* const side = !mapping.differential() ? ""
                             : cell % 2 == 0         ? "_positive"
                                                     : "_negative";
    sink(fmt::format("conductances_slice{}{}", slice, side), strided(g, cells, cell, columns));
  }
  // What the columns see, lines included, in array units; and together in units of B.
  const Matrix<double> effective = effective_matrix<double>(clock);
  const double unit = config.exact_weights() ? 1.0 : cells_.weight_unit();
  const int lanes = cells_.lanes();
  Matrix<double> together(rows(), columns);
  for (int slice = 0; slice < mapping.slices; ++slice) {
    Matrix<double> part(rows(), columns);
    for (std::int64_t row = 0; row < rows(); ++row) {
      const std::int64_t tile = layout_of(config, rows(), cols(), false).inputs.tile_of(row);
      for (std::int64_t col = 0; col < columns; ++col) {
        const std::int64_t at = col * lanes;
        const double seen =
            cells_.split() ? effective(row, at + 2 * slice) - effective(row, at + 2 * slice + 1)
                           : effective(row, at + slice);
        part(row, col) = unit * seen;
        const double held = cells_.flipped(tile, col, slice) ? mapping.complement() - part(row, col)
                                                             : part(row, col);
        together(row, col) += mapping.slice_weight(slice) * held;
      }
    }
    sink(fmt::format("effective_slice{}", slice), part.view());
  }
  const Partition outputs = layout_of(config, rows(), cols(), false).outputs;
  Matrix<double> in_units_of_b(rows(), cols());
  for (std::int64_t row = 0; row < rows(); ++row) {
    for (std::int64_t col = 0; col < cols(); ++col) {
      const double idle =
          mapping.unit_column() ? together(row, cols() + outputs.tile_of(col)) : mapping.middle();
      in_units_of_b(row, col) = (together(row, col) - idle) * cells_.array_scale();
    }
  }
  sink("effective", in_units_of_b.view());
}

}  // namespace jb::crossbar
