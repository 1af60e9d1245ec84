#pragma once
// Point flags: what a user types becomes points. Flags stay text until here, so that a flag, an
// axis
// (`-a`) and an override of a suite's points are read by the same function.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/point.h"

namespace CLI {
class App;
}

namespace jb::harness::cli {

/// Point flags as typed. Names are without dashes.
struct PointFlags {
  std::map<std::string, std::string> values;
  std::vector<std::string> set;   ///< key=value
  std::vector<std::string> axes;  ///< name=values
  std::vector<std::string> zips;  ///< a,b
  std::string filter;
  std::vector<std::string> excludes;  ///< regular expressions; what one matches is left out

  [[nodiscard]] bool has(const std::string& flag) const { return values.count(flag) != 0; }
};

enum class FlagUse {
  points,     ///< run, estimate: every flag
  one_gemm,   ///< multiply: no workload, no axes, one backend
  one_model,  ///< infer, conformance: the same, and what networks may choose
  training,   ///< train: a network and its data, no axes, one backend
};

void add_point_flags(CLI::App& verb, PointFlags& flags, FlagUse use);

/// One point from flags, without axes: for multiply and train. A workload that no flag names is
/// left as it is by default.
PointSpec one_point(const PointFlags& flags);

/// The same with the backend that the device belongs to, for verbs with one machine. Usage error
/// when backend and device do not go together.
PointSpec one_machine_point(const PointFlags& flags);

/// All points that flags and axes ask for.
///   without `suite_points`: a workload flag (--gemm, --conv, --shape, --network) is required
///   with them: each is a point to be overridden; --backend keeps those on these backends, --device
///   puts the workloads of the suite on that device
/// Usage error for anything that makes no sense, and when nothing is left after --filter.
std::vector<PointSpec> make_points(const PointFlags& flags,
                                   const std::vector<PointSpec>& suite_points);

/// The one backend that a device (a preset or a file) belongs to, so that --device needs no
/// --backend. Usage error when there is none or several.
std::string backend_of_device(const std::string& device);

/// A device that belongs to another backend is a frequent slip: usage error naming both.
void check_device_belongs(const PointSpec& point);

/// True when flags or axes name a workload, so that no suite is meant.
bool names_workload(const PointFlags& flags);

/// "crossbar pcm-hermes gemm 64,100,784 age=86400": what --filter matches and progress shows;
/// settings only where they are not the defaults.
std::string point_label(const PointSpec& point);

/// Applies one flag (name without dashes) to a point. Usage error naming the flag.
void apply_flag(PointSpec& point, const std::string& flag, const std::string& text);

/// Names of the flags of points, without dashes.
std::vector<std::string> point_flag_names();

}  // namespace jb::harness::cli
