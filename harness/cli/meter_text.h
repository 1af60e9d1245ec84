#pragma once
// Meters in words, for `doctor` and `list meters`.

#include <string>

#include "harness/meter/bench.h"

namespace jb::harness::cli {

/// "available: covers B3 (package-0, package-0/dram); updates every 0.98 ms ..." or what is wrong
/// and the mend.
std::string meter_text(const meter::MeterState& state);

}  // namespace jb::harness::cli
