#include "harness/suite.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>

#include "backends/core/paths.h"
#include "backends/core/text.h"
#include "harness/cli/axes.h"
#include "harness/network_map.h"

namespace jb::harness {
namespace {

constexpr const char* kSuiteSchema = "joulebench/suite/1";
constexpr std::size_t kMaxPoints = 100000;

/// One JSON object whose keys are all known and of the right type; errors name file and key.
class Reader {
 public:
  Reader(const Json& json, std::string where, const std::vector<std::string>& allowed)
      : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) fail_usage("{} must be an object", where_);
    for (const auto& [key, value] : json_.items()) {
      if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
        fail_usage("{}: unknown key '{}'{} (there are: {})", where_, key,
                   did_you_mean(key, allowed), join(allowed));
      }
    }
  }

  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] bool has(const char* key) const { return json_.contains(key); }
  [[nodiscard]] const Json& at(const char* key) const {
    if (!has(key)) fail_usage("{}: the key '{}' is missing", where_, key);
    return json_.at(key);
  }
  [[nodiscard]] std::string text(const char* key) const {
    const Json& value = at(key);
    if (!value.is_string()) fail_usage("{}: '{}' must be a text", where_, key);
    const std::string text = value.get<std::string>();
    if (has_control_characters(text)) {
      fail_usage("{}: '{}' must not hold control characters", where_, key);
    }
    return text;
  }
  [[nodiscard]] double number(const char* key) const {
    const Json& value = at(key);
    if (!value.is_number()) fail_usage("{}: '{}' must be a number", where_, key);
    return value.get<double>();
  }
  [[nodiscard]] std::int64_t integer(const char* key) const { return as_integer(at(key), key); }
  [[nodiscard]] bool flag(const char* key) const {
    const Json& value = at(key);
    if (!value.is_boolean()) fail_usage("{}: '{}' must be true or false", where_, key);
    return value.get<bool>();
  }
  [[nodiscard]] const Json& list(const char* key) const {
    const Json& value = at(key);
    if (!value.is_array() || value.empty()) {
      fail_usage("{}: '{}' must be a list that is not empty", where_, key);
    }
    return value;
  }
  [[nodiscard]] std::int64_t as_integer(const Json& value, const char* key) const {
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() ||
                       value.get<std::uint64_t>() <=
                           static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if (!fits) fail_usage("{}: '{}' must hold whole numbers", where_, key);
    return value.get<std::int64_t>();
  }

 private:
  const Json& json_;
  std::string where_;
};

const std::vector<std::string>& setting_keys() {
  static const std::vector<std::string> keys = {"set",         "precision",
                                                "dynamic",     "map",
                                                "ptq",         "calibration_samples",
                                                "dist",        "seed",
                                                "age_s",       "since_calibration_s",
                                                "calibration", "temperature_C",
                                                "instances",   "threads",
                                                "estimate"};
  return keys;
}

std::vector<std::string> with_settings(std::vector<std::string> keys) {
  keys.insert(keys.end(), setting_keys().begin(), setting_keys().end());
  return keys;
}

/// A parameter's value as `--set` takes it.
std::string override_text(const Reader& reader, const std::string& key, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_integer()) return value.dump();
  if (value.is_number()) return shortest(value.get<double>());
  fail_usage("{}: 'set' must map '{}' to a number, a text, true or false", reader.where(), key);
}

void read_overrides(const Reader& reader, PointSpec& point) {
  const Json& set = reader.at("set");
  if (!set.is_object()) fail_usage("{}: 'set' must be an object", reader.where());
  for (const auto& [key, value] : set.items()) point.set[key] = override_text(reader, key, value);
}

/// true and "backend" say the same; false is the default.
void read_dynamic(const Reader& reader, PointSpec& point) {
  const Json& value = reader.at("dynamic");
  if (value.is_boolean()) {
    point.dynamic.reset();
    if (value.get<bool>()) point.dynamic = DynamicPolicy::backend;
    return;
  }
  if (!value.is_string()) {
    fail_usage("{}: 'dynamic' must be true, false, \"backend\" or \"digital\"", reader.where());
  }
  point.dynamic = dynamic_policy_from(value.get<std::string>());
}

