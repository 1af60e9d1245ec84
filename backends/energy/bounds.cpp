#include "backends/energy/bounds.h"

#include <fmt/format.h>

#include <algorithm>
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

double communication_bound_bytes(const GemmShape& shape, double fast_bytes,
                                 double least_bytes) noexcept {
  const double moved = 2 * shape.macs() / std::sqrt(fast_bytes / least_bytes);
  return (moved + static_cast<double>(shape.m) * static_cast<double>(shape.n)) * least_bytes;
}

double conv_communication_bound_bytes(const ConvShape& shape, double fast_bytes,
                                      double least_bytes) noexcept {
  const auto stride = static_cast<double>(shape.stride);
  const double windows = std::max(1.0, static_cast<double>(shape.kernel_h) *
                                           static_cast<double>(shape.kernel_w) / (stride * stride));
  return 2 * shape.macs() / std::sqrt(fast_bytes / least_bytes * windows) * least_bytes;
}

double network_communication_bound_bytes(double macs, double window_reuse, double fast_bytes,
                                         double least_bytes) noexcept {
  const double held = fast_bytes / least_bytes;
  const double moved = 2 * macs / std::sqrt(held * std::max(1.0, window_reuse)) - held;
  return std::max(0.0, moved * least_bytes);
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
  if (check.communication_bytes > 0 && bytes < check.communication_bytes * (1 - kSlack)) {
    violations.push_back(
        fmt::format("{:.6g} bytes of DRAM traffic are below {:.6g}, the least that any schedule "
                    "moves with this memory on the chip",
                    bytes, check.communication_bytes));
  }
  return violations;
}

}  // namespace jb
