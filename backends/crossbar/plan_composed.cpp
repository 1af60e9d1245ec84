// What a plan sets up for composed products, reads through their converters one input at a time,
// and measures its converters' ranges with.

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/core/threads.h"
#include "backends/crossbar/inputs.h"
#include "backends/crossbar/plan.h"

namespace jb::crossbar {
namespace {

// Samples of each slice that a calibrated range is taken from, at most about.
constexpr std::int64_t kMostSamples = 1 << 18;

/// Vectors with one input at full scale, each from the same tile: rows of the effective matrix.
class OneHotSource final : public SumSource {
 public:
  OneHotSource(const ComposedPass& pass, MatrixView<const double> effective,
               MatrixView<const double> variances)
      : pass_(pass), effective_(effective), variances_(variances) {}

  void select(std::int64_t /*tile*/, int reading) override {
    const Config& config = *pass_.config;
    const double full = config.dac.full_code();
    code_ = full;
    if (pass_.readings() > 1) take_plane(&full, 1, reading, config.plane_bits, &code_);
    const double reading_full =
        pass_.readings() > 1 ? std::ldexp(1.0, config.plane_bits) - 1.0 : full;
    square_ = (code_ / reading_full) * (code_ / reading_full);
    if (pass_.readings() > 1 || config.planes() == 1) return;
    square_ = 0;
    for (int k = 0; k < config.planes(); ++k) {
      double plane = 0;
      take_plane(&full, 1, k, config.plane_bits, &plane);
      const double x = std::ldexp(plane, k * config.plane_bits) / full;
      square_ += x * x;
    }
  }
  void sums(int lane, std::int64_t first_col, std::int64_t cols, double* out) override {
    scaled(effective_, code_, lane, first_col, cols, out);
  }
  void variances(int lane, std::int64_t first_col, std::int64_t cols, double* out) override {
    scaled(variances_, square_, lane, first_col, cols, out);
  }
  [[nodiscard]] double input_sum(std::int64_t /*vector*/) const override { return 1; }

 private:
  void scaled(MatrixView<const double> from, double factor, int lane, std::int64_t first_col,
              std::int64_t cols, double* out) const {
    const int lanes = pass_.cells->lanes();
    for (std::int64_t i = 0; i < from.rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) {
        out[i * kBlock + j] = from(i, (first_col + j) * lanes + lane) * factor;
      }
    }
  }

  const ComposedPass& pass_;
  MatrixView<const double> effective_, variances_;  // rows of the vectors at hand
  double code_ = 1;
  double square_ = 1;
};

/// Outputs of one-hot vectors in array units: |y| summed over the block's vectors.
void add_block(const ComposedPass& pass, SumSource& source, std::int64_t first_vector,
               std::int64_t vectors, std::span<double> sums) {
  const std::int64_t all = pass.columns;
  std::vector<double> outputs(static_cast<std::size_t>(vectors * all));
  std::vector<double> totals(static_cast<std::size_t>(kBlock * kBlock));
  // Blocks of outputs and of unit columns may share no block of columns.
  const auto read = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t col = begin; col < end; col += kBlock) {
      const std::int64_t cols = std::min(kBlock, end - col);
      (void)read_block(pass, source, first_vector, vectors, col, cols, totals.data());
      for (std::int64_t i = 0; i < vectors; ++i) {
        std::copy_n(totals.data() + i * kBlock, cols,
                    outputs.data() + static_cast<std::ptrdiff_t>(i * all + col));
      }
    }
  };
  read(0, pass.outputs);
  read(pass.outputs, all);
  const double middle = pass.config->mapping.middle();
  for (std::int64_t i = 0; i < vectors; ++i) {
    const double* const row = outputs.data() + i * all;
    for (std::int64_t j = 0; j < pass.outputs; ++j) {
      const double idle =
          pass.unit_columns() ? row[pass.outputs + pass.output_tiles.tile_of(j)] : middle;
      sums[static_cast<std::size_t>(j)] += std::abs(row[j] - idle);
    }
  }
}

}  // namespace