/// Settings that a block and its targets share.
void read_settings(const Reader& reader, PointSpec& point) {
  if (reader.has("set")) read_overrides(reader, point);
  if (reader.has("precision")) {
    const std::string name = reader.text("precision");
    point.precision = element_type_from(name);
    if (!point.precision) fail_usage("{}: unknown precision '{}'", reader.where(), name);
  }
  if (reader.has("dynamic")) read_dynamic(reader, point);
  if (reader.has("ptq")) point.ptq = reader.text("ptq");
  if (reader.has("calibration_samples")) {
    point.calibration_samples = reader.integer("calibration_samples");
  }
  if (reader.has("map")) point.map = reader.text("map");
  if (reader.has("dist")) point.dist = distribution_from(reader.text("dist"));
  if (reader.has("seed")) {
    const std::int64_t seed = reader.integer("seed");
    if (seed < 0) fail_usage("{}: 'seed' must be at least 0, but is {}", reader.where(), seed);
    point.seed = static_cast<std::uint64_t>(seed);
  }
  if (reader.has("age_s")) point.age_s = reader.number("age_s");
  if (reader.has("since_calibration_s")) {
    point.since_calibration_s = reader.number("since_calibration_s");
  }
  if (reader.has("calibration")) point.calibration = reader.text("calibration");
  if (reader.has("temperature_C")) point.temperature_C = reader.number("temperature_C");
  if (reader.has("instances")) point.instances = reader.integer("instances");
  if (reader.has("threads")) {
    const std::int64_t threads = reader.integer("threads");
    if (threads < 0 || threads > std::numeric_limits<int>::max()) {
      fail_usage("{}: 'threads' must be at least 0, but is {}", reader.where(), threads);
    }
    point.threads = static_cast<int>(threads);
  }
  if (reader.has("estimate")) point.estimate = reader.flag("estimate");
}

GemmShape gemm_from(const Reader& reader, const Json& sizes) {
  if (!sizes.is_array() || sizes.size() != 3) {
    fail_usage("{}: each entry of 'gemm' must be [m, n, k]", reader.where());
  }
  return {reader.as_integer(sizes[0], "gemm"), reader.as_integer(sizes[1], "gemm"),
          reader.as_integer(sizes[2], "gemm")};
}

/// Points of a named shape must be of the block's op.
PointSpec named_point(const Reader& reader, const PointSpec& base, const Json& name) {
  if (!name.is_string()) fail_usage("{}: 'shapes' must list names", reader.where());
  PointSpec point = base;
  const Op op = base.op;
  apply_named_shape(point, name.get<std::string>());
  if (point.op != op) {
    fail_usage("{}: shape '{}' is not of the block's op", reader.where(), point.shape_name);
  }
  return point;
}

Op op_from(const Reader& reader) {
  const std::string name = reader.text("op");
  if (name == "gemm") return Op::gemm;
  if (name == "conv2d") return Op::conv2d;
  if (name == "network") return Op::network;
  fail_usage("{}: unknown op '{}' (there are: gemm, conv2d, network)", reader.where(), name);
}

void add_network_workloads(const Reader& block, const PointSpec& base,
                           std::vector<PointSpec>& workloads) {
  for (const char* key : {"gemm", "shapes"}) {
    if (block.has(key)) fail_usage("{}: a network block has no '{}'", block.where(), key);
  }
  if (!block.has("networks") && !block.has("onnx")) {
    fail_usage("{}: the block names no workload (keys 'networks' and 'onnx')", block.where());
  }
  for (const char* key : {"networks", "onnx"}) {
    if (!block.has(key)) continue;
    for (const Json& name : block.list(key)) {
      if (!name.is_string()) fail_usage("{}: '{}' must list texts", block.where(), key);
      PointSpec point = base;
      (key == std::string_view("onnx") ? point.onnx : point.network) = name.get<std::string>();
      const bool perceptron = point.network.rfind("mlp-", 0) == 0;  // trained on a data set
      if (perceptron || block.has("dataset")) point.dataset = block.text("dataset");
      if (point.dataset.empty()) point.batch = kDrawnBatch;
      if (block.has("batch")) point.batch = block.integer("batch");
      workloads.push_back(std::move(point));
    }
  }
}

