// Calibration, all of it from readings through the machine's own converters.
//
//   gdc        global drift compensation: alpha = R0 / R(t) with R = mean |y| over one-hot vectors,
//              R0 read right after programming (IBM/aihwkit 1.1, GlobalDriftCompensation; Joshi et
//              al., Nature Communications 11, 2473 (2020))
//   column     gain of each converter and offset of each column from known vectors by least
//              squares, against what the digital side knows they should give at programming, and to
//              their common level later; then gdc, which holds that level
//   range      the converters' range by halves and doubles of a root of two until few samples of
//              known vectors clip; then the factor of state, as R0 was read over another range
//   state      the factor of least error over known vectors: large states, which drift less in many
//              cells, count by what they contribute. Slices have a factor each, as digits of
//              another rank hold other states
//   reprogram  the targets are written anew: drift begins anew
//
// Digital factors and offsets ride on the scaling that every output passes anyway, and cost nothing
// more; the readings are charged.

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/gemm.h"
#include "backends/core/threads.h"
#include "backends/crossbar/calibration_fit.h"
#include "backends/crossbar/plan.h"

namespace jb::crossbar {
namespace {

// Floor of a reading, in array units: as in aihwkit (clamp of the read-out at 1e-4).
constexpr double kSmallestReading = 1e-4;
// Reading of the reference right after programming; later ones count from 1.
constexpr std::uint64_t kReferenceReading = 0;
// Pieces of rows whose sums are added up in order: the cut depends on the matrix alone.
constexpr std::int64_t kPieces = 64;
// Calls of known vectors: beyond those of any execute, whose noise they would otherwise share.
constexpr std::uint64_t kProbeCalls = std::uint64_t{1} << 40U;
// Known vectors for each gain that a column's fit determines, at least.
constexpr std::int64_t kVectorsPerGain = 4;
// Gains below this are a fit's noise on a dead column; a trim divides by the gain.
constexpr double kSmallestGain = 0.05;
// Samples that a range leaves outside, at most.
constexpr double kClippedShare = 1e-4;
constexpr int kMostRangeSteps = 40;  // of sqrt(2) to either side

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
  if (config.composed() || config.wires.present()) return read_composed(age_s, reading);
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
      const std::int64_t tile = settings.inputs.tile_of(row);
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

void CrossbarPlan::forget_corrections() {
  factor_ = 1;
  slice_factors_.clear();
  range_ = 1;
  watched_ = 0;
  offsets_.clear();
  if (trims_.size() > 0) {
    trims_ = {};
    draw_converters();
  }
}

void CrossbarPlan::set_trims(const Matrix<double>& factor) {
  trims_ = factor;
  for (std::int64_t i = 0; i < trims_.size(); ++i) {
    double& trim = trims_.data()[i];
    trim = machine_->config.converters.settable(trim);
  }
  draw_converters();
}

CrossbarPlan::Probe CrossbarPlan::probe(std::int64_t vectors, std::uint64_t reading) {
  const Config& config = config_for(false);
  Probe out;
  out.x = Matrix<double>(vectors, rows());
  out.y = Matrix<double>(vectors, cols());
  const RandomStream stream(machine_->instance.seed, machine_->instance.instance,
                            tag_of("crossbar.calibration.vectors"), scope_);
  const double top = config.input_range == InputRange::fixed ? config.input_max : 1.0;
  std::vector<float> row(static_cast<std::size_t>(rows()));
  for (std::int64_t i = 0; i < vectors; ++i) {
    stream.normals(row, i, 0, 0);  // the same known vectors at each calibration
    float largest = 1e-30F;
    for (const float x : row) largest = std::max(largest, std::abs(x));
    for (std::int64_t j = 0; j < rows(); ++j) {
      out.x(i, j) = top * static_cast<double>(row[static_cast<std::size_t>(j)] / largest);
    }
  }
  workspace_.full_scales.assign(static_cast<std::size_t>(vectors), top);
  const Draw draw{.call = kProbeCalls + reading};
  out.seen = multiply_as<double, double>(false, draw, std::as_const(out.x).view(), out.y.view());
  if (!offsets_.empty()) take_offsets(out.y.view());
  const OperandStatistics statistics = {measure_operand(std::as_const(out.x).view()), moments_};
  out.cost = machine_->counter().probe(vectors, rows(), cols(), statistics);
  return out;
}

template <class T>
void CrossbarPlan::take_offsets(MatrixView<T> c) const {
  parallel_for(c.rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double scale = factor_ * workspace_.full_scales[static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; j < c.cols; ++j) {
        const double offset = scale * offsets_[static_cast<std::size_t>(j)];
        c(i, j) = static_cast<T>(static_cast<double>(c(i, j)) - offset);
      }
    }
  });
}
template void CrossbarPlan::take_offsets(MatrixView<float>) const;
template void CrossbarPlan::take_offsets(MatrixView<double>) const;

