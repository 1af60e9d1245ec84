#include "backends/crossbar/product.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <type_traits>

#include "backends/core/threads.h"

namespace jb::crossbar {
namespace {

// Rows handled together: enough for the product routine to reuse a panel of weights, few enough for
// the sums of a block to stay in cache. Few rows are cut finer so that two threads have work.
constexpr std::int64_t kBlockRows = 64;
constexpr std::int64_t kSmallBlockRows = 16;
constexpr std::int64_t kBlockElements = 1 << 19;

std::int64_t block_rows(std::int64_t rows, std::int64_t outputs) {
  const std::int64_t wanted = rows >= 2 * kBlockRows ? kBlockRows : kSmallBlockRows;
  return std::clamp<std::int64_t>(kBlockElements / std::max<std::int64_t>(outputs, 1), 1, wanted);
}

template <class T>
double full_scale_of(const Config& config, MatrixView<const T> a, std::int64_t row) {
  if (config.input_range == InputRange::fixed) return config.input_max;
  double largest = 0;
  for (std::int64_t j = 0; j < a.cols; ++j) {
    largest = std::max(largest, std::abs(static_cast<double>(a(row, j))));
  }
  return largest;
}

/// Codes of one row of A; returns how many inputs were clipped.
template <class T, class U>
std::int64_t encode(const analog::Dac& dac, MatrixView<const T> a, std::int64_t row,
                    double full_scale, U* codes) {
  if (full_scale == 0) {
    std::fill(codes, codes + a.cols, U{0});
    return 0;
  }
  std::int64_t clipped = 0;
  for (std::int64_t j = 0; j < a.cols; ++j) {
    const double x = static_cast<double>(a(row, j)) / full_scale;
    clipped += std::abs(x) > 1.0 ? 1 : 0;
    codes[j] = static_cast<U>(dac.code(x));
  }
  return dac.bits > 0 ? clipped : 0;
}

/// Buffers of one block of rows.
template <class U>
struct Workspace {
  Matrix<U> codes;             // block x inputs
  Matrix<U> sums;              // block x outputs
  Matrix<U> squares;           // block x inputs, only with per-product noise
  Matrix<U> variances;         // block x outputs, only with per-product noise
  Matrix<double> totals;       // block x outputs, array units
  std::vector<double> scales;  // full scale of each input vector
  std::vector<float> normals;
  std::vector<double> noise;
};

template <class T, class U>
class Block {
 public:
  Block(const Pass& pass, const PackedTiles<U>& tiles, MatrixView<const T> a, MatrixView<T> c,
        std::int64_t first_row)
      : pass_(pass), tiles_(tiles), a_(a), c_(c), first_row_(first_row) {
    work_.codes = Matrix<U>(a.rows, a.cols);
    work_.sums = Matrix<U>(a.rows, pass.outputs);
    work_.totals = Matrix<double>(a.rows, pass.outputs);
    work_.scales.assign(static_cast<std::size_t>(a.rows), 1.0);
    if (pass.white.empty()) return;
    work_.squares = Matrix<U>(a.rows, a.cols);
    work_.variances = Matrix<U>(a.rows, pass.outputs);
    work_.normals.resize(static_cast<std::size_t>(pass.outputs));
    work_.noise.resize(static_cast<std::size_t>(pass.outputs));
  }

  Saturation run() {
    Saturation seen;
    seen.inputs_clipped = encode_rows();
    for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) seen.outputs_clipped += run_tile(t);
    for (std::int64_t i = 0; i < a_.rows; ++i) {
      const double full_scale = work_.scales[static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; j < pass_.outputs; ++j) {
        c_(i, j) = static_cast<T>(work_.totals(i, j) * pass_.scale[static_cast<std::size_t>(j)] *
                                  full_scale);
      }
    }
    return seen;
  }

 private:
  std::int64_t encode_rows() {
    std::int64_t clipped = 0;
    for (std::int64_t i = 0; i < a_.rows; ++i) {
      U* codes = work_.codes.data() + i * a_.cols;
      if (!pass_.scaled_inputs()) {
        for (std::int64_t j = 0; j < a_.cols; ++j) codes[j] = static_cast<U>(a_(i, j));
        continue;
      }
      const double full_scale = full_scale_of(*pass_.config, a_, i);
      work_.scales[static_cast<std::size_t>(i)] = full_scale;
      clipped += encode(pass_.config->dac, a_, i, full_scale, codes);
    }
    if (!pass_.white.empty()) {
      const U unit = static_cast<U>(1.0 / pass_.config->dac.full_code());
      for (std::int64_t i = 0; i < work_.codes.size(); ++i) {
        const U x = work_.codes.data()[i] * unit;
        work_.squares.data()[i] = x * x;
      }
    }
    return clipped;
  }