void add_product_workloads(const Reader& block, const PointSpec& base,
                           std::vector<PointSpec>& workloads) {
  for (const char* key : {"networks", "onnx", "dataset", "batch"}) {
    if (block.has(key)) fail_usage("{}: only a network block has '{}'", block.where(), key);
  }
  if (base.op == Op::conv2d && block.has("gemm")) {
    fail_usage("{}: a conv2d block names 'shapes', not 'gemm'", block.where());
  }
  if (block.has("gemm")) {
    for (const Json& sizes : block.list("gemm")) {
      PointSpec point = base;
      point.gemm = gemm_from(block, sizes);
      workloads.push_back(std::move(point));
    }
  }
  if (block.has("shapes")) {
    for (const Json& name : block.list("shapes")) {
      workloads.push_back(named_point(block, base, name));
    }
  }
  if (workloads.empty() && base.op == Op::gemm && block.has("axes") &&
      block.at("axes").is_object() && block.at("axes").contains("m") &&
      block.at("axes").contains("n") && block.at("axes").contains("k")) {
    workloads.push_back(base);  // the axes give all sizes
  }
  if (workloads.empty()) {
    fail_usage("{}: the block names no workload (keys 'gemm' and 'shapes')", block.where());
  }
}

std::vector<PointSpec> workloads_of(const Reader& block) {
  PointSpec base;
  base.op = op_from(block);
  read_settings(block, base);
  std::vector<PointSpec> workloads;
  if (base.op == Op::network) {
    add_network_workloads(block, base, workloads);
  } else {
    add_product_workloads(block, base, workloads);
  }
  return workloads;
}

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

/// One setting of a block's axes: (name, value) pairs in the order of the file.
using AxisSetting = std::vector<std::pair<std::string, Json>>;

struct SuiteAxis {
  std::string name;
  std::vector<Json> values;
  std::string follows;  ///< "=m": always the value of axis m
};

SuiteAxis suite_axis(const Reader& block, const std::string& name, const Json& given) {
  SuiteAxis axis;
  axis.name = name;
  if (given.is_string()) {
    const std::string text = given.get<std::string>();
    if (text.rfind('=', 0) == 0) {
      axis.follows = text.substr(1);
      return axis;
    }
    for (const std::string& value : cli::axis_from(name + "=" + text).values) {
      double number = 0;
      // Read as the JSON number it is, so that it means what a list of numbers means.
      axis.values.push_back(parse_number(value, number) ? Json::parse(value, nullptr, false)
                                                        : Json(value));
      if (axis.values.back().is_discarded()) axis.values.back() = value;
    }
    return axis;
  }
  if (!given.is_array() || given.empty()) {
    fail_usage("{}: axis '{}' must be a list of values, a range such as \"1:9:2\", or \"=axis\"",
               block.where(), name);
  }
  axis.values.assign(given.begin(), given.end());
  return axis;
}

/// Axes that walk together are one group; others are groups of one.
std::vector<std::vector<SuiteAxis>> axis_groups(const Reader& block, std::vector<SuiteAxis> axes) {
  std::vector<std::vector<SuiteAxis>> groups;
  const auto take = [&](const std::string& name) {
    const auto at = std::find_if(axes.begin(), axes.end(),
                                 [&](const SuiteAxis& axis) { return axis.name == name; });
    if (at == axes.end()) {
      fail_usage("{}: 'zip' names '{}', which is no axis or is zipped twice", block.where(), name);
    }
    SuiteAxis axis = std::move(*at);
    axes.erase(at);
    return axis;
  };
  if (block.has("zip")) {
    for (const Json& names : block.list("zip")) {
      if (!names.is_array()) fail_usage("{}: 'zip' must list lists of axes", block.where());
      std::vector<SuiteAxis> group;
      for (const Json& name : names) {
        if (!name.is_string()) fail_usage("{}: 'zip' must name axes", block.where());
        group.push_back(take(name.get<std::string>()));
        if (group.back().values.size() != group.front().values.size()) {
          fail_usage("{}: zipped axes '{}' and '{}' have {} and {} values", block.where(),
                     group.front().name, group.back().name, group.front().values.size(),
                     group.back().values.size());
        }
      }
      groups.push_back(std::move(group));
    }
  }
  for (SuiteAxis& axis : axes) groups.push_back({std::move(axis)});
  return groups;
}

