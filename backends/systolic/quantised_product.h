#pragma once
// Exact signed 8-bit products with 32-bit accumulation, as an integer array computes them.
//
// Symmetric quantisation: a tensor (or row, or column) with largest magnitude x has scale
// s = x / 127, or 1 when that is zero; code q = v / s rounded to nearest, ties to even, in -127 ..
// 127. An element of the result is (sum of q_a q_b) s_a s_b in double precision, in this order.

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/core/gemm.h"
#include "backends/core/matrix.h"

namespace jb::systolic {

inline constexpr double kLargestCode = 127;
/// Largest k whose sum cannot leave 32 bits: floor((2^31 - 1) / 127^2).
inline constexpr std::int64_t kLargestDepth = 133144;

enum class WeightScale : std::uint8_t { per_tensor, per_column };

/// Codes of a stationary operand with a scale for each column.
struct QuantisedWeights {
  PackedMatrix<std::int8_t> codes;
  std::vector<double> scales;  ///< one per column
};

/// Quantises B (k x n).
QuantisedWeights quantise_weights(MatrixView<const double> b, WeightScale scale);

/// C = A B through integers; A is quantised row by row, so that cutting it into blocks of rows
/// changes nothing, or with one scale for `range`, beyond which it saturates. A: m x k and C: m x
/// n, f32 or f64, of one type. Returns how many elements of A saturated.
std::int64_t multiply_quantised(const ConstMatrixRef& a, const QuantisedWeights& b,
                                const MatrixRef& c, std::optional<double> range = {});

}  // namespace jb::systolic
