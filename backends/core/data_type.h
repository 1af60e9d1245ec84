#pragma once
// Types of tensor elements in networks (storage, not arithmetic: that is ElementType).

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace jb {

enum class DataType : std::uint8_t {
  f32,
  f64,
  f16,
  bf16,
  s8,
  s16,
  s32,
  s64,
  u8,
  u16,
  u32,
  u64,
  boolean
};

/// IEEE 754 binary16 and bfloat16 as stored; arithmetic goes through float.
struct Float16 {
  std::uint16_t bits = 0;
};
struct BFloat16 {
  std::uint16_t bits = 0;
};

/// "float32", "int64", "bool": names as numpy has them.
std::string_view name_of(DataType type) noexcept;
std::size_t bytes_of(DataType type) noexcept;
bool is_float(DataType type) noexcept;    ///< f32, f64, f16, bf16
bool is_integer(DataType type) noexcept;  ///< signed and unsigned integers, not bool

template <class T>
inline constexpr DataType data_type_of = [] {
  static_assert(sizeof(T) == 0, "no tensor element type for this C++ type");
  return DataType::f32;
}();
template <>
inline constexpr DataType data_type_of<float> = DataType::f32;
template <>
inline constexpr DataType data_type_of<double> = DataType::f64;
template <>
inline constexpr DataType data_type_of<Float16> = DataType::f16;
template <>
inline constexpr DataType data_type_of<BFloat16> = DataType::bf16;
template <>
inline constexpr DataType data_type_of<std::int8_t> = DataType::s8;
template <>
inline constexpr DataType data_type_of<std::int16_t> = DataType::s16;
template <>
inline constexpr DataType data_type_of<std::int32_t> = DataType::s32;
template <>
inline constexpr DataType data_type_of<std::int64_t> = DataType::s64;
template <>
inline constexpr DataType data_type_of<std::uint8_t> = DataType::u8;
template <>
inline constexpr DataType data_type_of<std::uint16_t> = DataType::u16;
template <>
inline constexpr DataType data_type_of<std::uint32_t> = DataType::u32;
template <>
inline constexpr DataType data_type_of<std::uint64_t> = DataType::u64;
template <>
inline constexpr DataType data_type_of<bool> = DataType::boolean;

}  // namespace jb