  std::int64_t run_tile(std::int64_t t) {
    const auto tile = static_cast<std::size_t>(t);
    const std::int64_t begin = pass_.inputs.begin(t);
    const std::int64_t length = pass_.inputs.length(t);
    const Matrix<U>& codes = work_.codes;
    gemm<U>(codes.view().block(0, begin, a_.rows, length), tiles_.weights[tile], work_.sums.view());
    if (!pass_.white.empty()) {
      const Matrix<U>& squares = work_.squares;
      gemm<U>(squares.view().block(0, begin, a_.rows, length), tiles_.variances[tile],
              work_.variances.view());
    }
    const auto width = static_cast<std::size_t>(pass_.outputs);
    std::int64_t clipped = 0;
    for (std::int64_t i = 0; i < a_.rows; ++i) {
      draw_noise(tile, i);
      const std::span<const U> sums(work_.sums.data() + i * pass_.outputs, width);
      const std::span<double> totals(work_.totals.data() + i * pass_.outputs, width);
      clipped += pass_.tiles[tile].convert(sums, std::span<const double>(work_.noise), totals);
    }
    return clipped;
  }

  void draw_noise(std::size_t tile, std::int64_t row) {
    if (pass_.white.empty()) return;
    pass_.white[tile].normals(work_.normals, pass_.draw.row_offset + first_row_ + row, 0,
                              pass_.draw.call);
    for (std::int64_t j = 0; j < pass_.outputs; ++j) {
      const auto col = static_cast<std::size_t>(j);
      work_.noise[col] = std::sqrt(static_cast<double>(work_.variances(row, j))) *
                         static_cast<double>(work_.normals[col]);
    }
  }

  const Pass& pass_;
  const PackedTiles<U>& tiles_;
  MatrixView<const T> a_;
  MatrixView<T> c_;
  std::int64_t first_row_;
  Workspace<U> work_;
};

/// True when the tile's sums are the result itself: one tile, no converter, no noise, no scale.
bool is_plain_product(const Pass& pass) {
  return pass.tiles.size() == 1 && !pass.scaled_inputs() && pass.white.empty() &&
         pass.tiles[0].gain.empty() && pass.tiles[0].array_per_sum == 1.0 &&
         std::all_of(pass.scale.begin(), pass.scale.end(), [](double s) { return s == 1.0; });
}

}  // namespace

template <class U>
std::int64_t TileOutput::convert(std::span<const U> sums, std::span<const double> noise,
                                 std::span<double> total) const {
  std::int64_t clipped = 0;
  const double per_sum = adc.present() ? lsb_per_sum : array_per_sum;
  const double per_noise = 1.0 / adc.lsb();  // adc.lsb() is 1 without a converter
  for (std::size_t j = 0; j < sums.size(); ++j) {
    double z = static_cast<double>(sums[j]) * per_sum;
    if (!noise.empty()) z += noise[j] * per_noise;
    if (!gain.empty()) z *= 1.0 + static_cast<double>(gain[j]);
    if (!offset.empty()) z += static_cast<double>(offset[j]);
    if (adc.present()) {
      clipped += adc.clips(z) ? 1 : 0;
      z = adc.convert(z) * adc.lsb();
    }
    total[j] += z;
  }
  return clipped;
}

template <class T, class U>
Saturation multiply(const Pass& pass, const PackedTiles<U>& tiles, MatrixView<const T> a,
                    MatrixView<T> c) {
  if constexpr (std::is_same_v<T, U>) {
    if (is_plain_product(pass)) {
      gemm<U>(a, tiles.weights[0], c);
      return {};
    }
  }
  std::atomic<std::int64_t> inputs_clipped{0};
  std::atomic<std::int64_t> outputs_clipped{0};
  parallel_for(a.rows, block_rows(a.rows, pass.outputs), [&](std::int64_t begin, std::int64_t end) {
    Block<T, U> block(pass, tiles, a.block(begin, 0, end - begin, a.cols),
                      c.block(begin, 0, end - begin, c.cols), begin);
    const Saturation seen = block.run();
    inputs_clipped += seen.inputs_clipped;
    outputs_clipped += seen.outputs_clipped;
  });
  return {inputs_clipped, pass.config->dac.bits > 0 ? a.rows * a.cols : 0, outputs_clipped,
          pass.config->adc_bits > 0 ? a.rows * pass.outputs * pass.inputs.tiles : 0};
}

template std::int64_t TileOutput::convert<float>(std::span<const float>, std::span<const double>,
                                                 std::span<double>) const;
template std::int64_t TileOutput::convert<double>(std::span<const double>, std::span<const double>,
                                                  std::span<double>) const;
template Saturation multiply<float, float>(const Pass&, const PackedTiles<float>&,
                                           MatrixView<const float>, MatrixView<float>);
template Saturation multiply<float, double>(const Pass&, const PackedTiles<double>&,
                                            MatrixView<const float>, MatrixView<float>);
template Saturation multiply<double, double>(const Pass&, const PackedTiles<double>&,
                                             MatrixView<const double>, MatrixView<double>);

}  // namespace jb::crossbar