void follow(const Reader& block, const std::vector<SuiteAxis>& followers, AxisSetting& setting) {
  for (const SuiteAxis& axis : followers) {
    const auto leader = std::find_if(setting.begin(), setting.end(), [&](const auto& entry) {
      return entry.first == axis.follows;
    });
    if (leader == setting.end()) {
      fail_usage("{}: axis '{}' follows '{}', which is no axis before it", block.where(), axis.name,
                 axis.follows);
    }
    const Json value = leader->second;
    setting.emplace_back(axis.name, value);
  }
}

/// Every combination of the block's axes; one empty setting without axes.
std::vector<AxisSetting> axis_settings(const Reader& block) {
  std::vector<AxisSetting> settings(1);
  if (!block.has("axes")) {
    if (block.has("zip")) fail_usage("{}: 'zip' without 'axes'", block.where());
    return settings;
  }
  const Json& given = block.at("axes");
  if (!given.is_object()) fail_usage("{}: 'axes' must be an object", block.where());
  std::vector<SuiteAxis> axes;
  std::vector<SuiteAxis> followers;
  for (const auto& [name, values] : given.items()) {
    SuiteAxis axis = suite_axis(block, name, values);
    (axis.follows.empty() ? axes : followers).push_back(std::move(axis));
  }
  for (const std::vector<SuiteAxis>& group : axis_groups(block, std::move(axes))) {
    const std::size_t length = group.front().values.size();
    if (settings.size() > kMaxPoints / length) {
      fail_usage("{}: the axes make more than {} points", block.where(), kMaxPoints);
    }
    std::vector<AxisSetting> next;
    for (const AxisSetting& setting : settings) {
      for (std::size_t i = 0; i < length; ++i) {
        next.push_back(setting);
        for (const SuiteAxis& axis : group) next.back().emplace_back(axis.name, axis.values[i]);
      }
    }
    settings = std::move(next);
  }
  for (AxisSetting& setting : settings) follow(block, followers, setting);
  return settings;
}

bool is_size(const std::string& name) {
  return name == "m" || name == "n" || name == "k" || name == "batch";
}

/// The target with an axis setting laid over it: settings by their keys, others as parameters.
Json target_with(const Json& target, const AxisSetting& setting) {
  Json merged = target;
  const std::vector<std::string>& known = setting_keys();
  for (const auto& [name, value] : setting) {
    if (is_size(name)) continue;
    if (name == "backend" || name == "device" ||
        std::find(known.begin(), known.end(), name) != known.end()) {
      merged[name] = value;
    } else {
      merged["set"][name] = value;
    }
  }
  return merged;
}

void apply_sizes(const Reader& block, const AxisSetting& setting, PointSpec& point) {
  for (const auto& [name, value] : setting) {
    if (!is_size(name)) continue;
    const std::int64_t size = block.as_integer(value, name.c_str());
    if (name == "batch") {
      if (point.op != Op::network) fail_usage("{}: axis 'batch' is of networks", block.where());
      point.batch = size;
      continue;
    }
    if (point.op != Op::gemm) fail_usage("{}: axis '{}' is of products", block.where(), name);
    point.shape_name.clear();
    (name == "m" ? point.gemm.m : name == "n" ? point.gemm.n : point.gemm.k) = size;
  }
}

/// An entry of 'exclude' matches when all its keys have these values in the target or the axes.
bool is_excluded(const Reader& block, const Json& target, const AxisSetting& setting) {
  if (!block.has("exclude")) return false;
  const auto value_of = [&](const std::string& key) -> const Json* {
    for (const auto& [name, value] : setting) {
      if (name == key) return &value;
    }
    if (const auto at = target.find(key); at != target.end()) return &*at;
    return block.has(key.c_str()) ? &block.at(key.c_str()) : nullptr;
  };
  for (const Json& entry : block.list("exclude")) {
    if (!entry.is_object() || entry.empty()) {
      fail_usage("{}: 'exclude' must list objects such as {{\"backend\": \"crossbar\"}}",
                 block.where());
    }
    bool matches = true;
    for (const auto& [key, value] : entry.items()) {
      const Json* actual = value_of(key);
      matches = matches && actual != nullptr && *actual == value;
    }
    if (matches) return true;
  }
  return false;
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
