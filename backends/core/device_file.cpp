// Reading of device files (schema joulebench/device/1).

#include <algorithm>
#include <set>

#include "backends/core/error.h"
#include "backends/core/parameter_check.h"
#include "backends/core/parameters.h"
#include "backends/core/paths.h"
#include "backends/core/table_file.h"
#include "backends/core/text.h"

namespace jb {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxDeviceFileBytes = 1U << 20U;
constexpr const char* kDeviceSchema = "joulebench/device/1";

/// Refuses members of `json` that are not in `known`, suggesting the nearest.
void refuse_unknown(const Json& json, const std::vector<std::string>& known,
                    const std::string& where) {
  if (!json.is_object()) fail_usage("{}: must be a JSON object", where);
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fail_usage("{}: unknown key '{}'{} (known: {})", where, key, did_you_mean(key, known),
                 join(known));
    }
  }
}

std::string text_member(const Json& json, const char* key, const std::string& where) {
  if (!json.contains(key) || !json.at(key).is_string() ||
      json.at(key).get_ref<const std::string&>().empty()) {
    fail_usage("{}: key '{}' must be there and hold a text", where, key);
  }
  std::string text = json.at(key).get<std::string>();
  if (has_control_characters(text)) {
    fail_usage("{}: key '{}' must not hold control characters", where, key);
  }
  return text;
}

/// A name is a column of tables and a word of command lines.
std::string name_member(const Json& json, const std::string& where) {
  constexpr std::size_t kMaxName = 64;
  const std::string name = text_member(json, "name", where);
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '+';
  });
  if (!plain || name.size() > kMaxName || name.front() == '-') {
    fail_usage("{}: a name has at most {} letters, digits, '.', '_', '+' and '-', not first '-'",
               where, kMaxName);
  }
  return name;
}

double number_member(const Json& json, const char* key, double fallback, const std::string& where) {
  if (!json.contains(key)) return fallback;
  if (!json.at(key).is_number()) fail_usage("{}: key '{}' must be a number", where, key);
  return json.at(key).get<double>();
}

TableEntry entry_for(const std::string& reference, const std::string& where) {
  try {
    return table_entry(reference);
  } catch (const Error& e) {
    fail_usage("{}: {}", where, e.what());
  }
}

/// A value taken from a table of published constants, with that table's source and class.
ParameterValue from_table(const ParameterSpec& spec, const Json& json, const std::string& where) {
  refuse_unknown(json, {"from", "scale", "note"}, where);
  const std::string reference = text_member(json, "from", where);
  const TableEntry entry = entry_for(reference, where);
  if (entry.unit != spec.unit) {
    fail_usage("{}: '{}' is in {}, the parameter '{}' in {}", where, reference, entry.unit,
               spec.key, spec.unit);
  }
  const double scale = number_member(json, "scale", 1, where);
  ParameterValue out;
  out.value = value_from_json(spec, Json(entry.value * scale), where);
  out.unit = spec.unit;
  out.source = entry.source + " (" + reference +
               (scale == 1 ? std::string() : ", times " + shortest(scale)) + ")";
  if (json.contains("note")) out.source += "; " + text_member(json, "note", where);
  out.cls = entry.cls;
  return out;
}

ParameterValue given_value(const ParameterSpec& spec, const Json& json, const std::string& where) {
  refuse_unknown(json, {"value", "unit", "source", "class", "note"}, where);
  if (!json.contains("value")) fail_usage("{}: key 'value' is missing", where);
  ParameterValue out;
  out.value = value_from_json(spec, json.at("value"), where);
  out.unit = text_member(json, "unit", where);
  if (out.unit != spec.unit) {
    fail_usage("{}: parameter '{}' is in {}, not in {}", where, spec.key, spec.unit, out.unit);
  }
  out.source = text_member(json, "source", where);
  if (json.contains("note")) out.source += "; " + text_member(json, "note", where);
  const std::string cls = text_member(json, "class", where);
  const auto known = constant_class_from(cls);
  if (!known) fail_usage("{}: class '{}' must be one of exact, A, B, C, D", where, cls);
  out.cls = *known;
  return out;
}

/// The kind of machine that a device file says it is; "" where the backend has one kind only.
std::string architecture_of(const std::vector<ParameterSpec>& backend_schema, const Json& json,
                            const std::string& where) {
  for (const ParameterSpec& spec : backend_schema) {
    if (spec.key != kArchitectureKey) continue;
    if (!json.contains(spec.key)) return std::get<std::string>(*spec.fallback);
    const std::string place = where + ", parameter '" + spec.key + "'";
    return std::get<std::string>(given_value(spec, json.at(spec.key), place).value);
  }
  return {};
}

