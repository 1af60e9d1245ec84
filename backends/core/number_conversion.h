#pragma once
// Stored numbers as numbers of arithmetic: binary16 and bfloat16 to and from float (rounding to
// nearest, ties to even), and a call with the C++ type of an element type known at run time.

#include <bit>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "backends/core/data_type.h"
#include "backends/core/error.h"

namespace jb {

inline float to_float(Float16 x) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (x.bits >> 10U) & 0x1FU;
  std::uint32_t fraction = x.bits & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: fraction 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t widened = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | widened << 23U | fraction << 13U);
}

inline float to_float(BFloat16 x) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16U);
}

inline Float16 to_float16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude >= 0x47800000U) {  // 65536 and above, infinity, NaN
    const std::uint32_t special = magnitude > 0x7F800000U ? 0x7E00U : 0x7C00U;
    return {static_cast<std::uint16_t>(sign | special)};
  }
  if (magnitude < 0x38800000U) {  // below 2^-14: adding 0.5 rounds to multiples of 2^-24
    const auto rounded =
        std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3F000000U;
    return {static_cast<std::uint16_t>(sign | rounded)};
  }
  const std::uint32_t odd = (magnitude >> 13U) & 1U;
  const std::uint32_t rounded = (magnitude - 0x38000000U + 0xFFFU + odd) >> 13U;
  return {static_cast<std::uint16_t>(sign | rounded)};
}

inline BFloat16 to_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {  // NaN stays one
    return {static_cast<std::uint16_t>(bits >> 16U | 0x40U)};
  }
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U)};
}

template <class T>
double to_double(T x) noexcept {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return static_cast<double>(to_float(x));
  } else {
    return static_cast<double>(x);
  }
}

/// `value` as an element of type To. Floating to integer truncates; what does not fit is the
/// nearest limit (0 for NaN), where C++ would leave it undefined.
template <class To, class From>
To convert_number(From value) noexcept {
  if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>) {
    return convert_number<To>(to_float(value));
  } else if constexpr (std::is_same_v<To, Float16>) {
    return to_float16(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return to_bfloat16(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    // The limits as doubles: 2^63 and 2^64 are exact, the largest integers below them are not.
    constexpr auto bits = static_cast<int>(sizeof(To) * 8) - (std::is_signed_v<To> ? 1 : 0);
    const double above =
        bits < 63 ? static_cast<double>(std::uint64_t{1} << bits) : (bits == 63 ? 0x1p63 : 0x1p64);
    const double below = std::is_signed_v<To> ? -above : 0.0;
    const auto x = static_cast<double>(value);
    if (!(x == x)) return To{0};
    const To largest = static_cast<To>(~std::uint64_t{0} >> (64 - bits));
    if (x >= above) return largest;
    if (x <= below) return std::is_signed_v<To> ? static_cast<To>(-largest - 1) : To{0};
    return static_cast<To>(x);
  } else {
    return static_cast<To>(value);
  }
}

template <class T>
struct TypeTag {
  using type = T;
};

/// Calls f(TypeTag<T>{}) with the type that elements of `type` are stored as.
template <class F>
decltype(auto) with_stored_type(DataType type, F&& f) {
  switch (type) {
    case DataType::f32:
      return f(TypeTag<float>{});
    case DataType::f64:
      return f(TypeTag<double>{});
    case DataType::f16:
      return f(TypeTag<Float16>{});
    case DataType::bf16:
      return f(TypeTag<BFloat16>{});
    case DataType::s8:
      return f(TypeTag<std::int8_t>{});
    case DataType::s16:
      return f(TypeTag<std::int16_t>{});
    case DataType::s32:
      return f(TypeTag<std::int32_t>{});
    case DataType::s64:
      return f(TypeTag<std::int64_t>{});
    case DataType::u8:
      return f(TypeTag<std::uint8_t>{});
    case DataType::u16:
      return f(TypeTag<std::uint16_t>{});
    case DataType::u32:
      return f(TypeTag<std::uint32_t>{});
    case DataType::u64:
      return f(TypeTag<std::uint64_t>{});
    case DataType::boolean:
      return f(TypeTag<bool>{});
  }
  fail_internal("no such element type");
}

}  // namespace jb