analog::Adc CrossbarPlan::converter(std::int64_t inputs, int slice) const {
  const Config& config = machine_->config;
  const analog::Adc adc = ranges_.empty()
                              ? config.adc(inputs, slice)
                              : config.adc_over(ranges_[static_cast<std::size_t>(slice)]);
  return adc.scaled(range_);
}

ComposedPass CrossbarPlan::composed_pass(bool transposed, const Draw& draw) const {
  const Config& config = config_for(transposed);
  const Layout layout = layout_of(config, rows(), cols(), transposed);
  ComposedPass out;
  out.config = &config;
  out.cells = &cells_;
  out.transposed = transposed;
  out.inputs = layout.inputs;
  out.output_tiles = layout.outputs;
  out.outputs = transposed ? rows() : cols();
  // Products with B^T have no unit column: what offset weights add is subtracted digitally.
  out.columns = transposed ? rows() : cells_.columns(cols());
  if (!transposed) out.slice_factors = slice_factors_;
  out.draw = draw;
  out.white =
      white_streams(transposed ? "crossbar.white.back" : "crossbar.white", layout.inputs.tiles);
  const int direction = transposed ? 1 : 0;
  for (std::int64_t t = 0; t < layout.inputs.tiles; ++t) {
    ComposedTile tile;
    for (int slice = 0; slice < config.mapping.slices; ++slice) {
      tile.adc.push_back(converter(layout.inputs.length(t), slice));
    }
    const std::int64_t width = gain_[direction].cols();
    if (width > 0) {
      tile.gain = {gain_[direction].data() + t * width, static_cast<std::size_t>(width)};
      tile.offset = {offset_[direction].data() + t * width, static_cast<std::size_t>(width)};
    }
    out.tiles.push_back(tile);
  }
  out.scale.assign(static_cast<std::size_t>(out.outputs), cells_.array_scale() * factor_);
  return out;
}

Reading CrossbarPlan::read_composed(double age_s, std::uint64_t reading) const {
  const Config& config = machine_->config;
  const CellClock clock = clock_at(config.cell, age_s, machine_->epoch.temperature_C);
  const Matrix<double> effective = effective_matrix<double>(clock);
  const Matrix<double> variances = variance_matrix<double>(clock);
  ComposedPass all = composed_pass(false, {.call = reading});
  all.slice_factors.clear();  // the reference was read without
  all.white = white_streams("crossbar.white.calibration", all.inputs.tiles);
  const std::int64_t asked = config.calibration_vectors;

  struct Block {
    std::int64_t tile, first, count;
  };
  std::vector<Block> blocks;
  std::int64_t vectors = 0;
  for (std::int64_t t = 0; t < all.inputs.tiles; ++t) {
    const std::int64_t length =
        asked == 0 ? all.inputs.length(t) : std::min(asked, all.inputs.length(t));
    vectors += length;
    for (std::int64_t first = 0; first < length; first += kBlock) {
      blocks.push_back({t, first, std::min(kBlock, length - first)});
    }
  }
  Matrix<double> sums(static_cast<std::int64_t>(blocks.size()), cols());
  parallel_for(sums.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const Block& block = blocks[static_cast<std::size_t>(b)];
      const auto t = static_cast<std::size_t>(block.tile);
      ComposedPass one = all;
      one.first_tile = block.tile;
      one.inputs = {1, all.inputs.length(block.tile), all.inputs.length(block.tile)};
      one.tiles = {all.tiles[t]};
      if (!all.white.empty()) one.white = {all.white[t]};
      const std::int64_t row = all.inputs.begin(block.tile) + block.first;
      const auto part = [&](const Matrix<double>& m) {
        return m.size() == 0 ? m.view() : m.view().block(row, 0, block.count, m.cols());
      };
      OneHotSource source(one, part(effective), part(variances));
      add_block(one, source, block.first, block.count,
                {sums.data() + b * cols(), static_cast<std::size_t>(cols())});
    }
  });

  Reading result;
  result.columns.assign(static_cast<std::size_t>(cols()), 0.0);
  for (std::int64_t j = 0; j < cols(); ++j) {
    double& column = result.columns[static_cast<std::size_t>(j)];
    for (std::int64_t b = 0; b < sums.rows(); ++b) column += sums(b, j);
    column /= static_cast<double>(std::max<std::int64_t>(vectors, 1));
    result.mean += column / static_cast<double>(cols());
  }
  return result;
}