std::map<std::string, ParameterValue, std::less<>> read_parameters(const KeyOwner& owner,
                                                                   const Json& json,
                                                                   const std::string& where) {
  std::map<std::string, ParameterValue, std::less<>> values;
  for (const auto& [key, entry] : json.items()) {
    const ParameterSpec& spec = find_parameter(owner, key, where);
    const std::string place = where + ", parameter '" + key + "'";
    if (!entry.is_object()) {
      fail_usage("{}: must be an object with value, unit, source and class", place);
    }
    values[key] =
        entry.contains("from") ? from_table(spec, entry, place) : given_value(spec, entry, place);
  }
  for (const ParameterSpec& spec : owner.schema) {
    if (values.contains(spec.key)) continue;
    if (!spec.fallback) {
      fail_usage(
          "{}: parameter '{}' ({}) is missing: add it with value, unit, source and class "
          "(allowed: {})",
          where, spec.key, spec.description, allowed_range(spec));
    }
    values[spec.key] = {*spec.fallback, spec.unit, "default: " + spec.description,
                        ConstantClass::exact};
  }
  return values;
}

PresetValidation read_validation(const Json& json, bool with_caveat, const std::string& where) {
  std::vector<std::string> keys = {"against", "published_J_per_mac", "ratio"};
  if (with_caveat) keys.emplace_back("caveat");
  refuse_unknown(json, keys, where);
  PresetValidation validation;
  validation.against = text_member(json, "against", where);
  validation.published_J_per_mac = number_member(json, "published_J_per_mac", 0, where);
  validation.ratio = number_member(json, "ratio", 0, where);
  if (with_caveat) validation.caveat = text_member(json, "caveat", where);
  return validation;
}

}  // namespace

DeviceSpec load_device_file(const std::vector<ParameterSpec>& schema, const std::string& backend,
                            const fs::path& path) {
  const Json json = read_json_file(path, kMaxDeviceFileBytes);
  const std::string where = "device file '" + path.string() + "'";
  refuse_unknown(json,
                 {"schema", "backend", "name", "description", "theory_bound", "validation",
                  "compared", "parameters"},
                 where);
  if (text_member(json, "schema", where) != kDeviceSchema) {
    fail_usage("{}: 'schema' must be \"{}\"", where, kDeviceSchema);
  }
  DeviceSpec spec;
  spec.backend_ = text_member(json, "backend", where);
  if (spec.backend_ != backend) {
    fail_usage("{}: is a device of backend '{}', not of '{}'", where, spec.backend_, backend);
  }
  spec.name_ = name_member(json, where);
  spec.description_ = text_member(json, "description", where);
  if (json.contains("theory_bound")) {
    if (!json.at("theory_bound").is_boolean()) {
      fail_usage("{}: 'theory_bound' must be true or false", where);
    }
    spec.theory_bound_ = json.at("theory_bound").get<bool>();
  }
  if (json.contains("validation")) {
    spec.validation_ = read_validation(json.at("validation"), false, where + ", validation");
  }
  if (json.contains("compared")) {
    spec.comparison_ = read_validation(json.at("compared"), true, where + ", compared");
  }
  const Json parameters = json.contains("parameters") ? json.at("parameters") : Json::object();
  if (!parameters.is_object()) fail_usage("{}: 'parameters' must be a JSON object", where);
  const std::string architecture = architecture_of(schema, parameters, where);
  spec.backend_schema_ = &schema;
  spec.schema_ =
      std::make_shared<const std::vector<ParameterSpec>>(parameters_of(schema, architecture));
  spec.values_ = read_parameters({schema, *spec.schema_, backend, architecture}, parameters, where);
  spec.folder_ = path.parent_path();
  for (const ParameterSpec& row : *spec.schema_) {
    if (row.type != ParameterType::file) continue;
    check_parameter_file(spec.file(row.key), where + ", parameter '" + row.key + "'");
  }
  return spec;
}

std::vector<std::string> preset_names(const std::string& backend) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(presets_dir() / backend, error)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

DeviceSpec load_device(const std::vector<ParameterSpec>& schema, const std::string& backend,
                       const std::string& name_or_file) {
  if (name_or_file.ends_with(".json")) return load_device_file(schema, backend, name_or_file);
  const std::vector<std::string> names = preset_names(backend);
  if (std::find(names.begin(), names.end(), name_or_file) == names.end()) {
    fail_usage("unknown device '{}' of backend {}{} (there are: {}; a file's name ends in .json)",
               name_or_file, backend, did_you_mean(name_or_file, names),
               names.empty() ? "none" : join(names));
  }
  return load_device_file(schema, backend, presets_dir() / backend / (name_or_file + ".json"));
}

}  // namespace jb
