// From flags, axes and a suite to the list of points.

#include <algorithm>
#include <regex>
#include <set>

#include "backends/core/error.h"
#include "backends/core/paths.h"
#include "backends/core/text.h"
#include "harness/cli/axes.h"
#include "harness/cli/point_flags.h"
#include "harness/network_map.h"
#include "harness/network_source.h"

namespace jb::harness::cli {

namespace {

constexpr const char* kDefaultDataset = "synthetic-digits";
constexpr const char* kAll = "all";  // of the backends, or of a backend's device files

bool is_flag(const std::string& name) {
  const std::vector<std::string> names = point_flag_names();
  return name == "m" || name == "n" || name == "k" ||
         std::find(names.begin(), names.end(), name) != names.end();
}

bool ends_in_json(const std::string& name) {
  return name.size() > 5 && name.compare(name.size() - 5, 5, ".json") == 0;
}

std::vector<std::string> backends_with_device(const std::string& device) {
  std::vector<std::string> ids;
  for (const Backend* backend : backends()) {
    const std::vector<std::string> names = preset_names(backend->info().id);
    if (std::find(names.begin(), names.end(), device) != names.end()) {
      ids.push_back(backend->info().id);
    }
  }
  return ids;
}

// Axis names are flags or device parameters of one of the backends asked for.
void check_axis_names(const std::vector<Axis>& axes, const std::vector<std::string>& backend_ids) {
  std::vector<std::string> known = point_flag_names();
  known.insert(known.end(), {"m", "n", "k"});
  for (const std::string& id : backend_ids) {
    if (id == kHybridBackend) continue;
    for (const ParameterSpec& parameter : find_backend(id).parameters()) {
      known.push_back(parameter.key);
    }
  }
  for (const Axis& axis : axes) {
    if (std::find(known.begin(), known.end(), axis.name) != known.end()) continue;
    fail_usage("-a {}: neither a point flag nor a device parameter of {}{}", axis.name,
               join(backend_ids), did_you_mean(axis.name, known));
  }
}

void apply_setting(PointSpec& point, const Setting& setting) {
  for (const auto& [name, text] : setting) {
    if (name == "backend" || name == "device") continue;
    if (is_flag(name)) {
      apply_flag(point, name, text);
    } else {
      point.set[name] = text;
    }
  }
}

// Flags that override a suite's points; what does not concern a point is left out.
void apply_overrides(PointSpec& point, const PointFlags& flags) {
  for (const std::string& name : point_flag_names()) {
    const auto at = flags.values.find(name);
    if (at == flags.values.end() || name == "backend" || name == "device") continue;
    const bool of_networks = name == "data" || name == "dataset" || name == "batch" ||
                             name == "map" || name == "ptq" || name == "calibration-samples";
    if (of_networks && point.op != Op::network) continue;
    if (name == "dist" && point.op == Op::network && !point.dataset.empty()) continue;
    apply_flag(point, name, at->second);
  }
  PointFlags only_set;
  only_set.set = flags.set;
  for (const auto& [key, text] : one_point(only_set).set) point.set[key] = text;
}

// The points of a suite on what --backend and --device ask for.
std::vector<PointSpec> select(const std::vector<PointSpec>& suite,
                              const std::vector<std::string>& ids, const std::string& device) {
  std::vector<PointSpec> selected;
  if (device.empty()) {
    for (const PointSpec& point : suite) {
      if (std::find(ids.begin(), ids.end(), point.backend) != ids.end()) selected.push_back(point);
    }
    return selected;
  }
  std::set<std::string> seen;
  for (PointSpec point : suite) {
    // The workload alone: what a suite says about its own targets does not concern this device.
    point.set.clear();
    point.precision.reset();
    point.calibration.reset();
    point.since_calibration_s.reset();
    point.age_s = 0;
    point.device = device;
    for (const std::string& id : ids) {
      point.backend = id;
      if (seen.insert(repro_line(point)).second) selected.push_back(point);
    }
  }
  return selected;
}

std::vector<Axis> axes_of(const PointFlags& flags) {
  std::vector<Axis> axes;
  if (flags.has("backend")) {
    axes.push_back({"backend", split_list("--backend", flags.values.at("backend"))});
    if (axes.back().values == std::vector<std::string>{kAll}) {
      axes.back().values.clear();
      for (const Backend* backend : backends()) axes.back().values.push_back(backend->info().id);
    }
    for (const std::string& id : axes.back().values) find_backend(id);
  }
  for (const std::string& text : flags.axes) {
    axes.push_back(axis_from(text));
    if (flags.has(axes.back().name)) {
      fail_usage("-a {}: the flag --{} is given too; keep one of them", axes.back().name,
                 axes.back().name);
    }
    const std::string prefix = axes.back().name + "=";
    for (const std::string& override_text : flags.set) {
      if (override_text.rfind(prefix, 0) != 0) continue;
      fail_usage("-a {}: --set {} is given too; keep one of them", axes.back().name, override_text);
    }
  }
  return axes;
}

std::vector<std::string> backend_ids(const PointFlags& flags, const std::vector<Axis>& axes,
                                     bool of_suite) {
  for (const Axis& axis : axes) {
    if (axis.name == "backend") return axis.values;
  }
  if (flags.has("device")) return {backend_of_device(flags.values.at("device"))};
  if (!of_suite) return {PointSpec{}.backend};
  std::vector<std::string> ids = {kHybridBackend};
  for (const Backend* backend : backends()) ids.push_back(backend->info().id);
  return ids;
}

bool is_given(const PointFlags& flags, const std::vector<Axis>& axes, const std::string& name) {
  return flags.has(name) || std::any_of(axes.begin(), axes.end(),
                                        [&name](const Axis& axis) { return axis.name == name; });
}

// A flag that the workload takes no notice of would promise what is not measured. Suites differ:
// there a flag concerns those of its points that it can concern.
void check_flags_of_workload(const PointFlags& flags, const std::vector<Axis>& axes) {
  const bool network = is_given(flags, axes, "network") || is_given(flags, axes, "onnx");
  for (const char* name : {"data", "dataset", "batch", "map", "ptq", "calibration-samples"}) {
    if (!network && is_given(flags, axes, name)) {
      fail_usage("--{} goes with --network and --onnx; a product or convolution does not have it",
                 name);
    }
  }
}

void check_one_workload(const PointFlags& flags, const std::vector<Axis>& axes) {
  std::vector<std::string> given;
  for (const char* name : {"gemm", "conv", "shape", "network", "onnx"}) {
    if (is_given(flags, axes, name)) given.push_back(std::string("--") + name);
  }
  if (given.size() > 1) {
    fail_usage("{} name different workloads; give one of them", join(given, " and "));
  }
  if (!given.empty()) check_flags_of_workload(flags, axes);
  if (flags.has("data") && !is_given(flags, axes, "dataset")) {
    fail_usage("--data: say what the folder holds with --dataset, such as --dataset mnist");
  }
}

std::vector<PointSpec> points_of_flags(const PointFlags& flags, const std::vector<Axis>& axes,
                                       const std::vector<std::string>& ids) {
  if (!names_workload(flags)) {
    fail_usage("no workload given; name one with --gemm, --conv, --shape, --network or --onnx");
  }
  PointFlags base = flags;
  base.values.erase("backend");
  std::vector<PointSpec> points;
  for (const Setting& setting : cross(axes, flags.zips)) {
    PointFlags with_setting = base;
    Setting later;  // sizes and device parameters change what the flags have set
    for (const auto& [name, text] : setting) {
      if (is_flag(name) && name.size() > 1) {
        with_setting.values[name] = text;
      } else {
        later.emplace_back(name, text);
      }
    }
    if (!with_setting.has("backend")) {
      with_setting.values["backend"] = with_setting.has("device")
                                           ? backend_of_device(with_setting.values["device"])
                                           : ids.front();
    }
    PointSpec point = one_point(with_setting);
    apply_setting(point, later);
    points.push_back(point);
  }
  return points;
}

std::vector<PointSpec> points_of_suite(const PointFlags& flags, const std::vector<Axis>& axes,
                                       const std::vector<std::string>& ids,
                                       const std::vector<PointSpec>& suite) {
  std::vector<Axis> crossed;
  for (const Axis& axis : axes) {
    if (axis.name == "device") {
      fail_usage(
          "-a device: a suite names its devices; give --device or a workload such as --gemm");
    }
    if (axis.name != "backend") crossed.push_back(axis);
  }
  const std::string device = flags.has("device") ? flags.values.at("device") : std::string();
  const std::vector<Setting> settings = cross(crossed, flags.zips);
  const std::vector<PointSpec> selected = select(suite, ids, device);
  if (selected.size() > kMostPoints / settings.size()) {
    fail_usage("the axes make more than {} points; take fewer values", kMostPoints);
  }
  std::vector<PointSpec> points;
  for (PointSpec point : selected) {
    apply_overrides(point, flags);
    for (const Setting& setting : settings) {
      points.push_back(point);
      apply_setting(points.back(), setting);
    }
  }
  if (points.empty()) {
    fail_usage(
        "the suite has no point on {}; name a workload with --gemm, --conv, --shape or "
        "--network",
        join(ids));
  }
  return points;
}

std::regex pattern_of(const char* flag, const std::string& text) {
  try {
    return std::regex(text, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error&) {
    fail_usage("{}: '{}' is not a regular expression (ECMAScript)", flag, text);
  }
}

std::vector<PointSpec> filtered(const std::vector<PointSpec>& points, const PointFlags& flags) {
  if (flags.filter.empty() && flags.excludes.empty()) return points;
  const std::regex wanted = pattern_of("--filter", flags.filter);
  std::vector<std::regex> unwanted;
  for (const std::string& text : flags.excludes) unwanted.push_back(pattern_of("--exclude", text));
  std::vector<PointSpec> kept;
  std::size_t matching = 0;
  for (const PointSpec& point : points) {
    const std::string label = point_label(point);
    if (!std::regex_search(label, wanted)) continue;
    ++matching;
    const bool left_out = std::any_of(unwanted.begin(), unwanted.end(), [&](const std::regex& r) {
      return std::regex_search(label, r);
    });
    if (!left_out) kept.push_back(point);
  }
  if (matching == 0) {
    fail_usage("--filter: '{}' matches none of the {} points; see them with --dry-run",
               flags.filter, points.size());
  }
  if (kept.empty()) fail_usage("--exclude leaves none of the {} points", matching);
  return kept;
}

// Perceptrons are trained on a data set; other networks take one only when it is named.
void complete_network(PointSpec& point, bool batch_given) {
  if (point.op != Op::network) return;
  const bool perceptron = point.onnx.empty() && point.network.rfind("mlp-", 0) == 0;
  if (point.dataset.empty() && perceptron) point.dataset = kDefaultDataset;
  if (point.dataset.empty() && !batch_given) {
    // A model may fix its batch.
    const std::int64_t fixed = point.onnx.empty() ? 0 : open_network(point)->fixed_batch;
    point.batch = fixed > 0 ? fixed : kDrawnBatch;
  }
  if (!point.dataset.empty() && point.dist.text() != PointSpec{}.dist.text()) {
    fail_usage(
        "--dist goes with --gemm, --conv, --shape and networks on drawn inputs; data set {} has "
        "its "
        "own values",
        point.dataset);
  }
}

// Device `all`: each of the backend's device files, in the points' order.
std::vector<PointSpec> with_all_devices(const std::vector<PointSpec>& points) {
  std::vector<PointSpec> all;
  for (const PointSpec& point : points) {
    all.push_back(point);
    if (point.device != kAll) continue;
    all.pop_back();
    for (const std::string& device : preset_names(point.backend)) {
      all.push_back(point);
      all.back().device = device;
    }
  }
  return all;
}

// With --map, --backend and --device are the machine of the nodes that no pattern names.
void map_the_rest(PointSpec& point, const PointFlags& flags) {
  const bool all = map_rules_from(point.map).back().pattern == "*";
  if (flags.has("backend") || flags.has("device")) {
    if (all) {
      fail_usage("--map ends with '*', so --{} has no node left; drop one of them",
                 flags.has("backend") ? "backend" : "device");
    }
    check_device_belongs(point);
    point.map += ",*=" + point.backend + (point.device.empty() ? "" : ":" + point.device);
  }
  point.backend = kHybridBackend;
  point.device.clear();
}

}  // namespace

std::string backend_of_device(const std::string& device) {
  if (device == kAll) fail_usage("--device all: say of which backends with --backend ID or all");
  if (ends_in_json(device)) {
    const Json file = read_json_file(device);
    if (!file.is_object() || !file.contains("backend") || !file["backend"].is_string()) {
      fail_usage("{}: a device file names its backend in the key 'backend'", device);
    }
    return find_backend(file["backend"].get<std::string>()).info().id;
  }
  const std::vector<std::string> ids = backends_with_device(device);
  if (ids.size() == 1) return ids.front();
  if (ids.size() > 1) {
    fail_usage("--device: '{}' is a device of {}; say which with --backend", device, join(ids));
  }
  std::vector<std::string> names;
  for (const Backend* backend : backends()) {
    for (const std::string& name : preset_names(backend->info().id)) names.push_back(name);
  }
  fail_usage("--device: unknown device '{}'{}; see 'joulebench list devices'", device,
             did_you_mean(device, names));
}

void check_device_belongs(const PointSpec& point) {
  if (point.device.empty() || ends_in_json(point.device)) return;
  const std::vector<std::string> ids = backends_with_device(point.device);
  if (ids.empty() || std::find(ids.begin(), ids.end(), point.backend) != ids.end()) return;
  fail_usage("--device: '{}' is a device of {}, not of {} (it has: {})", point.device, join(ids),
             point.backend, join(preset_names(point.backend)));
}

PointSpec one_machine_point(const PointFlags& flags) {
  PointSpec point = one_point(flags);
  if (!flags.has("backend") && flags.has("device")) {
    point.backend = backend_of_device(point.device);
  }
  check_device_belongs(point);
  return point;
}

std::vector<PointSpec> make_points(const PointFlags& flags,
                                   const std::vector<PointSpec>& suite_points) {
  const std::vector<Axis> axes = axes_of(flags);
  check_one_workload(flags, axes);
  const bool of_suite = !suite_points.empty();
  if (of_suite && is_given(flags, axes, "map")) {
    fail_usage("--map goes with --network and --onnx; a suite names its machines itself");
  }
  const std::vector<std::string> ids = backend_ids(flags, axes, of_suite);
  check_axis_names(axes, ids);
  std::vector<PointSpec> points = of_suite ? points_of_suite(flags, axes, ids, suite_points)
                                           : points_of_flags(flags, axes, ids);
  points = with_all_devices(points);
  for (PointSpec& point : points) {
    complete_network(point, is_given(flags, axes, "batch") || of_suite);
    if (!point.map.empty()) {
      map_the_rest(point, flags);
    } else {
      check_device_belongs(point);
    }
  }
  return filtered(points, flags);
}

}  // namespace jb::harness::cli
