#include "backends/crossbar/product.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <type_traits>

#include "backends/core/threads.h"
#include "backends/crossbar/inputs.h"

namespace jb::crossbar {
namespace {

// Elements of A that one thread turns into codes at a time.
constexpr std::int64_t kElementsPerPiece = 1 << 15;

/// What one thread keeps between the segments of a strip.
template <class U>
struct StripBuffers {
  alignas(64) double totals[kStripRows * kStripCols];  // array units
  alignas(64) double noise[kStripRows * kStripCols];   // array units
  alignas(64) U sums[kStripRows * kStripCols];
  alignas(64) float normals[kStripCols];
};

/// One execute: inputs become codes, the sums of each tile pass its converters while they are in
/// the cache, and leave scaled.
template <class T, class U>
class Product {
 public:
  Product(const Pass& pass, const PackedTiles<U>& tiles, const DrivenSide& a, MatrixView<T> c,
          Workspace& workspace)
      : pass_(pass),
        tiles_(tiles),
        a_(a),
        rows_(a.matrix.rows),
        cols_(a.matrix.cols),
        c_(c),
        scales_(workspace.full_scales) {
    if constexpr (std::is_same_v<U, float>) {
      inputs_ = &workspace.inputs_f32;
    } else {
      inputs_ = &workspace.inputs_f64;
    }
  }

  Saturation run() {
    gemm_segments<U>(send_inputs(), tiles_.segments,
                     [this](const SumStrip<U>& strip) { read(strip); });
    return {inputs_clipped_, pass_.config->dac.bits > 0 ? rows_ * cols_ : 0, outputs_clipped_,
            pass_.config->adc_bits > 0 ? rows_ * pass_.outputs * pass_.inputs.tiles : 0};
  }

 private:
  [[nodiscard]] bool noisy() const noexcept { return !pass_.white.empty(); }

  /// The driven side in codes: tile by tile, with noise each tile followed by its squares.
  MatrixView<const U> send_inputs() {
    if (!pass_.scaled_inputs()) std::fill(scales_.begin(), scales_.end(), 1.0);
    if constexpr (std::is_same_v<T, U>) {
      if (!pass_.scaled_inputs() && !noisy() && a_.source == nullptr) return a_.matrix.as<T>();
    }
    const std::int64_t width = noisy() ? 2 * cols_ : cols_;
    inputs_->resize(static_cast<std::size_t>(rows_ * width));
    const std::int64_t grain =
        std::max<std::int64_t>(1, kElementsPerPiece / std::max<std::int64_t>(1, cols_));
    parallel_for(rows_, grain, [&](std::int64_t begin, std::int64_t end) {
      RowReader<T> reader(a_, end);
      std::vector<U> codes(static_cast<std::size_t>(noisy() ? cols_ : 0));
      for (std::int64_t i = begin; i < end; ++i) {
        const T* const row = reader.row(i);
        if (a_.source != nullptr && pass_.scaled_inputs()) {
          scales_[static_cast<std::size_t>(i)] = a_.moments->largest(i);
        }
        U* const target = inputs_->data() + i * width;
        encode_row(row, i, noisy() ? codes.data() : target);
        if (noisy()) spread(codes.data(), target);
      }
    });
    return {inputs_->data(), rows_, width, width, 1};
  }

  void encode_row(const T* row, std::int64_t i, U* codes) {
    const std::int64_t clipped = encode_input(*pass_.config, pass_.scaled_inputs(), row, cols_,
                                              scales_[static_cast<std::size_t>(i)], codes);
    if (clipped > 0) inputs_clipped_ += clipped;
  }

  /// Codes of a row to their places between the squares of the inputs (in units of full scale).
  void spread(const U* codes, U* target) const {
    const U unit = static_cast<U>(1.0 / pass_.config->dac.full_code());
    for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) {
      const U* const tile = codes + pass_.inputs.begin(t);
      const std::int64_t length = pass_.inputs.length(t);
      target = std::copy_n(tile, length, target);
      target = std::transform(tile, tile + length, target, [unit](U code) {
        const U x = code * unit;
        return x * x;
      });
    }
  }

