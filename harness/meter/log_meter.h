#pragma once
// An external wattmeter that writes a power log of its own: joules are joined by time.

#include "harness/meter/meter.h"
#include "harness/meter/sysfs.h"

namespace jb::harness::meter {

/// The log of `places.power_log`. Its times are seconds since 1970 (UTC) or ISO 8601, by a clock
/// that agrees with this computer's. It must reach up to now and go on being written; `boundary` is
/// what the wattmeter was put around (B4: the wall plug), none: a part of a machine.
Candidate find_power_log(const MeterPlaces& places, std::optional<Boundary> boundary);

/// A log that is complete: whatever lies in it can be told. Usage error when it cannot be read.
Candidate finished_power_log(const std::filesystem::path& file, std::optional<Boundary> boundary);

}  // namespace jb::harness::meter
