// Resistive lines of a plan's tiles: each network solved once per programming or age, all of a row
// of tiles at the same time.

#include <algorithm>
#include <utility>

#include "backends/core/threads.h"
#include "backends/crossbar/plan.h"
#include "backends/crossbar/wire_solver.h"

namespace jb::crossbar {
namespace {

/// The columns of a tile in the order in which its input lines pass them: the unit column first,
/// next to the drivers.
std::vector<std::int64_t> columns_of_tile(const Partition& outputs, std::int64_t tile,
                                          std::int64_t unit_column) {
  std::vector<std::int64_t> out;
  if (unit_column >= 0) out.push_back(unit_column);
  for (std::int64_t i = 0; i < outputs.length(tile); ++i) out.push_back(outputs.begin(tile) + i);
  return out;
}

}  // namespace

template <class U>
void CrossbarPlan::solve_wires(const CellClock& clock, std::int64_t tile,
                               Matrix<U>& effective) const {
  const Config& config = machine_->config;
  const WireModel& wires = config.wires;
  const Layout layout = layout_of(config, rows(), cols(), false);
  const std::int64_t first = layout.inputs.begin(tile);
  const std::int64_t length = layout.inputs.length(tile);
  const int polarities = config.mapping.polarities();
  const int cells = config.mapping.cells();
  Matrix<double> g(length, cells_.columns(cols()) * cells);
  parallel_for(length, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      cells_.conductances(std::as_const(weights_).view(), first + j, clock,
                          {&g(j, 0), static_cast<std::size_t>(g.cols())});
    }
  });
  const bool interleaved = wires.topology == WireTopology::interleaved;
  // One task per network: each side of a pair has its own unless they are interleaved.
  const int networks = interleaved ? config.mapping.slices : cells;
  std::vector<Matrix<double>> solved(static_cast<std::size_t>(layout.outputs.tiles * networks));
  parallel_for(
      static_cast<std::int64_t>(solved.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t task = begin; task < end; ++task) {
          const std::int64_t out_tile = task / networks;
          const std::int64_t network = task % networks;
          const std::vector<std::int64_t> columns = columns_of_tile(
              layout.outputs, out_tile, config.mapping.unit_column() ? cols() + out_tile : -1);
          const auto width = static_cast<std::int64_t>(columns.size());
          const auto gather = [&](std::int64_t cell) {
            Matrix<double> part(length, width);
            for (std::int64_t j = 0; j < length; ++j) {
              for (std::int64_t i = 0; i < width; ++i) {
                part(j, i) = g(j, columns[static_cast<std::size_t>(i)] * cells + cell);
              }
            }
            return part;
          };
          Matrix<double> out(length, width);
          if (interleaved) {
            const Matrix<double> positive = gather(2 * network);
            const Matrix<double> negative = gather(2 * network + 1);
            solve_interleaved(wires, positive.view(), negative.view(), out.view());
          } else {
            const Matrix<double> part = gather(network);
            if (wires.gated()) {
              for (std::int64_t j = 0; j < length; ++j) {
                for (std::int64_t i = 0; i < width; ++i) {
                  out(j, i) = gated_alone(wires, part(j, i), j, length);
                }
              }
            } else if (wires.topology == WireTopology::separate_source) {
              solve_separate_source(wires, part.view(), out.view());
            } else {
              solve_input_source(wires, part.view(), out.view());
            }
          }
          solved[static_cast<std::size_t>(task)] = std::move(out);
        }
      });
  // Lanes from networks: themselves, or the differences of a pair's two.
  const int lanes = cells_.lanes();
  const bool differences = !interleaved && !cells_.split() && polarities == 2;
  for (std::int64_t out_tile = 0; out_tile < layout.outputs.tiles; ++out_tile) {
    const std::vector<std::int64_t> columns = columns_of_tile(
        layout.outputs, out_tile, config.mapping.unit_column() ? cols() + out_tile : -1);
    const Matrix<double>* const part = &solved[static_cast<std::size_t>(out_tile * networks)];
    for (std::int64_t j = 0; j < length; ++j) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        for (int lane = 0; lane < lanes; ++lane) {
          const double value =
              differences ? part[2 * lane](j, at) - part[2 * lane + 1](j, at) : part[lane](j, at);
          effective(first + j, columns[i] * lanes + lane) = static_cast<U>(value);
        }
      }
    }
  }
}

template void CrossbarPlan::solve_wires(const CellClock&, std::int64_t, Matrix<float>&) const;
template void CrossbarPlan::solve_wires(const CellClock&, std::int64_t, Matrix<double>&) const;

std::vector<Matrix<double>> CrossbarPlan::gated_columns(const CellClock& clock) const {
  const Config& config = machine_->config;
  const Partition inputs = layout_of(config, rows(), cols(), false).inputs;
  const int lanes = cells_.lanes();
  const std::int64_t columns = cells_.columns(cols());
  std::vector<Matrix<double>> out;
  for (std::int64_t t = 0; t < inputs.tiles; ++t) {
    for (int lane = 0; lane < lanes; ++lane) out.emplace_back(columns, inputs.length(t));
  }
  std::vector<double> g(static_cast<std::size_t>(columns * config.mapping.cells()));
  for (std::int64_t row = 0; row < rows(); ++row) {
    cells_.conductances(std::as_const(weights_).view(), row, clock, g);
    const std::int64_t t = inputs.tile_of(row);
    for (std::int64_t i = 0; i < columns; ++i) {
      for (int lane = 0; lane < lanes; ++lane) {
        out[static_cast<std::size_t>(t * lanes + lane)](i, row - inputs.begin(t)) =
            g[static_cast<std::size_t>(i * lanes + lane)];
      }
    }
  }
  return out;
}

}  // namespace jb::crossbar
