#pragma once
// Products that are put together from several converted readings per output: slices of weights,
// planes of inputs, offset weights with their digital correction, clipped column currents, gated
// cells. This is the general way, for any device; sliced_product.h has the fast one for common
// devices.
//
// Work is cut into blocks of 64 vectors x 64 columns, whose sums never leave the cache.

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "backends/core/gemm.h"
#include "backends/core/random.h"
#include "backends/crossbar/cell_array.h"
#include "backends/crossbar/config.h"
#include "backends/crossbar/product.h"

namespace jb::crossbar {

inline constexpr std::int64_t kBlock = 64;  // vectors, and columns

/// What stands behind the columns of one row of tiles.
struct ComposedTile {
  std::vector<analog::Adc> adc;   ///< per slice
  std::span<const float> gain;    ///< static gain error per (column, slice); empty: none
  std::span<const float> offset;  ///< static offset per (column, slice), in steps
};

/// Samples of every `stride`-th column, in array units.
struct Samples {
  std::int64_t stride = 1;
  std::vector<std::vector<float>> of_slice;
  std::mutex mutex;
};

/// Everything that one execute computes with.
struct ComposedPass {
  const Config* config = nullptr;
  const CellArray* cells = nullptr;
  bool transposed = false;
  std::int64_t first_tile = 0;  ///< which tile of inputs is the first of `inputs`
  Partition inputs;             ///< of the driven side
  Partition output_tiles;       ///< of the converted side: each has a unit column
  std::int64_t outputs = 0;     ///< of the product
  std::int64_t columns = 0;     ///< outputs, then unit columns
  std::vector<ComposedTile> tiles;
  std::vector<RandomStream> white;  ///< one per tile of inputs; empty without per-product noise
  std::vector<double> scale;        ///< per output: units of B per array unit, calibration included
  std::vector<double> slice_factors;  ///< digital, of each slice's codes; empty: 1
  Draw draw;
  /// Where samples in front of converters go, in any order; null: nowhere.
  Samples* samples = nullptr;

  [[nodiscard]] bool unit_columns() const noexcept { return columns > outputs; }
  /// Times that the array is read for one input: planes, or 1 where their sum is all that counts.
  [[nodiscard]] int readings() const noexcept;
  /// Array units per product of an input code of one reading and an effective weight.
  [[nodiscard]] double array_per_sum() const noexcept;
  /// Share of a whole input that a reading's full scale stands for, lowest plane first, is
  /// reading_unit() 2^(plane_bits reading).
  [[nodiscard]] double reading_unit() const noexcept;
  [[nodiscard]] double slice_factor(int slice) const noexcept {
    return slice_factors.empty() ? 1.0 : slice_factors[static_cast<std::size_t>(slice)];
  }
  [[nodiscard]] bool scaled_inputs() const noexcept {
    return config->dac.bits > 0 || config->adc_bits > 0 || config->current_limit > 0;
  }
};

/// Effective weights packed by tile of inputs, lane and block of columns; unit columns in blocks of
/// their own.
template <class U>
struct PackedLanes {
  std::int64_t blocks = 0;
  std::vector<PackedMatrix<U>> weights;    ///< [tile][lane][block]
  std::vector<PackedMatrix<U>> variances;  ///< the same, of per-product noise; or empty
  std::vector<Matrix<double>> gated;  ///< [tile][lane]: conductances, column by column; or empty
};

/// Packs effective weights (driven side x (column, lane)).
template <class U>
PackedLanes<U> pack_lanes(const ComposedPass& pass, MatrixView<const U> effective,
                          MatrixView<const U> variances);

/// Sums of a block of vectors and columns, as analog values before any converter.
class SumSource {
 public:
  virtual ~SumSource() = default;
  /// Moves on to a reading of a tile.
  virtual void select(std::int64_t tile, int reading) = 0;
  /// Sums of codes: out[vector * kBlock + column].
  virtual void sums(int lane, std::int64_t first_col, std::int64_t cols, double* out) = 0;
  /// Variances of their per-product noise, in array units squared.
  virtual void variances(int lane, std::int64_t first_col, std::int64_t cols, double* out) = 0;
  /// Sum of a vector's inputs in the selected tile, relative to full scale.
  [[nodiscard]] virtual double input_sum(std::int64_t vector) const = 0;
};

/// Row of the noise stream for a lane of a column in one reading; its columns are vectors.
std::int64_t noise_row(const ComposedPass& pass, std::int64_t col, int lane, int reading) noexcept;

/// Reads `vectors` x `cols` outputs through the converters: totals[vector * kBlock + column], in
/// array units of the lowest slice, the middle of offset weights not yet subtracted. `first_vector`
/// counts vectors in the whole batch. Returns the samples clipped.
std::int64_t read_block(const ComposedPass& pass, SumSource& source, std::int64_t first_vector,
                        std::int64_t vectors, std::int64_t first_col, std::int64_t cols,
                        double* totals);

/// C = A B; on entry the workspace's full scales are the largest magnitudes in the rows of A.
template <class T, class U>
Saturation multiply_composed(const ComposedPass& pass, const PackedLanes<U>& lanes,
                             MatrixView<const T> a, MatrixView<T> c, Workspace& workspace);

}  // namespace jb::crossbar
