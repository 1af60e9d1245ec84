#pragma once
// Codes of 8 bits for integer arithmetic, shared by all digital machines.
//
// Signed and symmetric: a tensor (or row, or column) with largest magnitude x has scale s = x /
// 127, or 1 when that is zero; code q = v / s rounded to nearest, ties to even, in -127 .. 127.
// Unsigned with a zero point: values from lo = min(0, least) to hi = max(0, largest) have scale
// s = (hi - lo) / 255 and zero point z = -lo / s rounded; code q = v / s rounded, plus z, in 0 ..
// 255.

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/core/matrix.h"

namespace jb {

inline constexpr double kLargestCode = 127;
inline constexpr double kLargestUnsignedCode = 255;
/// Largest k whose sum of products of signed codes cannot leave 32 bits: floor((2^31 - 1) / 127^2).
inline constexpr std::int64_t kLargestS8Depth = 133144;
/// Likewise for unsigned by signed codes: floor((2^31 - 1) / (255 x 127)).
inline constexpr std::int64_t kLargestU8S8Depth = 66311;

/// Ends of the values that calibration data showed: what a machine's full scale is set by.
struct InputSpan {
  double low = 0;
  double high = 0;

  constexpr InputSpan(double least, double largest) noexcept : low(least), high(largest) {}
  /// About zero.
  constexpr InputSpan(double magnitude) noexcept : InputSpan(-magnitude, magnitude) {}
  [[nodiscard]] constexpr double magnitude() const noexcept { return high > -low ? high : -low; }
};

/// What shares one scale of the stationary operand.
enum class WeightScale : std::uint8_t { per_tensor, per_column };

/// What shares one scale of the activations.
enum class InputScale : std::uint8_t { per_tensor, per_row };

/// Signed codes of B (k x n) with a scale for each column. Codes reach `largest_code`.
struct WeightCodes {
  Matrix<std::int8_t> codes;
  std::vector<double> scales;
};
WeightCodes weight_codes(MatrixView<const double> b, WeightScale scale,
                         double largest_code = kLargestCode);

/// Codes of A (m x k) with a scale and a zero point (0 for signed codes) for each row; the memory
/// is reused from call to call.
template <class Code>
struct InputCodes {
  Matrix<Code> codes;
  std::vector<double> scales;
  std::vector<std::int32_t> zero_points;
  std::int64_t saturated = 0;  ///< elements beyond a given range
};

/// Quantises A row by row, so that cutting it into blocks of rows changes nothing; with one scale
/// for all rows; or for `range`, beyond which codes saturate (signed codes reach to its magnitude,
/// unsigned ones from its lower end or 0 to its upper end or 0). f32 or f64. Code: std::int8_t or
/// std::uint8_t.
template <class Code>
void quantise_inputs(const ConstMatrixRef& a, InputScale scale,
                     const std::optional<InputSpan>& range, InputCodes<Code>& out);

/// What turns sums of products of codes back into numbers: the row's scale and zero point, and the
/// columns' scales and the sums that a zero point of one would add to them (may be empty where all
/// zero points are 0).
struct SumScales {
  const std::vector<double>& row_scales;
  const std::vector<std::int32_t>& zero_points;
  const std::vector<double>& column_scales;
  const std::vector<std::int32_t>& column_sums;
};

/// C(i, j) = (sum(i, j) - zero_point(i) column_sum(j)) row_scale(i) column_scale(j), in double
/// precision and this order.
void scale_sums(MatrixView<const std::int32_t> sums, const SumScales& scales, const MatrixRef& c);

}  // namespace jb
