#pragma once
// What converters do to a row of values, vectorised with run-time dispatch; the arithmetic is that
// of Dac and Adc (converter.h) in float64, equal on every instruction set.
//
// S is the host's type (float, double), T the type of codes (std::int8_t, float, double).

#include <cstdint>
#include <span>

#include "backends/analog/converter.h"
#include "backends/core/matrix.h"

namespace jb::analog {

/// Full scales below this drive nothing: their reciprocal would overflow.
inline constexpr double kLeastFullScale = 1e-290;

/// 1 / full scale, or 0 below kLeastFullScale.
[[nodiscard]] inline double reciprocal_of(double full_scale) noexcept {
  return full_scale > kLeastFullScale ? 1.0 / full_scale : 0.0;
}

/// Largest |x|; 0 for an empty row.
template <class S>
double largest_magnitude(const S* x, std::int64_t n) noexcept;

/// codes[j] = dac.code(x[j] / full_scale), or 0 below kLeastFullScale. The DAC must have bits, and
/// its codes must fit T.
template <class S, class T>
void encode(const Dac& dac, const S* x, std::int64_t n, double full_scale, T* codes) noexcept;

/// z (in LSB) becomes adc.convert(z); returns how many clipped. The ADC must be present.
std::int64_t digitise(const Adc& adc, std::span<double> z) noexcept;

/// d[j] = x[j] * (gain * factor[j]). X: float, double or std::int32_t.
template <class X>
void scale(const X* x, double gain, const double* factor, std::span<double> d) noexcept;

/// d[j] += sqrt(constant + slope[j] * per_slope) * z[j], the deviation taken in float precision.
void add_normals(std::span<double> d, const float* z, const double* slope, double constant,
                 double per_slope) noexcept;

/// d is clipped to +-limit; returns how many were.
std::int64_t clip(std::span<double> d, double limit) noexcept;

/// What an array's sums go through before they are added digitally.
struct SumReadout {
  double array_per_sum = 1;       ///< the array's unit per sum, where there is no ADC
  double lsb_per_sum = 1;         ///< the same in steps of the ADC
  const double* noise = nullptr;  ///< laid out as the totals, in the array's unit; null: none
  const float* gain = nullptr;    ///< static gain error per output; null: none
  const float* offset = nullptr;  ///< static offset per output in steps; null: none
};

/// Digitises rows of sums and adds the results, in the array's unit, to `total`; returns how many
/// samples clipped. Both have contiguous rows. U: float or double.
template <class U>
std::int64_t read_sums(const Adc& adc, const SumReadout& readout, MatrixView<const U> sums,
                       MatrixView<double> total) noexcept;

/// out[j] = d[j] * factor[j] * scale (products from left to right), rounded to S once.
template <class S>
void store(std::span<const double> d, const double* factor, double scale, S* out) noexcept;
/// out[j] = d[j] * scale, rounded to S once.
template <class S>
void store(std::span<const double> d, double scale, S* out) noexcept;

}  // namespace jb::analog
