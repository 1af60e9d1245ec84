#include "backends/crossbar/cell_array.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/core/threads.h"

namespace jb::crossbar {

namespace {

/// Whether 2 bytes more for the noise's law stay within 12 bytes a device, beside its state, its
/// second number and its share of what the columns see (float32), squares of noise included.
bool has_room_for_noise_law(const Config& config, int lanes) {
  const CellModel& cell = config.cell;
  const double seen =
      4.0 * (cell.has_white() ? 2 : 1) * lanes / static_cast<double>(config.mapping.cells());
  return 4.0 + (cell.has_second() ? 4.0 : 0.0) + seen + 2.0 <= CellArray::kMostBytesPerDevice;
}

}  // namespace

CellArray::CellArray(const Config& config, const DeviceInstance& instance, std::uint64_t scope)
    : config_(&config),
      devices_(config.cell, instance, scope, has_room_for_noise_law(config, lanes())) {}

std::int64_t CellArray::columns(std::int64_t n) const noexcept {
  if (!config_->mapping.unit_column()) return n;
  return n + partition(n, config_->tile_cols, config_->rule).tiles;
}

bool CellArray::split() const noexcept {
  const WireModel& wires = config_->wires;
  // Interleaved pairs share their output line: there is one current only.
  const bool shared = wires.present() && wires.topology == WireTopology::interleaved;
  return config_->mapping.differential() && !shared &&
         (config_->current_limit > 0 || wires.gated());
}

int CellArray::lanes() const noexcept {
  return split() ? config_->mapping.cells() : config_->mapping.slices;
}

double CellArray::weight_unit() const noexcept {
  return integer() ? config_->mapping.range / config_->mapping.steps() : 1.0;
}

double CellArray::array_scale() const noexcept {
  if (config_->exact_weights()) return 1.0;
  const WeightMapping& mapping = config_->mapping;
  // The quotient in one rounding where there is no more to it.
  if (mapping.slices == 1 && mapping.differential()) return full_scale_ / mapping.range;
  return full_scale_ * mapping.per_array_unit();
}

bool CellArray::integer() const noexcept {
  const WeightMapping& mapping = config_->mapping;
  // One cell alone also carries g_min, and lines in the way make any number of a step.
  return config_->cell.ideal && mapping.steps() > 0 && !config_->wires.present() &&
         (mapping.g_min == 0 || (mapping.differential() && !split()));
}

double CellArray::relative_weight(MatrixView<const double> weights, std::int64_t row,
                                  std::int64_t col) const noexcept {
  return full_scale_ > 0 && col < weights.cols ? weights(row, col) / full_scale_ : 0.0;
}

void CellArray::target_levels(MatrixView<const double> weights, std::int64_t row,
                              std::span<double> out) const {
  const WeightMapping& mapping = config_->mapping;
  const auto cells = static_cast<std::size_t>(mapping.cells());
  const std::int64_t cols = columns(weights.cols);
  for (std::int64_t col = 0; col < cols; ++col) {
    mapping.levels(relative_weight(weights, row, col),
                   out.subspan(static_cast<std::size_t>(col) * cells, cells));
  }
  if (flips_.size() == 0) return;
  const std::int64_t tile = partition(weights.rows, config_->tile_rows, config_->rule).tile_of(row);
  for (std::int64_t i = 0; i < flips_.cols(); ++i) {
    double& level = out[static_cast<std::size_t>(i)];
    if (flips_(tile, i) != 0) level = mapping.steps() - level;
  }
}

void CellArray::targets(MatrixView<const double> weights, std::int64_t row,
                        std::span<double> out) const {
  target_levels(weights, row, out);
  for (double& value : out) value = config_->mapping.conductance(value);
}

void CellArray::choose_flips(MatrixView<const double> weights) {
  flips_ = {};
  const WeightMapping& mapping = config_->mapping;
  if (!mapping.flip) return;
  const Partition rows = partition(weights.rows, config_->tile_rows, config_->rule);
  const std::int64_t width = columns(weights.cols) * mapping.slices;
  Matrix<std::uint8_t> flips(rows.tiles, width);
  parallel_for(rows.tiles, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> levels(static_cast<std::size_t>(width));
    std::vector<double> sums(static_cast<std::size_t>(width));
    for (std::int64_t tile = begin; tile < end; ++tile) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::int64_t row = 0; row < rows.length(tile); ++row) {
        target_levels(weights, rows.begin(tile) + row, levels);
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += levels[i];
      }
      // All inputs on would set the converter's top bit (Shafiee et al., ISCA 2016, section IV).
      const double half = 0.5 * mapping.steps() * static_cast<double>(rows.length(tile));
      for (std::int64_t i = 0; i < weights.cols * mapping.slices; ++i) {
        flips(tile, i) = sums[static_cast<std::size_t>(i)] >= half ? 1 : 0;
      }
    }
  });
  flips_ = std::move(flips);
}

