#include "harness/cli/device_text.h"

#include <cmath>
#include <limits>

#include "backends/core/text.h"

namespace jb::harness::cli {

namespace {

const char* type_name(ParameterType type) {
  switch (type) {
    case ParameterType::number:
      return "number";
    case ParameterType::integer:
      return "integer";
    case ParameterType::boolean:
      return "boolean";
    case ParameterType::choice:
      return "choice";
    case ParameterType::file:
      return "file";
  }
  return "number";
}

// A bound without end is no number in JSON.
Json bound_json(double bound) { return std::isfinite(bound) ? Json(bound) : Json(nullptr); }

Json parameter_json(const ParameterSpec& parameter, const ParameterValue& value) {
  Json json = Json::object();
  std::visit([&json](const auto& held) { json["value"] = held; }, value.value);
  json["unit"] = value.unit;
  json["type"] = type_name(parameter.type);
  if (parameter.type == ParameterType::number || parameter.type == ParameterType::integer) {
    json["min"] = bound_json(parameter.min);
    json["max"] = bound_json(parameter.max);
  } else if (parameter.type == ParameterType::choice) {
    json["choices"] = parameter.choices;
  }
  json["source"] = value.source;
  json["class"] = std::string(name_of(value.cls));
  json["description"] = parameter.description;
  return json;
}

}  // namespace

Json backend_json(const Backend& backend) {
  const BackendInfo& info = backend.info();
  const Support available = backend.available();
  Json json = Json::object();
  json["id"] = info.id;
  json["kind"] = info.kind;
  json["description"] = info.description;
  json["simulated"] = info.simulated;
  json["available"] = available.ok;
  json["reason"] = available.reason;
  json["precisions"] = Json::array();
  for (const ElementType type : info.precisions) {
    json["precisions"].push_back(std::string(name_of(type)));
  }
  json["devices"] = preset_names(info.id);
  json["default_device"] = info.default_device;
  json["model_version"] = info.model_version;
  return json;
}

std::unique_ptr<Device> open_if_available(const Backend& backend, const DeviceSpec& spec) {
  if (!backend.available().ok) return nullptr;
  return backend.open(spec, DeviceInstance{});
}

Json device_json(const Backend& backend, const DeviceSpec& spec) {
  Json json = Json::object();
  json["backend"] = backend.info().id;
  json["name"] = spec.name();
  json["description"] = spec.description();
  json["theory_bound"] = spec.theory_bound();
  const std::unique_ptr<Device> device = open_if_available(backend, spec);
  const bool has_energy = device != nullptr && device->prices().has_energy;
  json["lowest_boundary"] =
      has_energy ? Json(std::string(name_of(device->prices().lowest))) : Json(nullptr);
  json["highest_boundary"] =
      has_energy ? Json(std::string(name_of(device->prices().highest))) : Json(nullptr);
  json["calibrations"] = Json::array();
  if (device != nullptr) json["calibrations"] = device->calibration_methods();
  const PresetValidation& validation = spec.validation();
  json["validated_against"] = validation.holds() ? validation.against : std::string();
  const auto figure_json = [](const PresetValidation& figure) {
    if (figure.against.empty()) return Json(nullptr);
    return Json{{"against", figure.against},
                {"published_J_per_mac", figure.published_J_per_mac},
                {"ratio", figure.ratio},
                {"caveat", figure.caveat},
                {"holds", figure.holds()}};
  };
  json["validation"] = figure_json(validation);
  json["compared"] = figure_json(spec.comparison());
  json["hash"] = spec.hash();
  Json parameters = Json::object();
  for (const ParameterSpec& parameter : spec.schema()) {
    parameters[parameter.key] = parameter_json(parameter, spec.at(parameter.key));
  }
  json["parameters"] = std::move(parameters);
  return json;
}

std::string value_text(const ParameterValue& value) {
  struct Text {
    std::string operator()(double number) const { return shortest(number); }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(const std::string& text) const { return text; }
  };
  return std::visit(Text{}, value.value);
}

std::string range_text(const ParameterSpec& parameter) {
  switch (parameter.type) {
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::choice:
      return join(parameter.choices);
    case ParameterType::file:
      return "a file's path, or nothing";
    case ParameterType::number:
    case ParameterType::integer:
      break;
  }
  const std::string low = std::isfinite(parameter.min) ? shortest(parameter.min) : "any";
  const std::string high = std::isfinite(parameter.max) ? shortest(parameter.max) : "any";
  return low + " to " + high;
}

}  // namespace jb::harness::cli