CrossbarPlan::RangingInputs CrossbarPlan::ranging_inputs() const {
  const Config& config = config_for(false);
  const bool fixed = config.input_range == InputRange::fixed;
  RangingInputs out;
  if (samples_ != nullptr) {
    out.vectors = copy_as<double>(samples_->rows.view());
    out.share = samples_->share;
    for (std::int64_t i = 0; i < out.vectors.rows(); ++i) {
      double largest = 0;
      for (std::int64_t j = 0; j < rows(); ++j) {
        largest = std::max(largest, std::abs(out.vectors(i, j)));
      }
      out.full_scales.push_back(largest);
    }
    return out;
  }
  const std::int64_t count = config.adc_vectors;
  out.share = config.adc_percentile;
  out.vectors = Matrix<double>(count, rows());
  const RandomStream stream(machine_->instance.seed, machine_->instance.instance,
                            tag_of("crossbar.adc.calibration"), scope_);
  std::vector<float> row(static_cast<std::size_t>(rows()));
  const double top = fixed ? config.input_max : 1.0;
  for (std::int64_t i = 0; i < count; ++i) {
    stream.normals(row, i, 0, 0);
    double largest = 0;
    for (const float x : row) largest = std::max(largest, static_cast<double>(std::abs(x)));
    for (std::int64_t j = 0; j < rows(); ++j) {
      double x = static_cast<double>(row[static_cast<std::size_t>(j)]) / largest * top;
      if (config.dac.is_unsigned && config.dac.bits > 0) x = std::abs(x);
      out.vectors(i, j) = x;
    }
    out.full_scales.push_back(top);
  }
  return out;
}

void CrossbarPlan::measure_ranges() {
  const Config& config = machine_->config;
  ranges_.clear();
  if (rows() == 0 || cols() == 0) return;
  const RangingInputs inputs = ranging_inputs();
  const std::int64_t count = inputs.vectors.rows();
  Workspace workspace;
  workspace.full_scales = inputs.full_scales;
  ComposedPass pass = composed_pass(false, {});
  for (ComposedTile& tile : pass.tiles) std::fill(tile.adc.begin(), tile.adc.end(), analog::Adc());
  const auto slices = static_cast<std::size_t>(config.mapping.slices);
  Samples samples;
  samples.of_slice.resize(slices);
  const std::int64_t per_column = count * pass.inputs.tiles * pass.readings();
  samples.stride = std::max<std::int64_t>(1, per_column * pass.columns / kMostSamples);
  pass.samples = &samples;
  const CellClock clock = clock_at(config.cell, 0, machine_->epoch.temperature_C);
  const Matrix<double> effective = effective_matrix<double>(clock);
  const Matrix<double> variances = variance_matrix<double>(clock);
  const PackedLanes<double> lanes = pack_lanes<double>(pass, effective.view(), variances.view());
  Matrix<double> ignored(count, cols());
  (void)multiply_composed<double, double>(pass, lanes, inputs.vectors.view(), ignored.view(),
                                          workspace);

  std::vector<double> limits;
  for (std::vector<float>& kept : samples.of_slice) {
    std::transform(kept.begin(), kept.end(), kept.begin(), [](float y) { return std::abs(y); });
    const auto place = static_cast<std::ptrdiff_t>(
        std::floor(inputs.share * static_cast<double>(kept.size() - 1)));
    std::nth_element(kept.begin(), kept.begin() + place, kept.end());
    limits.push_back(static_cast<double>(kept[static_cast<std::size_t>(place)]));
  }
  // Slices differ by powers of two, so that shifting and adding their codes stays exact.
  const double largest = *std::max_element(limits.begin(), limits.end());
  constexpr double kLeastShare = 0x1p-10;  // of the largest: slices that hold nothing
  for (const double limit : limits) {
    const double share = largest > 0 ? std::max(limit / largest, kLeastShare) : 1.0;
    const double top = (largest > 0 ? largest : 1.0) * std::exp2(std::ceil(std::log2(share)));
    ranges_.push_back({config.adc_signed ? -top : 0.0, top});
  }
}

}  // namespace jb::crossbar
