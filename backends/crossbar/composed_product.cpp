#include "backends/crossbar/composed_product.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>

#include "backends/analog/rows.h"
#include "backends/core/threads.h"
#include "backends/crossbar/inputs.h"
#include "backends/crossbar/wire_solver.h"

namespace jb::crossbar {
namespace {

constexpr std::int64_t kArea = kBlock * kBlock;

std::int64_t blocks_of(std::int64_t cols) { return (cols + kBlock - 1) / kBlock; }

/// Columns of a block: blocks of outputs first, then those of unit columns.
struct Columns {
  std::int64_t first = 0;
  std::int64_t count = 0;
};
Columns columns_of(const ComposedPass& pass, std::int64_t block) {
  const std::int64_t own = blocks_of(pass.outputs);
  const std::int64_t base = block < own ? 0 : pass.outputs;
  const std::int64_t end = block < own ? pass.outputs : pass.columns;
  const std::int64_t first = base + (block < own ? block : block - own) * kBlock;
  return {first, std::min(kBlock, end - first)};
}
std::int64_t block_of(const ComposedPass& pass, std::int64_t col) {
  return col < pass.outputs ? col / kBlock
                            : blocks_of(pass.outputs) + (col - pass.outputs) / kBlock;
}

/// Sums by the product routine, from the codes of a block of vectors.
template <class U>
class ProductSource final : public SumSource {
 public:
  ProductSource(const ComposedPass& pass, const PackedLanes<U>& lanes, MatrixView<const U> codes)
      : pass_(pass), lanes_(lanes), codes_(codes) {}

  void select(std::int64_t tile, int reading) override {
    tile_ = tile;
    const Config& config = *pass_.config;
    const std::int64_t length = pass_.inputs.length(tile);
    const auto size = static_cast<std::size_t>(codes_.rows * length);
    plane_.resize(size);
    if (!pass_.white.empty()) squares_.resize(size);
    for (std::int64_t i = 0; i < codes_.rows; ++i) {
      const U* const from = &codes_(i, pass_.inputs.begin(tile));
      U* const to = plane_.data() + i * length;
      if (pass_.readings() > 1) {
        take_plane(from, length, reading, config.plane_bits, to);
      } else {
        std::copy_n(from, length, to);
      }
      if (!pass_.white.empty()) square(from, to, length, squares_.data() + i * length);
    }
  }

  void sums(int lane, std::int64_t first_col, std::int64_t cols, double* out) override {
    if (!lanes_.gated.empty()) {
      solve(lanes_.gated[static_cast<std::size_t>(tile_ * pass_.cells->lanes() + lane)], first_col,
            cols, out);
      return;
    }
    multiply(plane_, lanes_.weights, lane, first_col, cols, out);
  }
  void variances(int lane, std::int64_t first_col, std::int64_t cols, double* out) override {
    multiply(squares_, lanes_.variances, lane, first_col, cols, out);
  }
  [[nodiscard]] double input_sum(std::int64_t vector) const override {
    double sum = 0;
    for (std::int64_t j = 0; j < pass_.inputs.length(tile_); ++j) {
      sum += static_cast<double>(codes_(vector, pass_.inputs.begin(tile_) + j));
    }
    return sum / (pass_.scaled_inputs() ? pass_.config->dac.full_code() : 1.0);
  }

 private:
  /// Squares of what drives the lines, relative to full scale; planes that are added before the
  /// converter bring their noise one by one.
  void square(const U* codes, const U* plane, std::int64_t n, U* out) {
    const Config& config = *pass_.config;
    const auto unit = static_cast<U>(1.0 / reading_full(config));
    if (pass_.readings() > 1 || config.planes() == 1) {
      for (std::int64_t j = 0; j < n; ++j) out[j] = (plane[j] * unit) * (plane[j] * unit);
      return;
    }
    std::fill_n(out, n, U{0});
    part_.resize(static_cast<std::size_t>(n));
    for (int k = 0; k < config.planes(); ++k) {
      take_plane(codes, n, k, config.plane_bits, part_.data());
      const auto weight = static_cast<U>(std::ldexp(1.0, k * config.plane_bits)) * unit;
      for (std::int64_t j = 0; j < n; ++j) {
        const U x = part_[static_cast<std::size_t>(j)] * weight;
        out[j] += x * x;
      }
    }
  }

  /// Gated lines: a network of its own for each vector and column.
  void solve(const Matrix<double>& columns, std::int64_t first_col, std::int64_t cols,
             double* out) {
    const auto length = static_cast<std::size_t>(columns.cols());
    std::vector<double> x(length);
    std::vector<double> scratch(2 * length);
    for (std::int64_t i = 0; i < codes_.rows; ++i) {
      std::copy_n(plane_.data() + static_cast<std::size_t>(i) * length, length, x.begin());
      for (std::int64_t j = 0; j < cols; ++j) {
        out[i * kBlock + j] =
            gated_current(pass_.config->wires, &columns(first_col + j, 0), x, scratch);
      }
    }
  }

