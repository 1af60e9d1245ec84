#pragma once
// Loops of quantisation that exist once per instruction set (quantise_kernel.inc) and give the same
// bytes on each.

#include <cstdint>

namespace jb::kernels {

/// Rows of n contiguous elements of T, float or double.
template <class T>
struct QuantiseKernel {
  /// Widens [least, largest] to hold the elements.
  void (*range)(const T* x, std::int64_t n, double& least, double& largest);
  /// x / scale rounded to nearest, ties to even, within +-largest.
  void (*signed_codes)(const T* x, std::int64_t n, double scale, double largest, std::int8_t* out);
  /// The same plus the zero point, within 0 .. 255.
  void (*unsigned_codes)(const T* x, std::int64_t n, double scale, double zero_point,
                         std::uint8_t* out);
  /// (sum - zero_point offset) row_scale column_scale, in double precision and this order.
  void (*scale_sums)(const std::int32_t* sums, std::int64_t n, double row_scale,
                     std::int32_t zero_point, const std::int32_t* offsets,
                     const double* column_scales, T* out);
};

namespace baseline {
extern const QuantiseKernel<float> kQuantiseFloat;
extern const QuantiseKernel<double> kQuantiseDouble;
}  // namespace baseline
namespace avx2 {
extern const QuantiseKernel<float> kQuantiseFloat;
extern const QuantiseKernel<double> kQuantiseDouble;
}  // namespace avx2
namespace avx512 {
extern const QuantiseKernel<float> kQuantiseFloat;
extern const QuantiseKernel<double> kQuantiseDouble;
}  // namespace avx512

}  // namespace jb::kernels
