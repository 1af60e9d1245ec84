#pragma once
// The builders behind the registry, one file each.

#include <cstdint>
#include <string>
#include <string_view>

#include "models/networks/registry.h"

namespace jb::models {

/// Names of constants that training does not move ("fixed.mask") begin with this.
constexpr std::string_view kFixedPrefix = "fixed.";

constexpr std::int64_t kLongestSequence = std::int64_t{1} << 16U;
/// Rows of the largest table of MLPerf's DLRM, rounded up.
constexpr std::int64_t kMostTableRows = 40000000;

bool is_mlp_name(const std::string& name);
NetworkInfo mlp_info(const std::string& name);

}  // namespace jb::models
