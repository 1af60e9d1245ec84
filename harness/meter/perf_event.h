#pragma once
// RAPL through perf_event (arch/x86/events/rapl.c): the PMU "power" and its events energy-pkg,
// energy-ram and energy-psys, in joules of 2^-32; the kernel follows their wraps.

#include <cstdint>
#include <functional>

#include "harness/meter/meter.h"
#include "harness/meter/sysfs.h"

namespace jb::harness::meter {

/// The system calls, so that tests can stand in for the kernel.
struct PerfCalls {
  /// Opens one event of all processes on one CPU; a descriptor, or -errno.
  std::function<int(std::uint32_t type, std::uint64_t config, int cpu)> open;
  std::function<Reading(int descriptor)> read;
  std::function<void(int descriptor)> close;

  static PerfCalls of_kernel();
};

Candidate find_perf_event(const MeterPlaces& places,
                          const PerfCalls& calls = PerfCalls::of_kernel());

}  // namespace jb::harness::meter
