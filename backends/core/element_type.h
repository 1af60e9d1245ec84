#pragma once
// Number formats of host tensors and of digital arithmetic.

#include <cstdint>
#include <optional>
#include <string_view>

namespace jb {

enum class ElementType : std::uint8_t { f64, f32, tf32, bf16, f16, f8e4m3, f8e5m2, s8, u8s8, s32 };

/// Name as the command line writes it ("f32", "u8s8", ...).
std::string_view name_of(ElementType type) noexcept;

/// The type of that name, or nothing.
std::optional<ElementType> element_type_from(std::string_view name) noexcept;

/// Bytes of one stored element (activations of u8s8 count as one byte each).
int bytes_of(ElementType type) noexcept;

template <class T>
inline constexpr ElementType element_type_of = [] {
  static_assert(sizeof(T) == 0, "no element type for this C++ type");
  return ElementType::f64;
}();
template <>
inline constexpr ElementType element_type_of<double> = ElementType::f64;
template <>
inline constexpr ElementType element_type_of<float> = ElementType::f32;
template <>
inline constexpr ElementType element_type_of<std::int8_t> = ElementType::s8;
template <>
inline constexpr ElementType element_type_of<std::int32_t> = ElementType::s32;

}  // namespace jb
