#pragma once
// A convolution as training sees it: matrices around its product, and their gradients.
//
// Images and maps are rows, a sample each, channel by channel (C H W). The product is that of
// lowered rows (backends/core/conv.h): a row for each sample and output position, C R S long, times
// W (C R S x K), which gives K channels. What each step does has an adjoint, which takes gradients
// back:
//   lower     gathers windows      raise   adds windows up
//   to_maps   positions -> maps    to_rows maps -> positions
//   pool      windows -> one       unpool  one -> windows

#include <cstdint>

#include "backends/core/conv.h"
#include "backends/core/matrix.h"
#include "backends/energy/periphery.h"

namespace jb::models {

/// Pooling without padding; a kernel of 1 is none.
struct Pooling {
  bool average = false;  ///< else the largest
  std::int64_t kernel = 1;
  std::int64_t stride = 1;

  [[nodiscard]] bool present() const noexcept { return kernel > 1 || stride > 1; }
};

class ConvStage {
 public:
  /// `shape` is that of one image in one group.
  ConvStage(const ConvShape& shape, const Pooling& pooling) : shape_(shape), pooling_(pooling) {}

  [[nodiscard]] const ConvShape& shape() const noexcept { return shape_; }
  [[nodiscard]] const Pooling& pooling() const noexcept { return pooling_; }
  /// Of the output, of one image: rows of the product.
  [[nodiscard]] std::int64_t positions() const noexcept { return shape_.out_h() * shape_.out_w(); }
  [[nodiscard]] std::int64_t input_size() const noexcept {
    return shape_.in_channels * shape_.height * shape_.width;
  }
  [[nodiscard]] std::int64_t map_size() const noexcept { return shape_.out_channels * positions(); }
  [[nodiscard]] std::int64_t output_size() const noexcept {
    return shape_.out_channels * pooled_h() * pooled_w();
  }

  void lower(MatrixView<const float> images, MatrixView<float> rows) const;
  void raise(MatrixView<const float> rows, MatrixView<float> images) const;
  void to_maps(MatrixView<const float> rows, MatrixView<float> maps) const;
  void to_rows(MatrixView<const float> maps, MatrixView<float> rows) const;
  void pool(MatrixView<const float> maps, MatrixView<float> pooled) const;
  /// `maps`: what was pooled; of equal largest values the first takes the gradient.
  void unpool(MatrixView<const float> pooled, MatrixView<const float> maps,
              MatrixView<float> gradient) const;

  /// Of a digital unit: pooling forward, its gradient, and adding windows up.
  [[nodiscard]] PeripheryWork pool_work(double samples) const noexcept;
  [[nodiscard]] PeripheryWork unpool_work(double samples) const noexcept;
  [[nodiscard]] PeripheryWork raise_work(double samples) const noexcept;

 private:
  [[nodiscard]] std::int64_t pooled_h() const noexcept {
    return (shape_.out_h() - pooling_.kernel) / pooling_.stride + 1;
  }
  [[nodiscard]] std::int64_t pooled_w() const noexcept {
    return (shape_.out_w() - pooling_.kernel) / pooling_.stride + 1;
  }
  /// Calls body(map, pooled) for each plane of each sample, in parallel over samples.
  template <class Body>
  void each_plane(std::int64_t samples, Body body) const;

  ConvShape shape_;
  Pooling pooling_;
};

}  // namespace jb::models