  [[nodiscard]] double reading_full(const Config& config) const {
    return pass_.readings() > 1 ? std::ldexp(1.0, config.plane_bits) - 1.0 : config.dac.full_code();
  }

  void multiply(const std::vector<U>& left, const std::vector<PackedMatrix<U>>& right, int lane,
                std::int64_t first_col, std::int64_t cols, double* out) {
    const std::int64_t length = pass_.inputs.length(tile_);
    const std::int64_t at = (tile_ * pass_.cells->lanes() + lane) * lanes_.blocks;
    const PackedMatrix<U>& b = right[static_cast<std::size_t>(at + block_of(pass_, first_col))];
    const MatrixView<const U> a{left.data(), codes_.rows, length, length, 1};
    if constexpr (std::is_same_v<U, double>) {
      gemm<double>(a, b, MatrixView<double>{out, codes_.rows, cols, kBlock, 1});
    } else {
      alignas(64) U sums[kArea];
      gemm<U>(a, b, MatrixView<U>{sums, codes_.rows, cols, kBlock, 1});
      for (std::int64_t i = 0; i < codes_.rows; ++i) {
        std::transform(sums + i * kBlock, sums + i * kBlock + cols, out + i * kBlock,
                       [](U s) { return static_cast<double>(s); });
      }
    }
  }

  const ComposedPass& pass_;
  const PackedLanes<U>& lanes_;
  MatrixView<const U> codes_;
  std::int64_t tile_ = 0;
  std::vector<U> plane_, squares_, part_;
};

/// One execute.
template <class T, class U>
class ComposedProduct {
 public:
  ComposedProduct(const ComposedPass& pass, const PackedLanes<U>& lanes, MatrixView<const T> a,
                  MatrixView<T> c, Workspace& workspace)
      : pass_(pass), lanes_(lanes), a_(a), c_(c), scales_(workspace.full_scales) {
    if constexpr (std::is_same_v<U, float>) {
      codes_ = &workspace.inputs_f32;
    } else {
      codes_ = &workspace.inputs_f64;
    }
  }

  Saturation run() {
    encode();
    const std::int64_t own = blocks_of(pass_.outputs);
    const std::int64_t row_blocks = blocks_of(a_.rows);
    if (pass_.unit_columns()) {
      units_ = Matrix<double>(a_.rows, pass_.columns - pass_.outputs);
      const std::int64_t extra = blocks_of(pass_.columns - pass_.outputs);
      parallel_for(row_blocks * extra, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) read(i / extra, own + i % extra);
      });
    }
    parallel_for(row_blocks * own, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) read(i / own, i % own);
    });
    const Config& config = *pass_.config;
    const std::int64_t readings = config.analog_accumulation ? 1 : pass_.readings();
    return {inputs_clipped_, config.dac.bits > 0 ? a_.rows * a_.cols : 0, outputs_clipped_,
            config.adc_bits > 0
                ? a_.rows * pass_.columns * pass_.inputs.tiles * readings * config.mapping.slices
                : 0};
  }

 private:
  void encode() {
    if (!pass_.scaled_inputs()) std::fill(scales_.begin(), scales_.end(), 1.0);
    codes_->resize(static_cast<std::size_t>(a_.rows * a_.cols));
    sums_.assign(static_cast<std::size_t>(a_.rows), 0.0);
    parallel_for(a_.rows, 16, [&](std::int64_t begin, std::int64_t end) {
      std::vector<T> gathered(static_cast<std::size_t>(a_.cols));
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t j = 0; j < a_.cols; ++j) gathered[static_cast<std::size_t>(j)] = a_(i, j);
        U* const codes = codes_->data() + i * a_.cols;
        const std::int64_t clipped =
            encode_input(*pass_.config, pass_.scaled_inputs(), gathered.data(), a_.cols,
                         scales_[static_cast<std::size_t>(i)], codes);
        if (clipped > 0) inputs_clipped_ += clipped;
        double sum = 0;
        for (std::int64_t j = 0; j < a_.cols; ++j) sum += static_cast<double>(codes[j]);
        sums_[static_cast<std::size_t>(i)] =
            sum / (pass_.scaled_inputs() ? pass_.config->dac.full_code() : 1.0);
      }
    });
  }

  void read(std::int64_t row_block, std::int64_t col_block) {
    const std::int64_t row = row_block * kBlock;
    const std::int64_t rows = std::min(kBlock, a_.rows - row);
    const Columns cols = columns_of(pass_, col_block);
    const MatrixView<const U> codes{codes_->data() + row * a_.cols, rows, a_.cols, a_.cols, 1};
    ProductSource<U> source(pass_, lanes_, codes);
    alignas(64) double totals[kArea];
    const std::int64_t clipped = read_block(pass_, source, pass_.draw.row_offset + row, rows,
                                            cols.first, cols.count, totals);
    if (clipped > 0) outputs_clipped_ += clipped;
    for (std::int64_t i = 0; i < rows; ++i) leave(row + i, cols, totals + i * kBlock);
  }

  /// Totals of a vector to C, or to the readings of unit columns.
  void leave(std::int64_t row, const Columns& cols, const double* totals) {
    if (cols.first >= pass_.outputs) {
      std::copy_n(totals, cols.count, &units_(row, cols.first - pass_.outputs));
      return;
    }
    const double middle = pass_.config->mapping.middle() * sums_[static_cast<std::size_t>(row)];
    for (std::int64_t j = 0; j < cols.count; ++j) {
      const std::int64_t col = cols.first + j;
      const double idle =
          pass_.unit_columns() ? units_(row, pass_.output_tiles.tile_of(col)) : middle;
      c_(row, col) =
          static_cast<T>((totals[j] - idle) * pass_.scale[static_cast<std::size_t>(col)] *
                         scales_[static_cast<std::size_t>(row)]);
    }
  }

  const ComposedPass& pass_;
  const PackedLanes<U>& lanes_;
  MatrixView<const T> a_;
  MatrixView<T> c_;
  std::vector<U>* codes_;
  std::vector<double>& scales_;
  std::vector<double> sums_;  // of each vector's inputs, relative to full scale
  Matrix<double> units_;      // readings of unit columns
  std::atomic<std::int64_t> inputs_clipped_{0};
  std::atomic<std::int64_t> outputs_clipped_{0};
};

}  // namespace

