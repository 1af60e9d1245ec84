#pragma once
// doctor --fit: coefficients of energy from metered products.

#include <string>
#include <vector>

#include "harness/cli/energy_flags.h"

namespace jb::harness::cli {

struct FitFlags {
  bool asked = false;
  std::vector<std::string> results;  ///< empty: products are run here
};

int fit(const FitFlags& flags, const EnergyFlags& energy, bool json);

}  // namespace jb::harness::cli
