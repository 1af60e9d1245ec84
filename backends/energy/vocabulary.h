#pragma once
// The words of the ledger: boundary, category, provenance.

#include <cstdint>
#include <optional>
#include <string_view>

namespace jb {

/// Cumulative boundaries B0 to B5 (ARCHITECTURE.md, "Boundaries").
///  B0 arithmetic, conversion, and light and bias that flow because an operation runs
///  B1 + SRAM, registers, on-chip network, control, partial sums
///  B2 + DRAM and links
///  B3 + power that flows whether or not an operation runs, times device time
///  B4 wall plug;  B5 facility (x PUE)
enum class Boundary : std::uint8_t { B0, B1, B2, B3, B4, B5 };
inline constexpr int kBoundaries = 6;

enum class Category : std::uint8_t {
  compute,
  conversion,
  movement,
  control,
  static_power,
  programming,
  calibration
};
inline constexpr int kCategories = 7;

/// Ordered from strongest to weakest: a value computed from several takes the weakest.
enum class Provenance : std::uint8_t { measured, modelled, literature };

std::string_view name_of(Boundary b) noexcept;    ///< "B0"
std::string_view name_of(Category c) noexcept;    ///< "compute", ..., "static", ...
std::string_view name_of(Provenance p) noexcept;  ///< "measured"
std::optional<Boundary> boundary_from(std::string_view name) noexcept;
std::optional<Category> category_from(std::string_view name) noexcept;
std::optional<Provenance> provenance_from(std::string_view name) noexcept;

/// The weaker of two provenances.
constexpr Provenance weakest(Provenance a, Provenance b) noexcept { return a < b ? b : a; }

}  // namespace jb
