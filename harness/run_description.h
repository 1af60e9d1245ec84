#pragma once
// The folder of a run and its run.json (schema joulebench/run/1).

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/run_folder.h"

namespace jb::harness {

inline constexpr const char* kRunSchema = "joulebench/run/1";

/// Makes the folder, or takes an empty one; with `force` removes the run in it. Usage error when it
/// holds a run, another run is writing to it, or it cannot be written.
void make_run_folder(const std::filesystem::path& directory, bool force);

/// run.json of a run that begins; `points` of all points are this shard's.
Json begin_description(const RunRequest& request, const std::string& run_id, std::size_t points);

/// run.json of the run to be resumed. Usage error when it is none, or one of other points.
Json resume_description(const RunRequest& request);

void finish_description(Json& description, const RunResult& result);

/// Identifies a list of points: hash of their repro lines.
std::string hash_of_points(const std::vector<PointSpec>& points);

/// How often each point has its record already, by `record_key` (of failed points by repro line).
using RecordedPoints = std::map<std::string, std::size_t>;

/// The same text for a point and for its record made by this version of model, device and tables.
std::string record_key(const PointSpec& point);
std::string record_key(const results::Record& record);

}  // namespace jb::harness
