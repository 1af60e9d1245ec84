#pragma once
// Operands of GEMM and convolution points: part of the op's definition, the same on every machine.
//
// Element (i, j) of an operand is made from one 32-bit word: word j mod 4 of the Philox4x32-10
// block (j / 4, i, call 0) of RandomStream(seed, instance 0, tag_of("operand.a") or
// tag_of("operand.b"), scope 0). With u = (word + 0.5) / 2^32, computed exactly in float64:
//   normal    Phi^-1(u) by Wichura's AS 241 (Applied Statistics 37, 1988), rounded to float32
//   uniform   2 u - 1, rounded to float32
//   relu      A: max(normal, 0); B: normal (activations are rectified, weights are not)
//   zeros     0
//   bits      0 when u < 1/2, else 1
//   sparse:P  normal where the word of the mask stream is below P 2^32, else 0, in both operands;
//   the
//             mask stream is tagged "operand.a.mask" or "operand.b.mask"
// Only + - * / and sqrt of float64 are used (the logarithm of the tails is a series of our own), so
// that no mathematics library can change a bit.

#include <cstdint>

#include "backends/core/matrix.h"
#include "harness/point.h"

namespace jb::harness {

enum class OperandRole : std::uint8_t { a, b };

/// rows x cols elements of one operand.
Matrix<float> make_operand(OperandRole role, std::int64_t rows, std::int64_t cols,
                           const Distribution& distribution, std::uint64_t seed);

/// Phi^-1(u) for 0 < u < 1: standard normal quantile, relative error below 1e-15 (AS 241, PPND16).
double normal_quantile(double u) noexcept;

/// Natural logarithm of a positive normal number from + - * / only; relative error below 1e-15.
double portable_log(double x) noexcept;

}  // namespace jb::harness
