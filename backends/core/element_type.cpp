#include "backends/core/element_type.h"

#include <array>
#include <utility>

namespace jb {
namespace {

constexpr std::array<std::pair<ElementType, std::string_view>, 10> kNames = {{
    {ElementType::f64, "f64"},
    {ElementType::f32, "f32"},
    {ElementType::tf32, "tf32"},
    {ElementType::bf16, "bf16"},
    {ElementType::f16, "f16"},
    {ElementType::f8e4m3, "f8e4m3"},
    {ElementType::f8e5m2, "f8e5m2"},
    {ElementType::s8, "s8"},
    {ElementType::u8s8, "u8s8"},
    {ElementType::s32, "s32"},
}};

}  // namespace

std::string_view name_of(ElementType type) noexcept {
  for (const auto& [value, name] : kNames) {
    if (value == type) return name;
  }
  return "?";
}

std::optional<ElementType> element_type_from(std::string_view name) noexcept {
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

int bytes_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::f64:
      return 8;
    case ElementType::f32:
    case ElementType::tf32:
    case ElementType::s32:
      return 4;
    case ElementType::bf16:
    case ElementType::f16:
      return 2;
    case ElementType::f8e4m3:
    case ElementType::f8e5m2:
    case ElementType::s8:
    case ElementType::u8s8:
      return 1;
  }
  return 0;
}

}  // namespace jb
