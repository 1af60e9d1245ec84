#pragma once
// The fast way through composed products for common devices, on AVX-512: planes of one bit on noisy
// cells by look-up tables, quantised ideal cells in bytes (sliced_kernel.inc). The same results as
// composed_product.h: bit for bit with bytes, to float32 sums with look-ups.

#include <cstdint>
#include <span>
#include <vector>

#include "backends/core/function_ref.h"
#include "backends/crossbar/composed_product.h"

namespace jb::crossbar {

enum class SlicedWay : std::uint8_t { none, look_up, bytes };

/// Which way a device's products go on this computer.
[[nodiscard]] SlicedWay sliced_way(const ComposedPass& pass);

/// Effective weights laid out for it.
struct SlicedOperand {
  SlicedWay way = SlicedWay::none;
  struct Tile {
    std::int64_t groups = 0;       ///< of six rows (look-up) or four (bytes)
    std::vector<float> rows;       ///< look-up: (column, lane) by rows, padded with zeros
    std::vector<float> variances;  ///< the same; or empty
    std::vector<float> sums;       ///< of all rows, per (column, lane)
    std::vector<float> variance_sums;
    std::vector<std::uint8_t> bytes;  ///< block of 32 columns, slice, four rows, column
  };
  std::vector<Tile> tiles;
};

/// Lays out effective weights (driven side x (column, lane)).
[[nodiscard]] SlicedOperand lay_out(const ComposedPass& pass, MatrixView<const float> effective,
                                    MatrixView<const float> variances);

/// Fills a row of effective weights, (column, lane); called from several threads.
using RowOfWeights = FunctionRef<void(std::int64_t row, std::span<float> out)>;

/// The same for look-ups on rows as they are driven, row by row and into the memory that `operand`
/// already has: what a step in age takes. `variances` only for noisy passes.
void lay_out_by_rows(const ComposedPass& pass, RowOfWeights effective, RowOfWeights variances,
                     SlicedOperand& operand);

/// C = A B; on entry the workspace's full scales are the largest magnitudes in the rows of A.
Saturation multiply_sliced(const ComposedPass& pass, const SlicedOperand& operand,
                           MatrixView<const float> a, MatrixView<float> c, Workspace& workspace);

}  // namespace jb::crossbar
