#pragma once
// Axes of a block of a suite: what they combine to, and what a setting of them makes of a point.

#include <string>
#include <utility>
#include <vector>

#include "harness/suite/reader.h"

namespace jb::harness::suite {

inline constexpr std::size_t kMaxPoints = 100000;

/// One setting of a block's axes: (name, value) pairs in the order of the file.
using AxisSetting = std::vector<std::pair<std::string, Json>>;

/// Every combination of the block's axes; one empty setting without axes.
std::vector<AxisSetting> axis_settings(const Reader& block);
/// The target with an axis setting laid over it: settings by their keys, others as parameters.
Json target_with(const Json& target, const AxisSetting& setting);
/// Sizes that are axes.
void apply_sizes(const Reader& block, const AxisSetting& setting, PointSpec& point);
/// An entry of 'exclude' matches when all its keys have these values in the target or the axes.
bool is_excluded(const Reader& block, const Json& target, const AxisSetting& setting);

}  // namespace jb::harness::suite
