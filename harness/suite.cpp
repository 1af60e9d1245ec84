#include "harness/suite.h"

#include <algorithm>
#include <filesystem>

#include "backends/core/paths.h"
#include "backends/core/text.h"
#include "harness/network_map.h"
#include "harness/suite/axes.h"
#include "harness/suite/settings.h"
#include "harness/suite/workloads.h"

namespace jb::harness {

using namespace suite;

namespace {

constexpr const char* kSuiteSchema = "joulebench/suite/1";

/// A backend that is not built here may stand in a suite: its points are left out. A name beside a
/// known one is a slip.
std::string backend_from(const Reader& target) {
  const std::string id = target.text("backend");
  std::vector<std::string> ids;
  for (const Backend* backend : backends()) ids.push_back(backend->info().id);
  if (std::find(ids.begin(), ids.end(), id) != ids.end()) return id;
  const std::string hint = did_you_mean(id, ids);
  if (!hint.empty()) fail_usage("{}: unknown backend '{}'{}", target.where(), id, hint);
  return id;
}

/// check_point, whose errors speak of flags, with the place in the file before them.
void check_at(const std::string& where, const PointSpec& point) {
  try {
    check_point(point);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", where, error.what()));
  }
}

PointSpec point_of_target(const Reader& target, const PointSpec& workload) {
  PointSpec point = workload;
  read_settings(target, point);
  if (!point.map.empty() && !target.has("backend")) {
    point.backend = kHybridBackend;
  } else {
    point.map.clear();  // a target that names one machine
    point.backend = backend_from(target);
  }
  if (target.has("device")) point.device = target.text("device");
  if (target.has("map") && (target.has("backend") || target.has("device"))) {
    fail_usage("{}: 'map' names the machines itself; drop 'backend' and 'device'", target.where());
  }
  return point;
}

void expand_block(const Json& json, const std::string& where, std::vector<PointSpec>& points) {
  static const std::vector<std::string> block_keys =
      with_settings({"op", "gemm", "shapes", "networks", "onnx", "dataset", "batch", "axes", "zip",
                     "exclude", "targets"});
  static const std::vector<std::string> target_keys = with_settings({"backend", "device"});
  const Reader block(json, where, block_keys);
  const std::vector<PointSpec> workloads = workloads_of(block);
  const std::vector<AxisSetting> settings = axis_settings(block);
  const Json& targets = block.list("targets");
  const std::size_t before = points.size();
  for (const PointSpec& workload : workloads) {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      for (const AxisSetting& setting : settings) {
        if (!targets[i].is_object()) fail_usage("{}: 'targets' must list objects", where);
        const Json merged = target_with(targets[i], setting);
        if (is_excluded(block, merged, setting)) continue;
        const Reader target(merged, fmt::format("{}, targets[{}]", where, i), target_keys);
        PointSpec point = point_of_target(target, workload);
        apply_sizes(block, setting, point);
        std::vector<std::string> devices{point.device};
        if (point.device == "*") devices = preset_names(point.backend);
        for (const std::string& device : devices) {
          point.device = device;
          check_at(target.where(), point);
          points.push_back(point);
          if (points.size() > kMaxPoints) fail_usage("{}: more than {} points", where, kMaxPoints);
        }
      }
    }
  }
  if (points.size() == before) fail_usage("{}: 'exclude' leaves no point", where);
}

bool is_file_name(const std::string& text) {
  return text.size() > 5 && text.compare(text.size() - 5, 5, ".json") == 0;
}

}  // namespace

Suite suite_from_json(const Json& json, const std::string& where) {
  const Reader reader(json, where, {"schema", "name", "description", "points"});
  if (reader.text("schema") != kSuiteSchema) {
    fail_usage("{}: the schema is '{}', but must be '{}'", where, reader.text("schema"),
               kSuiteSchema);
  }
  Suite suite;
  suite.name = reader.text("name");
  if (reader.has("description")) suite.description = reader.text("description");
  const Json& blocks = reader.list("points");
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    expand_block(blocks[i], fmt::format("{}, points[{}]", where, i), suite.points);
  }
  return suite;
}

Suite load_suite(const std::string& name_or_file) {
  if (is_file_name(name_or_file)) {
    return suite_from_json(read_json_file(name_or_file), name_or_file);
  }
  const std::vector<std::string> names = suite_names();
  if (std::find(names.begin(), names.end(), name_or_file) == names.end()) {
    fail_usage("unknown suite '{}'{} (there are: {}; or name a .json file)", name_or_file,
               did_you_mean(name_or_file, names), join(names));
  }
  const std::filesystem::path file = suites_dir() / (name_or_file + ".json");
  return suite_from_json(read_json_file(file), "suite " + name_or_file);
}

std::vector<std::string> suite_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(suites_dir(), error)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace jb::harness
