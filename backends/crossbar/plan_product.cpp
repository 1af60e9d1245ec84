// What a plan's columns see at its age, laid out for the way that its products go, and the
// products.

#include <algorithm>
#include <type_traits>
#include <utility>

#include "backends/core/threads.h"
#include "backends/crossbar/plan.h"

namespace jb::crossbar {
namespace {

constexpr std::int64_t kRowsPerPiece = 16;

/// Rows of a matrix from a function that gives them in float64.
template <class U, class F>
void fill_rows(Matrix<U>& full, F&& fill_row) {
  parallel_for(full.rows(), kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> values(static_cast<std::size_t>(full.cols()));
    for (std::int64_t row = begin; row < end; ++row) {
      fill_row(row, std::span<double>(values));
      std::transform(values.begin(), values.end(), full.data() + row * full.cols(),
                     [](double v) { return static_cast<U>(v); });
    }
  });
}

}  // namespace

template <>
CrossbarPlan::Packed<float>& CrossbarPlan::packed<float>(bool transposed) {
  return packed_float_[transposed ? 1 : 0];
}

template <>
CrossbarPlan::Packed<double>& CrossbarPlan::packed<double>(bool transposed) {
  return packed_double_[transposed ? 1 : 0];
}

template <class U>
Matrix<U> CrossbarPlan::effective_matrix(const CellClock& clock) const {
  const MatrixView<const double> weights = std::as_const(weights_).view();
  const std::int64_t width = cells_.columns(cols()) * cells_.lanes();
  Matrix<U> full(rows(), width);
  if (machine_->config.wires.present()) {
    const Partition tiles = layout_of(machine_->config, rows(), cols(), false).inputs;
    for (std::int64_t t = 0; t < tiles.tiles; ++t) solve_wires(clock, t, full);
    return full;
  }
  if constexpr (std::is_same_v<U, float>) {
    if (!machine_->config.cell.ideal) {
      parallel_for(rows(), kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          cells_.effective(row, clock,
                           {full.data() + row * width, static_cast<std::size_t>(width)});
        }
      });
      return full;
    }
  }
  fill_rows(full, [&](std::int64_t row, std::span<double> out) {
    cells_.effective(weights, row, clock, out);
  });
  return full;
}

template <class U>
Matrix<U> CrossbarPlan::variance_matrix(const CellClock& clock) const {
  if (!machine_->config.cell.has_white()) return {};
  const MatrixView<const double> weights = std::as_const(weights_).view();
  Matrix<U> full(rows(), cells_.columns(cols()) * cells_.lanes());
  fill_rows(full, [&](std::int64_t row, std::span<double> out) {
    cells_.white_variance(weights, row, clock, out);
  });
  return full;
}

template Matrix<double> CrossbarPlan::effective_matrix(const CellClock&) const;
template Matrix<double> CrossbarPlan::variance_matrix(const CellClock&) const;

template <class U>
const CrossbarPlan::Packed<U>& CrossbarPlan::effective(bool transposed) {
  Packed<U>& cache = packed<U>(transposed);
  if (cache.valid) return cache;
  const Config& config = machine_->config;
  const CellClock clock = clock_at(config.cell, cell_age(), machine_->epoch.temperature_C);
  cache.valid = true;
  if constexpr (std::is_same_v<U, float>) {
    const ComposedPass settings = composed_pass(transposed, {});
    if (!transposed && !config.wires.present() && !config.cell.ideal &&
        sliced_way(settings) == SlicedWay::look_up) {
      lay_out_by_rows(
          settings,
          [&](std::int64_t row, std::span<float> out) { cells_.effective(row, clock, out); },
          [&](std::int64_t row, std::span<float> out) { cells_.white_variance(row, clock, out); },
          cache.sliced);
      return cache;
    }
  }
  const Matrix<U> effective = effective_matrix<U>(clock);
  const Matrix<U> variances = variance_matrix<U>(clock);
  if constexpr (std::is_same_v<U, float>) {
    const ComposedPass settings = composed_pass(transposed, {});
    if (sliced_way(settings) != SlicedWay::none) {
      cache.sliced = lay_out(settings, effective.view(), variances.view());
      return cache;
    }
  }
  if (config.composed()) {
    cache.lanes = pack_lanes<U>(composed_pass(transposed, {}), effective.view(), variances.view());
    if (config.wires.gated()) cache.lanes.gated = gated_columns(clock);
    return cache;
  }
  const Partition inputs = layout_of(config, rows(), cols(), transposed).inputs;
  std::vector<MatrixView<const U>> segments;
  const auto add_tile = [&](const Matrix<U>& full, std::int64_t t) {
    const MatrixView<const U> driven = transposed ? full.view().transposed() : full.view();
    segments.push_back(driven.block(inputs.begin(t), 0, inputs.length(t), driven.cols));
  };
  for (std::int64_t t = 0; t < inputs.tiles; ++t) {
    add_tile(effective, t);
    if (config.cell.has_white()) add_tile(variances, t);
  }
  cache.tiles.segments = pack_segments<U>(segments);
  return cache;
}

bool CrossbarPlan::sums_fit_float(bool transposed) const noexcept {
  const Config& config = machine_->config;
  if (!cells_.integer() || config.dac.bits == 0) return true;
  constexpr double kExactFloatIntegers = 16777216.0;  // 2^24
  const std::int64_t longest = layout_of(config, rows(), cols(), transposed).inputs.longest();
  return static_cast<double>(longest) * config.dac.full_code() * config.mapping.steps() <
         kExactFloatIntegers;
}

template <class T, class U>
Saturation CrossbarPlan::multiply_as(bool transposed, const Draw& draw, const ConstMatrixRef& a,
                                     const MatrixRef& c) {
  const Packed<U>& operand = effective<U>(transposed);
  if constexpr (std::is_same_v<U, float>) {
    if (operand.sliced.way != SlicedWay::none) {
      return multiply_sliced(composed_pass(transposed, draw), operand.sliced, a.as<float>(),
                             c.as<float>(), workspace_);
    }
  }
  if (machine_->config.composed()) {
    return multiply_composed<T, U>(composed_pass(transposed, draw), operand.lanes, a.as<T>(),
                                   c.as<T>(), workspace_);
  }
  return multiply<T, U>(pass(transposed, draw), operand.tiles, a, c.as<T>(), workspace_);
}

std::optional<Saturation> CrossbarPlan::multiply_rows(const DrivenSide& a, const MatrixRef& c,
                                                      const Draw& draw) {
  const Packed<float>& operand = effective<float>(false);
  if (operand.sliced.way != SlicedWay::none) return std::nullopt;
  workspace_.full_scales.resize(static_cast<std::size_t>(a.matrix.rows));
  return multiply<float, float>(pass(false, draw), operand.tiles, a, c.as<float>(), workspace_);
}

template Saturation CrossbarPlan::multiply_as<double, double>(bool, const Draw&,
                                                              const ConstMatrixRef&,
                                                              const MatrixRef&);
template Saturation CrossbarPlan::multiply_as<float, float>(bool, const Draw&,
                                                            const ConstMatrixRef&,
                                                            const MatrixRef&);
template Saturation CrossbarPlan::multiply_as<float, double>(bool, const Draw&,
                                                             const ConstMatrixRef&,
                                                             const MatrixRef&);

}  // namespace jb::crossbar