  /// Sums of one tile, or the variances of their noise.
  void read(const SumStrip<U>& strip) {
    thread_local StripBuffers<U> buffers;
    const std::int64_t per_tile = noisy() ? 2 : 1;
    const auto tile = static_cast<std::size_t>(strip.segment / per_tile);
    if (strip.segment == 0) std::fill_n(buffers.totals, kStripRows * kStripCols, 0.0);
    MatrixView<const U> sums = strip.sums;
    analog::SumReadout readout = pass_.tiles[tile].readout(strip.col);
    if (noisy()) {
      if (strip.segment % 2 == 0) {
        for (std::int64_t i = 0; i < sums.rows; ++i) {
          std::copy_n(&sums(i, 0), sums.cols, buffers.sums + i * kStripCols);
        }
        return;
      }
      draw_noise(strip, tile, buffers);
      readout.noise = buffers.noise;
      sums = {buffers.sums, sums.rows, sums.cols, kStripCols, 1};
    }
    const std::int64_t clipped =
        analog::read_sums<U>(pass_.tiles[tile].adc, readout, sums,
                             {buffers.totals, sums.rows, sums.cols, kStripCols, 1});
    if (clipped > 0) outputs_clipped_ += clipped;
    if (tile + 1 == pass_.tiles.size()) leave(strip, buffers.totals);
  }

  void draw_noise(const SumStrip<U>& strip, std::size_t tile, StripBuffers<U>& buffers) const {
    const auto width = static_cast<std::size_t>(strip.sums.cols);
    for (std::int64_t i = 0; i < strip.sums.rows; ++i) {
      pass_.white[tile].normals({buffers.normals, width}, pass_.draw.row_offset + strip.row + i,
                                strip.col, pass_.draw.call);
      double* const noise = buffers.noise + i * kStripCols;
      for (std::size_t j = 0; j < width; ++j) {
        const auto variance = static_cast<double>(strip.sums(i, static_cast<std::int64_t>(j)));
        noise[j] = std::sqrt(variance) * static_cast<double>(buffers.normals[j]);
      }
    }
  }

  /// Totals of all tiles to C, in its units.
  void leave(const SumStrip<U>& strip, const double* totals) {
    const double* const scale = pass_.scale.data() + strip.col;
    const auto width = static_cast<std::size_t>(strip.sums.cols);
    for (std::int64_t i = 0; i < strip.sums.rows; ++i) {
      const std::int64_t row = strip.row + i;
      const std::span<const double> total(totals + i * kStripCols, width);
      const double full_scale = scales_[static_cast<std::size_t>(row)];
      T out[kStripCols];
      const bool direct = c_.col_stride == 1;
      analog::store(total, scale, full_scale, direct ? &c_(row, strip.col) : out);
      if (direct) continue;
      for (std::size_t j = 0; j < width; ++j) {
        c_(row, strip.col + static_cast<std::int64_t>(j)) = out[j];
      }
    }
  }

  const Pass& pass_;
  const PackedTiles<U>& tiles_;
  const DrivenSide& a_;
  std::int64_t rows_;
  std::int64_t cols_;
  MatrixView<T> c_;
  std::vector<U>* inputs_;
  std::vector<double>& scales_;  // full scale of each input vector
  std::atomic<std::int64_t> inputs_clipped_{0};
  std::atomic<std::int64_t> outputs_clipped_{0};
};

/// True when the tile's sums are the result itself: one tile, no converter, no noise, no scale.
bool is_plain_product(const Pass& pass) {
  return pass.tiles.size() == 1 && !pass.scaled_inputs() && pass.white.empty() &&
         pass.tiles[0].gain.empty() && pass.tiles[0].array_per_sum == 1.0 &&
         std::all_of(pass.scale.begin(), pass.scale.end(), [](double s) { return s == 1.0; });
}

}  // namespace

template <class T, class U>
Saturation multiply(const Pass& pass, const PackedTiles<U>& tiles, const DrivenSide& a,
                    MatrixView<T> c, Workspace& workspace) {
  if constexpr (std::is_same_v<T, U>) {
    if (is_plain_product(pass) && a.source == nullptr) {
      gemm<U>(a.matrix.as<T>(), tiles.segments[0], c);
      return {};
    }
  }
  if (tiles.segments.empty()) {  // no inputs: empty sums
    for (std::int64_t i = 0; i < c.rows; ++i) {
      for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) = 0;
    }
    return {};
  }
  return Product<T, U>(pass, tiles, a, c, workspace).run();
}

template Saturation multiply<float, float>(const Pass&, const PackedTiles<float>&,
                                           const DrivenSide&, MatrixView<float>, Workspace&);
template Saturation multiply<float, double>(const Pass&, const PackedTiles<double>&,
                                            const DrivenSide&, MatrixView<float>, Workspace&);
template Saturation multiply<double, double>(const Pass&, const PackedTiles<double>&,
                                             const DrivenSide&, MatrixView<double>, Workspace&);

}  // namespace jb::crossbar
