#include "backends/energy/bounds.h"

#include <fmt/format.h>

#include <cmath>

namespace jb {
namespace {

// Counts are exact; a violation must exceed rounding.
constexpr double kSlack = 1e-9;

}  // namespace

double landauer_J(double temperature_K) noexcept {
  constexpr double kLn2 = 0.69314718055994530942;
  return kBoltzmann_J_per_K * temperature_K * kLn2;
}

double compulsory_bytes(const GemmShape& shape, double bytes_in, double bytes_out) noexcept {
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  return (m * k + k * n) * bytes_in + m * n * bytes_out;
}

std::vector<std::string> violated_bounds(const Ledger& ledger, const BoundsCheck& check) {
  std::vector<std::string> violations;
  const double floor_J = landauer_J(check.temperature_K);
  for (const LedgerRow& row : ledger.rows()) {
    const Price& price = *row.price;
    const std::string name = price.component + " " + price.action;
    if (!std::isfinite(row.energy_J) || row.count < 0 || row.energy_J < 0) {
      violations.push_back(fmt::format("row '{}' has count {} and {} J, which is no energy", name,
                                       row.count, row.energy_J));
      continue;
    }
    // Every digital operation erases at least one bit (Landauer 1961).
    if (check.digital_arithmetic && price.category == Category::compute &&
        price.energy_per_action_J < floor_J) {
      violations.push_back(
          fmt::format("row '{}' costs {:.3g} J per action, below Landauer's {:.3g} J", name,
                      price.energy_per_action_J, floor_J));
    }
  }
  const double bytes = ledger.dram_bytes();
  if (check.compulsory_bytes > 0 && bytes < check.compulsory_bytes * (1 - kSlack)) {
    violations.push_back(fmt::format("{:.6g} bytes of DRAM traffic are below the compulsory {:.6g}",
                                     bytes, check.compulsory_bytes));
  }
  return violations;
}

}  // namespace jb
