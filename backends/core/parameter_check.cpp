#include "backends/core/parameter_check.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "backends/core/error.h"
#include "backends/core/text.h"

namespace jb {
namespace {

std::string type_name(ParameterType type) {
  switch (type) {
    case ParameterType::number:
      return "a number";
    case ParameterType::integer:
      return "an integer";
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::choice:
      return "a name";
    case ParameterType::file:
      return "the name of a file";
  }
  return "?";
}

[[noreturn]] void refuse_type(const ParameterSpec& spec, const std::string& got,
                              const std::string& where) {
  fail_usage("{}: parameter '{}' must be {}, not {} (allowed: {})", where, spec.key,
             type_name(spec.type), got, allowed_range(spec));
}

double checked_range(const ParameterSpec& spec, double value, const std::string& where) {
  if (!(value >= spec.min && value <= spec.max)) {
    fail_usage("{}: parameter '{}' is {} but must lie in {}", where, spec.key, shortest(value),
               allowed_range(spec));
  }
  return value;
}

std::string checked_path(const ParameterSpec& spec, const std::string& value,
                         const std::string& where) {
  if (has_control_characters(value)) {
    fail_usage("{}: parameter '{}' must not hold control characters", where, spec.key);
  }
  return value;
}

std::string checked_choice(const ParameterSpec& spec, const std::string& value,
                           const std::string& where) {
  if (std::find(spec.choices.begin(), spec.choices.end(), value) == spec.choices.end()) {
    fail_usage("{}: parameter '{}' is '{}' but must be {}{}", where, spec.key, value,
               allowed_range(spec), did_you_mean(value, spec.choices));
  }
  return value;
}

}  // namespace

std::vector<ParameterSpec> parameters_of(const std::vector<ParameterSpec>& backend_schema,
                                         std::string_view architecture) {
  std::vector<ParameterSpec> rows;
  for (const ParameterSpec& spec : backend_schema) {
    if (spec.architecture.empty() || spec.architecture == architecture) rows.push_back(spec);
  }
  return rows;
}

const ParameterSpec& find_parameter(const KeyOwner& owner, const std::string& key,
                                    const std::string& where) {
  std::vector<std::string> keys;
  for (const ParameterSpec& spec : owner.schema) {
    if (spec.key == key) return spec;
    keys.push_back(spec.key);
  }
  std::vector<std::string> elsewhere;
  for (const ParameterSpec& spec : owner.backend_schema) {
    if (spec.key == key) elsewhere.push_back(spec.architecture);
  }
  if (!elsewhere.empty()) {
    fail_usage("{}: '{}' is a parameter of {} = {}; this device is of {} = {}", where, key,
               kArchitectureKey, join(elsewhere), kArchitectureKey, owner.architecture);
  }
  fail_usage(
      "{}: '{}' is no parameter of backend {}{} (`joulebench list devices --backend {} "
      "--json` gives them all)",
      where, key, owner.backend, did_you_mean(key, keys), owner.backend);
}

std::string allowed_range(const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::choice:
      return "one of " + join(spec.choices);
    case ParameterType::file:
      return "a file's path, or nothing";
    case ParameterType::number:
    case ParameterType::integer:
      break;
  }
  const std::string unit = spec.unit == "1" ? "" : " " + spec.unit;
  return shortest(spec.min) + " .. " + shortest(spec.max) + unit;
}

ParameterData value_from_json(const ParameterSpec& spec, const Json& json,
                              const std::string& where) {
  const std::string got = json.dump().substr(0, 40);
  switch (spec.type) {
    case ParameterType::number:
      if (!json.is_number()) refuse_type(spec, got, where);
      return checked_range(spec, json.get<double>(), where);
    case ParameterType::integer: {
      const bool integral =
          json.is_number_integer() ||
          (json.is_number_float() && std::floor(json.get<double>()) == json.get<double>());
      if (!integral) refuse_type(spec, got, where);
      return static_cast<std::int64_t>(checked_range(spec, json.get<double>(), where));
    }
    case ParameterType::boolean:
      if (!json.is_boolean()) refuse_type(spec, got, where);
      return json.get<bool>();
    case ParameterType::choice:
      if (!json.is_string()) refuse_type(spec, got, where);
      return checked_choice(spec, json.get<std::string>(), where);
    case ParameterType::file:
      if (!json.is_string()) refuse_type(spec, got, where);
      return checked_path(spec, json.get<std::string>(), where);
  }
  fail_internal("parameter '{}' has no type", spec.key);
}

ParameterData value_from_text(const ParameterSpec& spec, const std::string& text,
                              const std::string& where) {
  switch (spec.type) {
    case ParameterType::number: {
      double value = 0;
      if (!parse_number(text, value)) refuse_type(spec, "'" + text + "'", where);
      return checked_range(spec, value, where);
    }
    case ParameterType::integer: {
      std::int64_t value = 0;
      if (!parse_integer(text, value)) refuse_type(spec, "'" + text + "'", where);
      checked_range(spec, static_cast<double>(value), where);
      return value;
    }
    case ParameterType::boolean:
      if (text == "true" || text == "1") return true;
      if (text == "false" || text == "0") return false;
      refuse_type(spec, "'" + text + "'", where);
    case ParameterType::choice:
      return checked_choice(spec, text, where);
    case ParameterType::file:
      return checked_path(spec, text, where);
  }
  fail_internal("parameter '{}' has no type", spec.key);
}

void check_parameter_file(const std::filesystem::path& path, const std::string& where) {
  if (path.empty()) return;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    fail_usage("{}: there is no file '{}' (paths in a device file start at its folder)", where,
               path.string());
  }
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error || bytes > kMostParameterFileBytes) {
    fail_usage("{}: '{}' is larger than {} bytes", where, path.string(), kMostParameterFileBytes);
  }
}

std::string parameter_file_text(const std::filesystem::path& path, const std::string& where) {
  check_parameter_file(path, where);
  std::ifstream stream(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (stream.bad() || !stream.is_open()) {
    fail_usage("{}: '{}' cannot be read", where, path.string());
  }
  return text;
}

}  // namespace jb