Activity CrossbarPlan::read_reference() {
  take_reference();
  return machine_->counter().calibrate(rows(), cols(), moments_);
}

/// alpha = R0 / R(t).
Activity CrossbarPlan::follow_drift(std::uint64_t reading) {
  const Reading now = read(cell_age(), reading);
  factor_ = ratio(reference_.mean, now.mean);
  watched_ = now.mean;
  return machine_->counter().calibrate(rows(), cols(), moments_);
}

Activity CrossbarPlan::trim_columns(std::uint64_t reading) {
  Activity cost;
  const Partition tiles = layout_of(machine_->config, rows(), cols(), false).inputs;
  const std::int64_t vectors =
      std::max(machine_->config.fit_vectors, kVectorsPerGain * (tiles.tiles + 1));
  const auto fit = [&](std::uint64_t number) {
    factor_ = 1;
    offsets_.clear();
    const Probe seen = probe(vectors, number);
    cost += seen.cost;
    return fit_columns(std::as_const(seen.x).view(), std::as_const(weights_).view(), tiles,
                       std::as_const(seen.y).view());
  };
  const auto divided = [&](const Matrix<double>& trims, double level, const ColumnFit& found) {
    Matrix<double> out(tiles.tiles, cols());
    for (std::int64_t i = 0; i < out.size(); ++i) {
      const double before = trims.size() > 0 ? trims.data()[i] : 1.0;
      const double gain = std::max(found.gain.data()[i], kSmallestGain);
      out.data()[i] = before * level / gain;
    }
    return out;
  };
  if (start_trims_.size() == 0) {
    // As they were right after programming, against what the operand says: gains become 1.
    at_start_ = true;
    trims_ = {};
    draw_converters();
    drop_effective();
    set_trims(divided({}, 1.0, fit(kReferenceReading)));
    start_trims_ = trims_;
    cost += read_reference();
    at_start_ = false;
    drop_effective();
  }
  set_trims(start_trims_);
  const ColumnFit now = fit(reading);
  set_trims(divided(start_trims_, now.overall, now));
  const double top =
      config_for(false).input_range == InputRange::fixed ? config_for(false).input_max : 1.0;
  offsets_ = now.offset;
  for (double& offset : offsets_) offset /= top;
  return cost;
}

Activity CrossbarPlan::find_range(std::uint64_t reading) {
  const Config& config = machine_->config;
  if (config.adc_bits == 0) {
    fail_usage(
        "device '{}': calibration method range sets the range of the output converters, but "
        "adc.bits = 0 means there are none; give adc.bits 2 to 16, or another method",
        machine_->spec.name());
  }
  Activity cost;
  factor_ = 1;
  // Steps of sqrt(2): narrower while almost nothing clips, wider while more does.
  const auto clips = [&](int step) {
    range_ = std::exp2(0.5 * step);
    const Probe seen = probe(config.fit_vectors, reading);
    cost += seen.cost;
    return static_cast<double>(seen.seen.outputs_clipped) >
           kClippedShare * static_cast<double>(std::max<std::int64_t>(1, seen.seen.outputs));
  };
  int step = static_cast<int>(std::lround(2.0 * std::log2(range_)));
  if (clips(step)) {
    while (step < kMostRangeSteps && clips(++step)) {
    }
  } else {
    while (step > -kMostRangeSteps && !clips(--step)) {
    }
    ++step;
  }
  range_ = std::exp2(0.5 * step);
  return cost;
}

