#include "backends/crossbar/pulses.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "backends/core/gemm.h"

namespace jb::crossbar {
namespace {

/// The positive parts of a matrix and, below them, those of its negative: 2 m rows. With `swapped`
/// the other way round.
Matrix<float> split_signs(MatrixView<const double> values, bool swapped) {
  Matrix<float> out(2 * values.rows, values.cols);
  for (std::int64_t i = 0; i < values.rows; ++i) {
    for (std::int64_t j = 0; j < values.cols; ++j) {
      const double v = swapped ? -values(i, j) : values(i, j);
      out(i, j) = static_cast<float>(std::max(v, 0.0));
      out(values.rows + i, j) = static_cast<float>(std::max(-v, 0.0));
    }
  }
  return out;
}

double largest(MatrixView<const double> values, std::int64_t row) {
  double top = 0;
  for (std::int64_t j = 0; j < values.cols; ++j) top = std::max(top, std::abs(values(row, j)));
  return top;
}

/// Rows become signed pulse probabilities: times `factor`, at most 1.
void to_probabilities(MatrixView<double> values, std::int64_t row, double factor) {
  for (std::int64_t j = 0; j < values.cols; ++j) {
    values(row, j) = std::clamp(values(row, j) * factor, -1.0, 1.0);
  }
}

}  // namespace

PulseUpdate::PulseUpdate(const PulseModel& model, const DeviceInstance& instance,
                         std::uint64_t scope, const ConstMatrixRef& x, const ConstMatrixRef& d,
                         double scale)
    : model_(model),
      up_draw_(instance.seed, instance.instance, tag_of("crossbar.pulse.up"), scope),
      down_draw_(instance.seed, instance.instance, tag_of("crossbar.pulse.down"), scope),
      cycle_(instance.seed, instance.instance, tag_of("crossbar.pulse.cycle"), scope),
      cell_(instance.seed, instance.instance, tag_of("crossbar.pulse.cell"), scope),
      side_(instance.seed, instance.instance, tag_of("crossbar.pulse.side"), scope) {
  Matrix<double> rows = copy_as<double>(x);
  Matrix<double> cols = copy_as<double>(d);
  up_ = Matrix<float>(rows.cols(), cols.cols());
  if (continuous()) {
    for (std::int64_t i = 0; i < cols.size(); ++i) cols.data()[i] *= scale;
    const Matrix<float> left = copy_as<float>(std::as_const(rows).view());
    const Matrix<float> right = copy_as<float>(std::as_const(cols).view());
    gemm<float>(left.view().transposed(), right.view(), up_.view());
    return;
  }
  const auto length = static_cast<double>(model.length);
  const double c = std::sqrt(std::abs(scale) / (length * model.step));
  for (std::int64_t s = 0; s < rows.rows(); ++s) {
    const double top_x = largest(rows.view(), s);
    const double top_d = largest(cols.view(), s);
    const double balance = top_x > 0 && top_d > 0 ? std::sqrt(top_d / top_x) : 1.0;
    to_probabilities(rows.view(), s, c * balance);
    to_probabilities(cols.view(), s, (scale < 0 ? -c : c) / balance);
  }
  const Matrix<float> driven = split_signs(std::as_const(rows).view(), false);
  down_ = Matrix<float>(up_.rows(), up_.cols());
  for (const bool down : {false, true}) {
    const Matrix<float> met = split_signs(std::as_const(cols).view(), down);
    gemm<float>(driven.view().transposed(), met.view(), (down ? down_ : up_).view());
  }
  const auto slots = static_cast<float>(length);
  for (std::int64_t i = 0; i < up_.size(); ++i) {
    up_.data()[i] *= slots;
    down_.data()[i] *= slots;
  }
}

double PulseUpdate::row(std::int64_t row, std::uint64_t call, std::span<double> change) const {
  const std::size_t n = change.size();
  const float* const up = &up_(row, 0);
  if (continuous()) {
    std::copy(up, up + n, change.begin());
    return 0;
  }
  const float* const down = &down_(row, 0);
  std::vector<double> ups(up, up + n);
  std::vector<double> downs(down, down + n);
  up_draw_.poisson(ups, ups, row, 0, call);
  down_draw_.poisson(downs, downs, row, 0, call);
  std::vector<float> cycle(n, 0.0F);
  std::vector<float> cell(n, 0.0F);
  std::vector<float> side(n, 0.0F);
  if (model_.step_c2c > 0) cycle_.normals(cycle, row, 0, call);
  // Call 0 for ever: what belongs to the cell stays.
  if (model_.step_d2d > 0) cell_.normals(cell, row, 0, 0);
  if (model_.asymmetry > 0) side_.normals(side, row, 0, 0);
  double coincidences = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const double events = ups[j] + downs[j];
    coincidences += events;
    const double own = std::max(0.0, 1 + model_.step_d2d * static_cast<double>(cell[j]));
    const double lean = 0.5 * model_.asymmetry * static_cast<double>(side[j]);
    const double steps = ups[j] * (1 + lean) - downs[j] * (1 - lean);
    // Independent steps: their spreads add in squares.
    const double spread = model_.step_c2c * std::sqrt(events) * static_cast<double>(cycle[j]);
    change[j] = model_.step * own * (steps + spread);
  }
  return coincidences;
}

}  // namespace jb::crossbar