int ComposedPass::readings() const noexcept {
  // Added before the converter and nothing in between: the sum over planes is the input itself.
  const bool linear = config->current_limit == 0 && !config->wires.gated();
  return config->analog_accumulation && linear ? 1 : config->planes();
}

double ComposedPass::array_per_sum() const noexcept {
  const double full =
      readings() > 1 ? std::ldexp(1.0, config->plane_bits) - 1.0 : config->dac.full_code();
  return cells->weight_unit() / (scaled_inputs() ? full : 1.0);
}

double ComposedPass::reading_unit() const noexcept {
  if (readings() == 1) return 1.0;
  return (std::ldexp(1.0, config->plane_bits) - 1.0) / config->dac.full_code();
}

std::int64_t noise_row(const ComposedPass& pass, std::int64_t col, int lane, int reading) noexcept {
  return (col * pass.cells->lanes() + lane) * pass.readings() + reading;
}

template <class U>
PackedLanes<U> pack_lanes(const ComposedPass& pass, MatrixView<const U> effective,
                          MatrixView<const U> variances) {
  PackedLanes<U> out;
  const int lanes = pass.cells->lanes();
  out.blocks = blocks_of(pass.outputs) + blocks_of(pass.columns - pass.outputs);
  const auto pack = [&](MatrixView<const U> full, std::vector<PackedMatrix<U>>& to) {
    if (full.data == nullptr) return;
    to.resize(static_cast<std::size_t>(pass.inputs.tiles * lanes * out.blocks));
    parallel_for(
        static_cast<std::int64_t>(to.size()), 1, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t tile = i / out.blocks / lanes;
            const std::int64_t lane = i / out.blocks % lanes;
            const Columns cols = columns_of(pass, i % out.blocks);
            // Transposed: the driven side is the matrix's columns, of which each holds its lanes.
            const std::int64_t driven = pass.inputs.begin(tile);
            const MatrixView<const U> part =
                pass.transposed ? MatrixView<const U>{&full(cols.first, driven * lanes + lane),
                                                      pass.inputs.length(tile), cols.count, lanes,
                                                      full.row_stride}
                                : MatrixView<const U>{&full(driven, cols.first * lanes + lane),
                                                      pass.inputs.length(tile), cols.count,
                                                      full.row_stride, lanes};
            to[static_cast<std::size_t>(i)] = PackedMatrix<U>(part);
          }
        });
  };
  pack(effective, out.weights);
  pack(variances, out.variances);
  return out;
}

template <class T, class U>
Saturation multiply_composed(const ComposedPass& pass, const PackedLanes<U>& lanes,
                             MatrixView<const T> a, MatrixView<T> c, Workspace& workspace) {
  return ComposedProduct<T, U>(pass, lanes, a, c, workspace).run();
}

template PackedLanes<float> pack_lanes(const ComposedPass&, MatrixView<const float>,
                                       MatrixView<const float>);
template PackedLanes<double> pack_lanes(const ComposedPass&, MatrixView<const double>,
                                        MatrixView<const double>);
template Saturation multiply_composed(const ComposedPass&, const PackedLanes<float>&,
                                      MatrixView<const float>, MatrixView<float>, Workspace&);
template Saturation multiply_composed(const ComposedPass&, const PackedLanes<double>&,
                                      MatrixView<const float>, MatrixView<float>, Workspace&);
template Saturation multiply_composed(const ComposedPass&, const PackedLanes<double>&,
                                      MatrixView<const double>, MatrixView<double>, Workspace&);

}  // namespace jb::crossbar