Activity CrossbarPlan::fit_states(std::uint64_t reading) {
  factor_ = 1;
  if (machine_->config.mapping.slices > 1) return fit_slices(reading);
  const Probe seen = probe(machine_->config.fit_vectors, reading);
  factor_ = fit_factor(std::as_const(seen.x).view(), std::as_const(weights_).view(),
                       std::as_const(seen.y).view());
  return seen.cost;
}

/// One reading of known vectors, whose codes the digital side has slice by slice. Outputs are what
/// no slice gives (offset weights' middle, complements) and the slices' shares times their factors.
Activity CrossbarPlan::fit_slices(std::uint64_t reading) {
  const auto slices = static_cast<std::size_t>(machine_->config.mapping.slices);
  const std::vector<double> offsets = std::exchange(offsets_, {});
  slice_factors_.assign(slices, 0.0);
  const Probe none = probe(machine_->config.fit_vectors, reading);
  std::vector<Matrix<double>> shares;
  for (std::size_t s = 0; s < slices; ++s) {
    slice_factors_.assign(slices, 0.0);
    slice_factors_[s] = 1;
    shares.push_back(probe(machine_->config.fit_vectors, reading).y);
    for (std::int64_t i = 0; i < none.y.size(); ++i) shares.back().data()[i] -= none.y.data()[i];
  }
  Matrix<double> wanted(none.y.rows(), cols());
  gemm<double>(none.x.view(), PackedMatrix<double>(std::as_const(weights_).view()), wanted.view());
  for (std::int64_t i = 0; i < wanted.rows(); ++i) {
    for (std::int64_t j = 0; j < cols(); ++j) {
      const double offset = offsets.empty() ? 0.0 : offsets[static_cast<std::size_t>(j)];
      wanted(i, j) += workspace_.full_scales[static_cast<std::size_t>(i)] * offset - none.y(i, j);
    }
  }
  slice_factors_ = fit_slice_factors(wanted, shares);
  offsets_ = offsets;
  return none.cost;
}

Activity CrossbarPlan::reprogram() {
  programmed_at_s_ = machine_->epoch.age_s;
  program(event_ + 1);
  return machine_->counter().setup(rows(), cols(), moments_);
}

Activity CrossbarPlan::calibrate(std::string_view method, std::uint64_t reading) {
  if (!resident_) return {};  // programmed just before each execute: nothing has drifted
  if (method == "reprogram") return reprogram();
  Activity cost;
  const bool in_float64 = packed_double_[0].valid;
  slice_factors_.clear();
  // The device's default calibration may ask for no reference at setup: it is charged here.
  if (reference_.columns.empty()) cost += read_reference();
  const bool ranged = method == "range" || method == "range+column";
  if (ranged) cost += find_range(reading);
  if (method == "column" || method == "range+column") cost += trim_columns(reading);
  cost += follow_drift(reading);
  // R0 was read over another range, whose steps and offsets weigh otherwise on small currents.
  if (ranged || method == "state") cost += fit_states(reading);
  if (!in_float64) packed_double_[0] = {};  // of probes alone
  return cost;
}

double CrossbarPlan::drift_error(std::uint64_t reading, Activity& cost) {
  if (!resident_) return 0;
  const Counter counter = machine_->counter();
  if (reference_.columns.empty()) cost += read_reference();
  const Reading now = read(cell_age(), reading);
  cost += counter.calibrate(rows(), cols(), moments_);
  return std::abs(ratio(watched_ > 0 ? watched_ : reference_.mean, now.mean) - 1.0);
}

}  // namespace jb::crossbar
