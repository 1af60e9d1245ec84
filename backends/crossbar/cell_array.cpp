#include "backends/crossbar/cell_array.h"

#include <algorithm>
#include <cmath>

namespace jb::crossbar {
namespace {

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

CellArray::CellArray(const Config& config, const DeviceInstance& instance, std::uint64_t scope)
    : config_(&config), devices_(config.cell, instance, scope) {}

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
  devices_.program(
      weights.rows, 2 * weights.cols,
      [&](std::int64_t row, std::span<float> target) {
        for (std::int64_t col = 0; col < weights.cols; ++col) {
          const double w = full_scale_ > 0 ? weights(row, col) / full_scale_ : 0.0;
          const Pair pair = targets(config_->mapping, w);
          target[static_cast<std::size_t>(2 * col)] = static_cast<float>(pair.positive);
          target[static_cast<std::size_t>(2 * col + 1)] = static_cast<float>(pair.negative);
        }
      },
      event);
}

void CellArray::shift(MatrixView<double> weights, std::int64_t row,
                      std::span<const double> change) {
  const WeightMapping& mapping = config_->mapping;
  const std::span<float> states = config_->cell.ideal ? std::span<float>() : devices_.states(row);
  const auto conductance = [&](std::int64_t i) {
    return static_cast<double>(states[static_cast<std::size_t>(i)]);
  };
  const auto move = [&](std::int64_t i, double g) {
    float& state = states[static_cast<std::size_t>(i)];
    if (state >= 0) state = static_cast<float>(g);  // else stuck
  };
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
    const double low = conductance(falling);
    const double taken = std::min(amount, std::max(0.0, low - mapping.g_min));
    move(falling, low - taken);
    const double high = conductance(rising);
    move(rising, std::min(std::max(1.0, high), high + amount - taken));
    held = full_scale_ / mapping.range * (conductance(2 * col) - conductance(2 * col + 1));
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
  thread_local std::vector<float> g;
  g.resize(pairs(weights.cols));
  devices_.conductances(row, clock, g);
  std::copy(g.begin(), g.end(), out.begin());
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
  thread_local std::vector<float> g;
  thread_local std::vector<float> std;
  std::vector<double> exact(pairs(weights.cols));
  conductances(weights, row, clock, exact);
  g.assign(exact.begin(), exact.end());
  std.resize(g.size());
  devices_.white_std(g, std);
  const auto square = [](float x) { return static_cast<double>(x) * static_cast<double>(x); };
  for (std::size_t col = 0; col < g.size() / 2; ++col) {
    out[col] = square(std[2 * col]) + square(std[2 * col + 1]);
  }
}

}  // namespace jb::crossbar
