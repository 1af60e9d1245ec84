#pragma once
// Energy meters that this computer has, as far as can be seen without reading them.

#include <string>
#include <vector>

namespace jb::harness::cli {

struct MeterFinding {
  std::string id;        ///< "rapl", "nvml"
  std::string measures;  ///< which domains it would cover
  bool present = false;  ///< the interface is there and may be read
  std::string detail;    ///< what was found
};

/// Looks at the powercap tree and for the NVML library; reads no energy.
std::vector<MeterFinding> find_meters();

/// This program takes no energy from a meter: every joule it prints is modelled.
inline constexpr const char* kNoMeterReason =
    "joulebench reads no energy meter: every energy it reports is modelled";

}  // namespace jb::harness::cli
