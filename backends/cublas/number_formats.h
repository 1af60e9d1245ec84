#pragma once
// Number formats of tensor cores on the host: what the weights are rounded to before they are
// uploaded, and what the kernels' rounding is tested against. All round to nearest, ties to even.
//   f16     IEEE 754 binary16: largest 65504
//   bf16    8 exponent and 7 fraction bits, the range of f32
//   tf32    8 exponent and 10 fraction bits in a 32-bit word
//   f8e4m3  Micikevicius et al., arXiv:2209.05433, Table 1: largest 448, no infinities
//   f8e5m2  the same: largest 57344, infinities as in IEEE 754

#include <cstdint>

#include "backends/core/element_type.h"
#include "backends/core/matrix.h"

namespace jb::cublas {

/// Bits of x in f16 or bf16; beyond the largest value to infinity.
std::uint16_t encode16(ElementType type, float x) noexcept;
float decode16(ElementType type, std::uint16_t bits) noexcept;

/// Bits of x in f8e4m3, f8e5m2 or s8; beyond the largest value to the largest (saturating).
std::uint8_t encode8(ElementType type, float x) noexcept;
float decode8(ElementType type, std::uint8_t bits) noexcept;

/// x rounded to tf32.
float round_tf32(float x) noexcept;

/// Largest finite value: 65504 of f16, 448 of f8e4m3, 57344 of f8e5m2, 127 of s8.
float largest_of(ElementType type) noexcept;

/// True for the formats that hold scaled values: s8 and both f8.
constexpr bool is_scaled(ElementType type) noexcept {
  return type == ElementType::s8 || type == ElementType::f8e4m3 || type == ElementType::f8e5m2;
}

/// Scale of a vector with largest magnitude `max_abs`: max_abs / largest, but 1 for zeros and where
/// the quotient is no normal float. x / scale is what is encoded.
float scale_of(ElementType type, float max_abs) noexcept;

/// What the stored operand of a product of `precision` is held in: B is e4m3 where A is e5m2.
constexpr ElementType weight_type(ElementType precision) noexcept {
  return precision == ElementType::f8e5m2 ? ElementType::f8e4m3 : precision;
}

}  // namespace jb::cublas
