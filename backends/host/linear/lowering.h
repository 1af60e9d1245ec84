#pragma once
// Convolutions over up to three spatial dimensions as matrices: rows of A gathered from planes,
// rows of C stored to planes.

#include <array>
#include <cstdint>

#include "backends/core/inference/windows.h"
#include "backends/core/matrix.h"
#include "backends/core/row_source.h"
#include "backends/host/linear/operators.h"

namespace jb::host {

/// Windows as three dimensions, leading ones of size 1, and the channels of one group.
struct ConvGeometry {
  std::array<inference::Window, 3> w;
  std::int64_t in_channels = 1;   // of the whole tensor
  std::int64_t out_channels = 1;  // of the whole tensor
  std::int64_t groups = 1;
  std::int64_t images = 1;

  [[nodiscard]] std::int64_t area(std::int64_t inference::Window::*member) const noexcept {
    return w[0].*member * w[1].*member * w[2].*member;
  }
};

/// The input with its padding written out, so that every window lies inside; `g` becomes that of
/// the result. The input itself where nothing is missing, or padding is all there would be.
Tensor with_padding(ConvGeometry& g, const Tensor& x);

/// Lowered rows [first, first + count) of group `group`: (image, position) in order, each for every
/// channel of the group the taps of its window, zero in the padding. `x` outlives it.
template <class T>
class LoweredRows final : public RowSource<T> {
 public:
  LoweredRows(const ConvGeometry& g, const T* x, std::int64_t group, std::int64_t first,
              std::int64_t count);
  [[nodiscard]] std::int64_t rows() const noexcept override { return count_; }
  [[nodiscard]] std::int64_t cols() const noexcept override { return k_; }
  void read(std::int64_t first, std::int64_t count, T* to) const override;

 private:
  /// `count` rows of one image from a position on.
  void read_image(std::int64_t image, std::int64_t position, std::int64_t count, T* to) const;

  ConvGeometry g_;
  const T* x_;  // the group's first channel of the first image
  std::int64_t first_, count_;
  std::int64_t channels_;  // of the group
  std::int64_t plane_, positions_, k_;
  bool pointwise_;  // the image itself, position by position
  bool inside_;     // no window reaches into padding
};

/// Rows of C (position, channel), from lowered row `first` on, to planes of Y (channel, position),
/// with bias (null: none) and the node's functions. C is overwritten.
template <class T>
void store_rows(const Finish<T>& finish, const ConvGeometry& g, std::int64_t group,
                std::int64_t first, MatrixView<T> c, T* y);

}  // namespace jb::host
