#pragma once
// Settings that a block of a suite and its targets share: all that a point has beside its workload,
// backend and device.

#include <string>
#include <vector>

#include "harness/suite/reader.h"

namespace jb::harness::suite {

const std::vector<std::string>& setting_keys();
/// `keys`, and those of settings.
std::vector<std::string> with_settings(std::vector<std::string> keys);
/// Lays the settings that are given over those of `point`.
void read_settings(const Reader& reader, PointSpec& point);

}  // namespace jb::harness::suite
