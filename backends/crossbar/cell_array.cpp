#include "backends/crossbar/cell_array.h"

#include <algorithm>
#include <cmath>

#include "backends/analog/drift.h"
#include "backends/core/threads.h"

namespace jb::crossbar {
namespace {

constexpr std::int64_t kRowsPerPiece = 16;

struct Pair {
  double positive;
  double negative;
};

/// Targets of a normalised weight (crossbar mapping "differential, one-sided").
Pair targets(const WeightMapping& mapping, double w) {
  const double level = mapping.level(w);
  return {mapping.g_min + mapping.range * std::max(level, 0.0),
          mapping.g_min + mapping.range * std::max(-level, 0.0)};
}

std::size_t pairs(std::int64_t cols) { return 2 * static_cast<std::size_t>(cols); }

}  // namespace

CellClock clock_at(const CellModel& model, double age_s) {
  if (model.ideal) return {};
  return {analog::log_time(age_s, model.t0_s),
          analog::flicker_growth(age_s + model.t0_s, model.t_read_s), analog::epoch_key(age_s)};
}

CellArray::CellArray(const Config& config, const DeviceInstance& instance, std::uint64_t scope)
    : config_(&config),
      program_noise_(instance.seed, instance.instance, tag_of("crossbar.program"), scope),
      exponent_(instance.seed, instance.instance, tag_of("crossbar.exponent"), scope),
      flicker_(instance.seed, instance.instance, tag_of("crossbar.flicker"), scope) {}

double CellArray::weight_unit() const noexcept {
  return integer() ? config_->mapping.range / config_->mapping.steps() : 1.0;
}

double CellArray::array_scale() const noexcept {
  return config_->exact_weights() ? 1.0 : full_scale_ / config_->mapping.range;
}

bool CellArray::integer() const noexcept {
  return config_->cell.ideal && config_->mapping.steps() > 0;
}

void CellArray::program(MatrixView<const double> weights, double full_scale, std::uint64_t event) {
  full_scale_ = full_scale;
  if (config_->cell.ideal) return;
  if (programmed_.rows() != weights.rows || programmed_.cols() != 2 * weights.cols) {
    programmed_ = Matrix<float>(weights.rows, 2 * weights.cols);
    exponents_ = Matrix<float>(weights.rows, 2 * weights.cols);
  }
  parallel_for(weights.rows, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scratch(2 * pairs(weights.cols));
    for (std::int64_t row = begin; row < end; ++row) program_row(weights, row, event, scratch);
  });
}

void CellArray::program_row(MatrixView<const double> weights, std::int64_t row, std::uint64_t event,
                            std::span<float> scratch) {
  const CellModel& model = config_->cell;
  const std::size_t width = pairs(weights.cols);
  const std::span<float> error = scratch.first(width);
  const std::span<float> spread = scratch.subspan(width, width);
  program_noise_.normals(error, row, 0, event);
  exponent_.normals(spread, row, 0, 0);  // call 0 for ever: a cell keeps its exponent's draw
  for (std::int64_t col = 0; col < weights.cols; ++col) {
    const double w = full_scale_ > 0 ? weights(row, col) / full_scale_ : 0.0;
    const Pair target = targets(config_->mapping, w);
    for (const int side : {0, 1}) {
      const double g = side == 0 ? target.positive : target.negative;
      const auto i = static_cast<std::size_t>(2 * col + side);
      const double programmed = g + model.program_std(g) * static_cast<double>(error[i]);
      const double nu =
          std::abs(model.nu_mean(g) + model.nu_std(g) * static_cast<double>(spread[i]));
      programmed_(row, 2 * col + side) = static_cast<float>(std::max(0.0, programmed));
      exponents_(row, 2 * col + side) = static_cast<float>(model.nu_scale * nu);
    }
  }
}

