// Ideal quantised cells in bytes, planes of inputs in bytes: whole numbers throughout.

#include <algorithm>

#include "backends/core/threads.h"
#include "backends/crossbar/sliced_base.h"
#include "backends/crossbar/sliced_kernel.h"

namespace jb::crossbar {
namespace {

using kernels::kBytesColumns;

/// Ideal quantised cells.
class BytesProduct final : public SlicedProduct {
 public:
  using SlicedProduct::SlicedProduct;

 private:
  [[nodiscard]] std::int64_t block_columns() const override { return kBytesColumns; }

  /// Planes in bytes: vector, tile, plane, row; and their sums.
  void prepare() override {
    start_.assign(1, 0);
    for (const auto& tile : operand_.tiles) {
      start_.push_back(start_.back() + tile.groups * 4 * planes_);
    }
    planes_bytes_.assign(at(rows_ * start_.back()), 0);
    sums_.assign(at(rows_ * pass_.inputs.tiles * planes_), 0);
    parallel_for(rows_, 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t v = begin; v < end; ++v) {
        for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) make_planes(v, t);
      }
    });
  }

  void make_planes(std::int64_t v, std::int64_t t) {
    const std::int64_t stride = operand_.tiles[at(t)].groups * 4;
    const float* const codes = codes_.data() + v * a_.cols + pass_.inputs.begin(t);
    std::int8_t* const out = planes_bytes_.data() + place_of(v, t);
    const int bits = planes_ > 1 ? config_.plane_bits : 8;
    for (int p = 0; p < planes_; ++p) {
      std::int32_t sum = 0;
      for (std::int64_t j = 0; j < pass_.inputs.length(t); ++j) {
        const auto code = static_cast<std::int32_t>(codes[j]);
        const std::int32_t magnitude = code < 0 ? -code : code;
        const std::int32_t digit = (magnitude >> (p * bits)) & ((1 << bits) - 1);
        const std::int32_t value = code < 0 ? -digit : digit;
        out[p * stride + j] = static_cast<std::int8_t>(value);
        sum += value;
      }
      sums_[at((v * pass_.inputs.tiles + t) * planes_ + p)] = sum;
    }
  }

  void multiply(std::int64_t first_col, std::int64_t count) override {
    thread_local std::vector<double> totals;
    totals.assign(at(rows_ * kBytesColumns), 0.0);
    std::int64_t clipped = 0;
    // Some vectors' planes and one slice's bytes stay in the caches.
    constexpr std::int64_t kVectorsPerTurn = 16;
    for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) {
      for (std::int64_t v = 0; v < rows_; v += kVectorsPerTurn) {
        const std::int64_t end = std::min(v + kVectorsPerTurn, rows_);
        for (int slice = 0; slice < slices_; ++slice) {
          clipped += read_slice(t, slice, first_col, count, v, end, totals);
        }
      }
    }
    count_clipped(clipped);
    for (std::int64_t v = 0; v < rows_; ++v) {
      leave(v, first_col, count, totals.data() + v * kBytesColumns);
    }
  }

  std::int64_t read_slice(std::int64_t t, int slice, std::int64_t first_col, std::int64_t count,
                          std::int64_t first_vector, std::int64_t last_vector,
                          std::vector<double>& totals) const {
    const SlicedOperand::Tile& tile = operand_.tiles[at(t)];
    const ComposedTile& behind = pass_.tiles[at(t)];
    const analog::Adc& behind_adc = adc(t, slice);
    float gain[kBytesColumns] = {};
    float offset[kBytesColumns] = {};
    for (std::int64_t j = 0; j < count && !behind.gain.empty(); ++j) {
      gain[j] = behind.gain[at((first_col + j) * slices_ + slice)];
      offset[j] = behind.offset[at((first_col + j) * slices_ + slice)];
    }
    bool flipped = false;
    for (std::int64_t j = 0; j < count; ++j) {
      flipped = flipped || pass_.cells->flipped(pass_.first_tile + t, first_col + j, slice);
    }
    const std::int64_t block = first_col < pass_.outputs
                                   ? first_col / kBytesColumns
                                   : (pass_.outputs + kBytesColumns - 1) / kBytesColumns +
                                         (first_col - pass_.outputs) / kBytesColumns;
    alignas(64) double codes[kBytesColumns];
    kernels::BytesWork work{};
    work.weights = tile.bytes.data() + (block * slices_ + slice) * tile.groups * 4 * kBytesColumns;
    work.plane_stride = tile.groups * 4;
    work.fours = tile.groups;
    work.count = planes_;
    work.plane_bits = planes_ > 1 ? config_.plane_bits : 0;
    work.shift = mapping_.differential() ? static_cast<std::int32_t>(mapping_.steps()) : 0;
    work.unit = pass_.array_per_sum();
    work.per_lsb = 1.0 / behind_adc.lsb();
    work.present = behind_adc.present();
    work.low = behind_adc.least_code();
    work.high = behind_adc.full_code();
    work.bias = behind_adc.bias();
    work.gain = behind.gain.empty() ? nullptr : gain;
    work.offset = offset;
    work.codes = codes;
    work.lanes = count == 32 ? 0xFFFFFFFFU : (1U << count) - 1U;
    work.per_code = slice_unit(t, slice);
    std::int64_t clipped = 0;
    for (std::int64_t v = first_vector; v < last_vector; ++v) {
      work.planes = planes_bytes_.data() + place_of(v, t);
      work.plane_sums = sums_.data() + (v * pass_.inputs.tiles + t) * planes_;
      double* const total = totals.data() + v * kBytesColumns;
      work.totals = flipped ? nullptr : total;
      clipped += sliced_kernel().bytes(work);
      if (!flipped) continue;
      for (std::int64_t j = 0; j < count; ++j) {
        total[j] += read(work.per_code, codes[j], t, first_col + j, slice, v);
      }
    }
    return clipped;
  }

  /// Where a vector's planes of a tile begin: vectors of one tile follow each other.
  [[nodiscard]] std::int64_t place_of(std::int64_t v, std::int64_t t) const {
    return start_[at(t)] * rows_ + v * (start_[at(t + 1)] - start_[at(t)]);
  }

  std::vector<std::int64_t> start_;
  std::vector<std::int8_t> planes_bytes_;
  std::vector<std::int32_t> sums_;
};

}  // namespace

Saturation multiply_bytes(const ComposedPass& pass, const SlicedOperand& operand,
                          MatrixView<const float> a, MatrixView<float> c, Workspace& workspace) {
  return BytesProduct(pass, operand, a, c, workspace).run();
}

}  // namespace jb::crossbar
