#pragma once
// RAPL through the kernel's powercap tree (Documentation/power/powercap/powercap.rst).

#include "harness/meter/meter.h"
#include "harness/meter/sysfs.h"

namespace jb::harness::meter {

/// Zones are known by their names (package-0, core, uncore, dram, psys), never by their numbers.
/// Packages and their DRAM are counted; cores and uncore lie in the package, psys around it; the
/// memory-mapped copy (intel-rapl-mmio) of a zone is a duplicate.
Candidate find_powercap(const MeterPlaces& places);

}  // namespace jb::harness::meter
