#pragma once
// Post-training quantisation: ranges of the converters of inputs and outputs from calibration
// samples.

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/backend.h"
#include "harness/workload_cache.h"

namespace jb::harness {

struct CalibrationRanges {
  std::shared_ptr<const SamplesOfProducts> samples;  ///< of every family of products
  Json description;                                  ///< for the record
};

/// Runs the float network on the point's number of calibration samples: training images chosen by
/// the seed, or drawn samples beyond the tested ones; never a test sample. With --ptq max a range
/// holds every value seen; with percentile:P its magnitude is the mean over calls of what holds the
/// share P of magnitudes. Usage error when there are not so many training images that are no test
/// images.
CalibrationRanges calibrate_ranges(const NetworkWorkload& workload, const PointSpec& point);

/// Adds the ranges to the description, a row [product, low, high, converter] each: ends of the
/// inputs, and the range of the output converters relative to the device file's (null where the
/// machine has none, or keeps its own).
void add_ranges(CalibrationRanges& calibration, const Executable& executable);

/// `count` different numbers below `size`, ascending, chosen by the seed.
std::vector<std::int64_t> chosen_samples(std::int64_t size, std::int64_t count, std::uint64_t seed);

/// Indices of training images that are, pixel by pixel, no test image.
std::vector<std::int64_t> images_apart_from_test(const models::Dataset& data);
/// The same; usage error when they are fewer than the point's calibration samples.
std::vector<std::int64_t> checked_calibration_images(const models::Dataset& data,
                                                     const PointSpec& point);

}  // namespace jb::harness
