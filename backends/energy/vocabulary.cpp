#include "backends/energy/vocabulary.h"

#include <array>

namespace jb {
namespace {

constexpr std::array<std::string_view, kBoundaries> kBoundaryNames = {"B0", "B1", "B2",
                                                                      "B3", "B4", "B5"};
constexpr std::array<std::string_view, kCategories> kCategoryNames = {
    "compute", "conversion", "movement", "control", "static", "programming", "calibration"};
constexpr std::array<std::string_view, 3> kProvenanceNames = {"measured", "modelled", "literature"};

template <class E, std::size_t N>
std::optional<E> from_name(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Boundary b) noexcept {
  return kBoundaryNames[static_cast<std::size_t>(b)];
}
std::string_view name_of(Category c) noexcept {
  return kCategoryNames[static_cast<std::size_t>(c)];
}
std::string_view name_of(Provenance p) noexcept {
  return kProvenanceNames[static_cast<std::size_t>(p)];
}

std::optional<Boundary> boundary_from(std::string_view name) noexcept {
  return from_name<Boundary>(kBoundaryNames, name);
}
std::optional<Category> category_from(std::string_view name) noexcept {
  return from_name<Category>(kCategoryNames, name);
}
std::optional<Provenance> provenance_from(std::string_view name) noexcept {
  return from_name<Provenance>(kProvenanceNames, name);
}

}  // namespace jb
