#pragma once
// Parts of a point's identity that the runner needs one by one.

#include <string>
#include <string_view>

#include "harness/point.h"

namespace jb::harness {

/// "gemm", "conv2d", "network", "training".
std::string_view name_of(Op op) noexcept;

/// What the record says of the device; of an unavailable backend without device files only a name.
struct DeviceIdentity {
  std::string name;
  std::string hash;
  std::string calibration = "none";
  std::string implementation;
  bool theory_bound = false;
  std::string map = {};  ///< with every device named; "" on one machine
};

/// The record's `point` object.
Json identity_json(const PointSpec& point, const BackendInfo& info, const DeviceIdentity& device);

/// Seconds since the last calibration: 0 unless told, the age when never calibrated ("none").
double calibrated_ago_s(const PointSpec& point, const std::string& calibration);

/// Threads that the point runs on.
int threads_of(const PointSpec& point);

/// The precision asked for, or the backend's first.
ElementType precision_of(const PointSpec& point, const BackendInfo& info);

}  // namespace jb::harness
