#include "harness/suite/axes.h"

#include <algorithm>

#include "harness/cli/axes.h"
#include "harness/suite/settings.h"

namespace jb::harness::suite {
namespace {

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

bool is_size(const std::string& name) {
  return name == "m" || name == "n" || name == "k" || name == "batch";
}

}  // namespace

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

}  // namespace jb::harness::suite