void CellArray::shift(MatrixView<double> weights, std::int64_t row,
                      std::span<const double> change) {
  const WeightMapping& mapping = config_->mapping;
  for (std::int64_t col = 0; col < weights.cols; ++col) {
    const double dw = change[static_cast<std::size_t>(col)];
    double& held = weights(row, col);
    if (config_->cell.ideal) {
      held = std::clamp(held + dw * full_scale_, -full_scale_, full_scale_);
      continue;
    }
    const std::int64_t rising = dw >= 0 ? 2 * col : 2 * col + 1;
    const std::int64_t falling = dw >= 0 ? 2 * col + 1 : 2 * col;
    const double amount = std::abs(dw) * mapping.range;
    const double low = static_cast<double>(programmed_(row, falling));
    const double taken = std::min(amount, std::max(0.0, low - mapping.g_min));
    programmed_(row, falling) = static_cast<float>(low - taken);
    programmed_(row, rising) = static_cast<float>(
        std::min(std::max(1.0, static_cast<double>(programmed_(row, rising))),
                 static_cast<double>(programmed_(row, rising)) + amount - taken));
    held = full_scale_ / mapping.range *
           (static_cast<double>(programmed_(row, 2 * col)) -
            static_cast<double>(programmed_(row, 2 * col + 1)));
  }
}

void CellArray::conductances(MatrixView<const double> weights, std::int64_t row,
                             const CellClock& clock, std::span<double> out) const {
  if (config_->cell.ideal) {
    for (std::int64_t col = 0; col < weights.cols; ++col) {
      const double w = full_scale_ > 0 ? weights(row, col) / full_scale_ : 0.0;
      const Pair target = targets(config_->mapping, w);
      out[static_cast<std::size_t>(2 * col)] = target.positive;
      out[static_cast<std::size_t>(2 * col + 1)] = target.negative;
    }
    return;
  }
  const CellModel& model = config_->cell;
  const std::size_t width = pairs(weights.cols);
  const double growth = clock.flicker_growth * model.read_scale;
  std::vector<float> noise(width, 0.0F);
  if (growth > 0) flicker_.normals(noise, row, 0, clock.epoch);
  for (std::size_t i = 0; i < width; ++i) {
    const double programmed = static_cast<double>(programmed_(row, static_cast<std::int64_t>(i)));
    const double nu = static_cast<double>(exponents_(row, static_cast<std::int64_t>(i)));
    const double drifted = programmed * std::exp(-nu * clock.log_time);
    // The 1/f part scales with the drifted conductance, its relative size with the programmed one
    // [Nandakumar2019]; a conductance stays positive.
    const double std = growth > 0 ? drifted * model.read(programmed) * growth : 0.0;
    out[i] = std::max(0.0, drifted + std * static_cast<double>(noise[i]));
  }
}

void CellArray::effective(MatrixView<const double> weights, std::int64_t row,
                          const CellClock& clock, std::span<double> out) const {
  if (config_->exact_weights()) {
    for (std::int64_t col = 0; col < weights.cols; ++col) {
      out[static_cast<std::size_t>(col)] = weights(row, col);
    }
    return;
  }
  if (config_->cell.ideal) {
    const WeightMapping& mapping = config_->mapping;
    for (std::int64_t col = 0; col < weights.cols; ++col) {
      const double w = full_scale_ > 0 ? weights(row, col) / full_scale_ : 0.0;
      out[static_cast<std::size_t>(col)] = integer() ? mapping.code(w) : mapping.range * w;
    }
    return;
  }
  std::vector<double> g(pairs(weights.cols));
  conductances(weights, row, clock, g);
  for (std::size_t col = 0; col < g.size() / 2; ++col) out[col] = g[2 * col] - g[2 * col + 1];
}

void CellArray::white_variance(MatrixView<const double> weights, std::int64_t row,
                               const CellClock& clock, std::span<double> out) const {
  const double white = config_->cell.white;
  std::vector<double> g(pairs(weights.cols));
  conductances(weights, row, clock, g);
  for (std::size_t col = 0; col < g.size() / 2; ++col) {
    out[col] = white * white * (g[2 * col] * g[2 * col] + g[2 * col + 1] * g[2 * col + 1]);
  }
}

}  // namespace jb::crossbar
