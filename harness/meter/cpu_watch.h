#pragma once
// What the processor and the system do while a window runs: clocks, heat, throttling, other work.

#include <cstdint>

#include "harness/meter/meter.h"
#include "harness/meter/sysfs.h"

namespace jb::harness::meter {

struct CpuState {
  double clock_Hz = 0;               ///< mean over cores; 0: not told
  double temperature_C = 0;          ///< hottest of the processor's own sensors; 0: not told
  std::uint64_t throttle_count = 0;  ///< events of all cores since the start of the system
  double busy_s = 0;                 ///< CPU seconds of all processes since then (/proc/stat)
  double own_s = 0;                  ///< of this process
};

CpuState cpu_state(const MeterPlaces& places);

/// Share of all cores' time that other processes took between two states.
double other_share(const CpuState& from, const CpuState& to, double seconds);

}  // namespace jb::harness::meter
