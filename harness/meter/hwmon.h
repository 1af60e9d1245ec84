#pragma once
// Power and energy sensors of the kernel's hwmon tree (Documentation/hwmon/sysfs-interface.rst).

#include "harness/meter/meter.h"
#include "harness/meter/sysfs.h"

namespace jb::harness::meter {

/// energy*_input are counters (uJ); power*_average or power*_input (uW) are sampled and integrated.
/// Sockets are counted where a sensor names them, else whole-platform sensors, else every rail: a
/// sum of rails is not a module. GPUs have meters of their own.
Candidate find_hwmon(const MeterPlaces& places);

}  // namespace jb::harness::meter
