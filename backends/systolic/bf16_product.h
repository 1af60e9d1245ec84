#pragma once
// Products of bfloat16 operands with sums in f32, rounded where an array rounds them.
//
// An operand is rounded to bfloat16 (nearest, ties to even). The product of two is exact in f32 (16
// bits of significand). A sum starts from zero at the first element of a fold and takes up its
// products one by one, in the order of k; what leaves the fold is added to what earlier folds left.
// Each addition rounds to f32.

#include <cstdint>

#include "backends/core/matrix.h"

namespace jb::systolic {

/// Row-major copy of `x` in values that bfloat16 has.
Matrix<float> rounded_to_bf16(MatrixView<const double> x);

/// C = A B. A: m x k, rounded here; B: k x n of rounded values; folds of `depth` (at least 1) rows
/// of B. A and C f32 or f64, of one type. The same for any thread count and any cut of A's rows.
void multiply_bf16(const ConstMatrixRef& a, const Matrix<float>& b, std::int64_t depth,
                   const MatrixRef& c);

}  // namespace jb::systolic
