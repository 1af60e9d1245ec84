#pragma once
// Post-training quantisation: input ranges of a network's linear layers from calibration samples.

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/backend.h"
#include "harness/workload_cache.h"

namespace jb::harness {

struct CalibrationRanges {
  std::shared_ptr<const InputRanges> inputs;  ///< of matmul, gemm, conv and conv_transpose nodes
  Json description;                           ///< for the record
};

/// Runs the float network on the point's number of calibration samples: training images chosen by
/// the seed, or drawn samples beyond the tested ones; never a test sample. With --ptq max a range
/// is the largest magnitude seen; with percentile:P the mean over runs of the share P of
/// magnitudes. Usage error when there are not so many training images.
CalibrationRanges calibrate_ranges(const NetworkWorkload& workload, const PointSpec& point);

/// `count` different numbers below `size`, ascending, chosen by the seed.
std::vector<std::int64_t> chosen_samples(std::int64_t size, std::int64_t count, std::uint64_t seed);

}  // namespace jb::harness
