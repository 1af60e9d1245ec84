#include "harness/suite/settings.h"

#include <limits>
#include <optional>

namespace jb::harness::suite {
namespace {

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

}  // namespace

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

}  // namespace jb::harness::suite
