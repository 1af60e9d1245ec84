#include "backends/core/conv.h"

#include <limits>

#include "backends/core/error.h"

namespace jb {

std::int64_t ConvShape::out_h() const noexcept {
  return (height + 2 * pad - dilation * (kernel_h - 1) - 1) / stride + 1;
}

std::int64_t ConvShape::out_w() const noexcept {
  return (width + 2 * pad - dilation * (kernel_w - 1) - 1) / stride + 1;
}

GemmShape ConvShape::gemm() const noexcept {
  return {images * out_h() * out_w(), out_channels / groups,
          in_channels / groups * kernel_h * kernel_w};
}

ConvExtent ConvShape::extent() const noexcept {
  const double input = static_cast<double>(images) * static_cast<double>(in_channels / groups) *
                       static_cast<double>(height) * static_cast<double>(width);
  return {gemm(), input, groups};
}

void check_computable(const ConvShape& shape, const std::string& where) {
  // 2^20 per dimension keeps every product below in range before it is formed.
  constexpr std::int64_t kMaxDimension = std::int64_t{1} << 20;
  const std::int64_t dimensions[] = {
      shape.images,   shape.in_channels, shape.height, shape.width,    shape.out_channels,
      shape.kernel_h, shape.kernel_w,    shape.stride, shape.dilation, shape.groups};
  for (const std::int64_t d : dimensions) {
    if (d < 1 || d > kMaxDimension) {
      fail_usage("{}: every size of a convolution must lie in 1..{}, not {}", where, kMaxDimension,
                 d);
    }
  }
  if (shape.pad < 0 || shape.pad > kMaxDimension) {
    fail_usage("{}: padding must lie in 0..{}, not {}", where, kMaxDimension, shape.pad);
  }
  if (shape.in_channels % shape.groups != 0 || shape.out_channels % shape.groups != 0) {
    fail_usage("{}: {} groups must divide {} input and {} output channels", where, shape.groups,
               shape.in_channels, shape.out_channels);
  }
  const std::int64_t reach_h = shape.dilation * (shape.kernel_h - 1) + 1;
  const std::int64_t reach_w = shape.dilation * (shape.kernel_w - 1) + 1;
  if (reach_h > shape.height + 2 * shape.pad || reach_w > shape.width + 2 * shape.pad) {
    fail_usage("{}: a kernel reaching {} x {} does not fit the padded input of {} x {}", where,
               reach_h, reach_w, shape.height + 2 * shape.pad, shape.width + 2 * shape.pad);
  }
  const double input = static_cast<double>(shape.images) * static_cast<double>(shape.in_channels) *
                       static_cast<double>(shape.height) * static_cast<double>(shape.width);
  const double rows = static_cast<double>(shape.images) * static_cast<double>(shape.out_h()) *
                      static_cast<double>(shape.out_w());
  constexpr double kMaxElements = 70368744177664.0;  // 2^46, as for products
  if (input > kMaxElements || rows > kMaxElements) {
    fail_usage("{}: input and output positions must stay below 2^46", where);
  }
  check_computable(shape.gemm(), where);
}

template <class T>
ConvLowering<T>::ConvLowering(const ConvShape& shape, const T* input, std::int64_t group)
    : shape_(shape), input_(input), group_(group), rows_(shape.gemm().m), cols_(shape.gemm().k) {}

template <class T>
T ConvLowering<T>::at(std::int64_t row, std::int64_t col) const noexcept {
  const std::int64_t q = row % shape_.out_w();
  const std::int64_t p = row / shape_.out_w() % shape_.out_h();
  const std::int64_t image = row / (shape_.out_w() * shape_.out_h());
  const std::int64_t s = col % shape_.kernel_w;
  const std::int64_t r = col / shape_.kernel_w % shape_.kernel_h;
  const std::int64_t channel =
      group_ * (shape_.in_channels / shape_.groups) + col / (shape_.kernel_w * shape_.kernel_h);
  const std::int64_t y = p * shape_.stride - shape_.pad + r * shape_.dilation;
  const std::int64_t x = q * shape_.stride - shape_.pad + s * shape_.dilation;
  if (y < 0 || y >= shape_.height || x < 0 || x >= shape_.width) return T{0};
  return input_[((image * shape_.in_channels + channel) * shape_.height + y) * shape_.width + x];
}

template <class T>
void ConvLowering<T>::gather(std::int64_t first, MatrixView<T> out) const {
  for (std::int64_t i = 0; i < out.rows; ++i) {
    for (std::int64_t j = 0; j < out.cols; ++j) out(i, j) = at(first + i, j);
  }
}

template class ConvLowering<float>;
template class ConvLowering<double>;

}  // namespace jb
