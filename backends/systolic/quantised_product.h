#pragma once
// Exact signed 8-bit products with 32-bit accumulation, as an integer array computes them. Codes
// and scales are those of backends/core/quantise.h. An element of the result is (sum of q_a q_b)
// s_a s_b in double precision, in this order.

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/core/gemm.h"
#include "backends/core/matrix.h"
#include "backends/core/quantise.h"

namespace jb::systolic {

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
                                const MatrixRef& c, const std::optional<InputSpan>& range = {});

}  // namespace jb::systolic
