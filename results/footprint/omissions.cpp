#include "results/footprint/omissions.h"

#include <array>

namespace jb::results {

std::vector<std::string> omissions_above(Boundary highest) {
  static const std::array<const char*, kBoundaries> added = {
      "",
      "SRAM, registers, on-chip network, control and partial sums (B1)",
      "DRAM and links (B2)",
      "power that flows whether or not an operation runs: leakage, clock, heaters, idle light (B3)",
      "host, fans and supply losses up to the wall plug (B4)",
      "the facility: cooling and distribution, PUE (B5)"};
  std::vector<std::string> omitted;
  for (int b = static_cast<int>(highest) + 1; b < kBoundaries; ++b) {
    omitted.emplace_back(added[static_cast<std::size_t>(b)]);
  }
  return omitted;
}

}  // namespace jb::results
