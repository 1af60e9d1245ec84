#pragma once
// Convolution as a description of a product, not a copy: which input element stands at (row,
// column) of the lowered A. Rows are output positions (image, then y, then x), columns are
// (channel, r, s).

#include <cstdint>
#include <string>

#include "backends/core/matrix.h"
#include "backends/core/shape.h"

namespace jb {

/// What the traffic of a convolution depends on, whatever its dimensions and padding.
struct ConvExtent {
  GemmShape product;  ///< of each group
  double input = 0;   ///< elements that each group reads of the input, padding left out
  std::int64_t groups = 1;
};

/// NCHW input, KCRS weights, symmetric stride, padding and dilation.
struct ConvShape {
  std::int64_t images = 1;        ///< N
  std::int64_t in_channels = 1;   ///< C
  std::int64_t height = 1;        ///< H
  std::int64_t width = 1;         ///< W
  std::int64_t out_channels = 1;  ///< K
  std::int64_t kernel_h = 1;      ///< R
  std::int64_t kernel_w = 1;      ///< S
  std::int64_t stride = 1;
  std::int64_t pad = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;

  [[nodiscard]] std::int64_t out_h() const noexcept;
  [[nodiscard]] std::int64_t out_w() const noexcept;
  /// Shape of one group's product: m = N P Q, n = K / groups, k = C R S / groups.
  [[nodiscard]] GemmShape gemm() const noexcept;
  [[nodiscard]] ConvExtent extent() const noexcept;
  [[nodiscard]] double macs() const noexcept { return gemm().macs() * static_cast<double>(groups); }
  bool operator==(const ConvShape&) const = default;
};

/// Refuses (ErrorCode::usage) shapes without an output, indivisible groups and overflowing sizes.
void check_computable(const ConvShape& shape, const std::string& where);

/// Lowered A of one group, described: gathers any block of rows on demand.
template <class T>
class ConvLowering {
 public:
  /// `input` is NCHW, contiguous; it must outlive the lowering.
  ConvLowering(const ConvShape& shape, const T* input, std::int64_t group);

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  /// Element (row, col) of the lowered matrix; zero where padding stands.
  [[nodiscard]] T at(std::int64_t row, std::int64_t col) const noexcept;
  /// Writes rows [first, first + out.rows) of the lowered matrix into `out` (out.cols == cols()).
  void gather(std::int64_t first, MatrixView<T> out) const;

 private:
  ConvShape shape_;
  const T* input_;
  std::int64_t group_;
  std::int64_t rows_;
  std::int64_t cols_;
};

}  // namespace jb
