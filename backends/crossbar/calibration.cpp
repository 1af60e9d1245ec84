// Calibration by reading one-hot vectors through the machine's own converters.
//
// Global drift compensation: alpha = R0 / R(t) with R = mean |y|, R0 read right after programming
// (IBM/aihwkit 1.1, GlobalDriftCompensation; Joshi et al., Nature Communications 11, 2473 (2020)).
// The variant per column takes the mean over each output alone. The multiplication itself is done
// by the digital scaling that every output passes anyway, and costs nothing more.

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "backends/core/threads.h"
#include "backends/crossbar/plan.h"

namespace jb::crossbar {
namespace {

// Floor of a reading, in array units: as in aihwkit (clamp of the read-out at 1e-4).
constexpr double kSmallestReading = 1e-4;
// Reading of the reference right after programming; later ones count from 1.
constexpr std::uint64_t kReferenceReading = 0;
// Pieces of rows whose sums are added up in order: the cut depends on the matrix alone.
constexpr std::int64_t kPieces = 64;

template <class Row>
auto row_of(Row& values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return MatrixView<std::remove_reference_t<decltype(values[0])>>{values.data(), 1, n, n, 1};
}

double ratio(double reference, double now) {
  return std::max(reference, kSmallestReading) / std::max(now, kSmallestReading);
}

}  // namespace

Reading CrossbarPlan::read(double age_s, std::uint64_t reading) const {
  const Config& config = machine_->config;
  const Pass settings = pass(false, {});
  const std::vector<RandomStream> white =
      white_streams("crossbar.white.calibration", settings.inputs.tiles);
  const CellClock clock = clock_at(config.cell, age_s, machine_->epoch.temperature_C);
  const MatrixView<const double> weights = std::as_const(weights_).view();
  const auto width = static_cast<std::size_t>(cols());
  const std::int64_t asked = config.calibration_vectors;

  const std::int64_t grain = std::max<std::int64_t>(16, rows() / kPieces + 1);
  const std::int64_t pieces = rows() / grain + 1;
  Matrix<double> sums(pieces, cols());
  std::vector<std::int64_t> vectors(static_cast<std::size_t>(pieces), 0);
  parallel_for(rows(), grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> current(width);
    std::vector<double> output(width);
    std::vector<double> noise(white.empty() ? 0 : width);
    std::vector<float> normals(noise.size());
    const std::int64_t piece = begin / grain;
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t tile = std::min(row / settings.inputs.size, settings.inputs.tiles - 1);
      const std::int64_t vector = row - settings.inputs.begin(tile);
      if (asked != 0 && vector >= asked) continue;
      const auto t = static_cast<std::size_t>(tile);
      cells_.effective(weights, row, clock, current);
      for (double& i : current) i *= config.dac.full_code();  // one line at full scale
      if (!white.empty()) {
        cells_.white_variance(weights, row, clock, noise);
        white[t].normals(normals, vector, 0, reading);
        for (std::size_t j = 0; j < width; ++j) {
          noise[j] = std::sqrt(noise[j]) * static_cast<double>(normals[j]);
        }
      }
      std::fill(output.begin(), output.end(), 0.0);
      analog::SumReadout readout = settings.tiles[t].readout(0);
      readout.noise = noise.empty() ? nullptr : noise.data();
      analog::read_sums<double>(settings.tiles[t].adc, readout, row_of(std::as_const(current)),
                                row_of(output));
      for (std::size_t j = 0; j < width; ++j) {
        sums(piece, static_cast<std::int64_t>(j)) += std::abs(output[j]);
      }
      ++vectors[static_cast<std::size_t>(piece)];
    }
  });

  Reading result;
  result.columns.assign(width, 0.0);
  std::int64_t total = 0;
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    total += vectors[static_cast<std::size_t>(piece)];
    for (std::size_t j = 0; j < width; ++j) {
      result.columns[j] += sums(piece, static_cast<std::int64_t>(j));
    }
  }
  for (double& column : result.columns) {
    column /= static_cast<double>(std::max<std::int64_t>(total, 1));
    result.mean += column / static_cast<double>(width);
  }
  return result;
}

void CrossbarPlan::take_reference() { reference_ = read(0.0, kReferenceReading); }

Activity CrossbarPlan::calibrate(bool column, std::uint64_t reading) {
  Activity cost;
  if (!resident_) return cost;  // programmed just before each execute: nothing has drifted
  const Counter counter = machine_->counter();
  if (reference_.columns.empty()) {
    // The device's default calibration asks for no reference at setup: it is charged here.
    take_reference();
    cost += counter.calibrate(rows(), cols(), moments_);
  }
  const Reading now = read(cell_age(), reading);
  factor_ = ratio(reference_.mean, now.mean);
  column_factors_.clear();
  if (column) {
    for (std::size_t j = 0; j < now.columns.size(); ++j) {
      column_factors_.push_back(ratio(reference_.columns[j], now.columns[j]));
    }
  }
  cost += counter.calibrate(rows(), cols(), moments_);
  return cost;
}

}  // namespace jb::crossbar