void CellArray::program(MatrixView<const double> weights, double full_scale, std::uint64_t event) {
  full_scale_ = full_scale;
  choose_flips(weights);
  if (config_->cell.ideal) return;
  const std::vector<float> of_codes = conductances_of_codes();
  devices_.program(
      weights.rows, columns(weights.cols) * config_->mapping.cells(),
      [&](std::int64_t row, std::span<float> target) {
        if (!of_codes.empty()) {
          look_up_targets(weights, row, of_codes, target);
          return;
        }
        thread_local std::vector<double> g;
        g.resize(target.size());
        targets(weights, row, g);
        std::transform(g.begin(), g.end(), target.begin(),
                       [](double x) { return static_cast<float>(x); });
      },
      event);
}

std::vector<float> CellArray::conductances_of_codes() const {
  const WeightMapping& mapping = config_->mapping;
  constexpr int kMostBits = 12;  // the table stays in the second-level cache
  if (mapping.weight_bits == 0 || mapping.weight_bits > kMostBits || flips_.size() > 0) return {};
  const auto steps = static_cast<std::int64_t>(mapping.weight_steps());
  std::vector<double> levels(static_cast<std::size_t>(mapping.cells()));
  std::vector<float> table;
  for (std::int64_t code = -steps; code <= steps; ++code) {
    mapping.levels(static_cast<double>(code) / mapping.weight_steps(), levels);
    for (const double level : levels) {
      table.push_back(static_cast<float>(mapping.conductance(level)));
    }
  }
  return table;
}

void CellArray::look_up_targets(MatrixView<const double> weights, std::int64_t row,
                                const std::vector<float>& of_codes, std::span<float> out) const {
  const double steps = config_->mapping.weight_steps();
  const auto cells = static_cast<std::size_t>(config_->mapping.cells());
  for (std::size_t col = 0; col * cells < out.size(); ++col) {
    const double w = relative_weight(weights, row, static_cast<std::int64_t>(col));
    const double code = analog::round_half_even(std::clamp(w, -1.0, 1.0) * steps);
    std::copy_n(of_codes.data() + static_cast<std::size_t>(code + steps) * cells, cells,
                out.data() + col * cells);
  }
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
  if (!config_->cell.ideal) devices_.states_changed(row);
}

void CellArray::conductances(MatrixView<const double> weights, std::int64_t row,
                             const CellClock& clock, std::span<double> out) const {
  if (config_->cell.ideal) {
    targets(weights, row, out);
    return;
  }
  thread_local std::vector<float> g;
  g.resize(out.size());
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
  std::vector<double> g(static_cast<std::size_t>(columns(weights.cols) * config_->mapping.cells()));
  if (integer()) {
    target_levels(weights, row, g);
  } else {
    conductances(weights, row, clock, g);
  }
  combine(g, out);
}

void CellArray::effective(std::int64_t row, const CellClock& clock, std::span<float> out) const {
  if (static_cast<std::int64_t>(out.size()) == devices_.width()) {
    devices_.conductances(row, clock, out);
    return;
  }
  devices_.differences(row, clock, out);
}

void CellArray::combine(std::span<const double> g, std::span<double> out) const {
  if (out.size() == g.size()) {
    std::copy(g.begin(), g.end(), out.begin());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = g[2 * i] - g[2 * i + 1];
}

void CellArray::white_variance(std::int64_t row, const CellClock& clock,
                               std::span<float> out) const {
  thread_local std::vector<float> std;
  std.resize(static_cast<std::size_t>(devices_.width()));
  devices_.conductances(row, clock, std);
  devices_.white_std(std, std);
  if (out.size() == std.size()) {
    std::transform(std.begin(), std.end(), out.begin(), [](float x) { return x * x; });
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = std[2 * i] * std[2 * i] + std[2 * i + 1] * std[2 * i + 1];
  }
}

void CellArray::white_variance(MatrixView<const double> weights, std::int64_t row,
                               const CellClock& clock, std::span<double> out) const {
  thread_local std::vector<float> g;
  thread_local std::vector<float> std;
  std::vector<double> exact(
      static_cast<std::size_t>(columns(weights.cols) * config_->mapping.cells()));
  conductances(weights, row, clock, exact);
  g.assign(exact.begin(), exact.end());
  std.resize(g.size());
  devices_.white_std(g, std);
  const auto square = [](float x) { return static_cast<double>(x) * static_cast<double>(x); };
  if (out.size() == g.size()) {
    std::transform(std.begin(), std.end(), out.begin(), square);
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = square(std[2 * i]) + square(std[2 * i + 1]);
}

}  // namespace jb::crossbar
