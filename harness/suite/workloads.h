#pragma once
// The workloads that a block of a suite names: products, convolutions, networks.

#include <vector>

#include "harness/suite/reader.h"

namespace jb::harness::suite {

/// Points without a machine, with the block's settings.
std::vector<PointSpec> workloads_of(const Reader& block);

}  // namespace jb::harness::suite
