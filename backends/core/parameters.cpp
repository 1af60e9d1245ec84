#include "backends/core/parameters.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "backends/core/error.h"
#include "backends/core/parameter_check.h"
#include "backends/core/text.h"

namespace jb {
namespace {

constexpr std::array<std::pair<ConstantClass, std::string_view>, 5> kClassNames = {{
    {ConstantClass::exact, "exact"},
    {ConstantClass::A, "A"},
    {ConstantClass::B, "B"},
    {ConstantClass::C, "C"},
    {ConstantClass::D, "D"},
}};

/// Text of a value for hashing and messages.
struct AsText {
  std::string operator()(double v) const { return shortest(v); }
  std::string operator()(std::int64_t v) const { return std::to_string(v); }
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(const std::string& v) const { return v; }
};

}  // namespace

std::string_view name_of(ConstantClass c) noexcept {
  for (const auto& [value, name] : kClassNames) {
    if (value == c) return name;
  }
  return "?";
}

std::optional<ConstantClass> constant_class_from(std::string_view name) noexcept {
  for (const auto& [value, text] : kClassNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

const ParameterValue& DeviceSpec::at(std::string_view key) const {
  const auto it = values_.find(key);
  if (it == values_.end()) fail_internal("device '{}' has no parameter '{}'", name_, key);
  return it->second;
}

double DeviceSpec::number(std::string_view key) const {
  const ParameterValue& p = at(key);
  if (const auto* number = std::get_if<double>(&p.value)) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&p.value)) {
    return static_cast<double>(*integer);
  }
  fail_internal("parameter '{}' is not a number", key);
}

std::int64_t DeviceSpec::integer(std::string_view key) const {
  const auto* value = std::get_if<std::int64_t>(&at(key).value);
  if (value == nullptr) fail_internal("parameter '{}' is not an integer", key);
  return *value;
}

bool DeviceSpec::flag(std::string_view key) const {
  const auto* value = std::get_if<bool>(&at(key).value);
  if (value == nullptr) fail_internal("parameter '{}' is not a boolean", key);
  return *value;
}

const std::string& DeviceSpec::text(std::string_view key) const {
  const auto* value = std::get_if<std::string>(&at(key).value);
  if (value == nullptr) fail_internal("parameter '{}' is not a text", key);
  return *value;
}

std::filesystem::path DeviceSpec::file(std::string_view key) const {
  const std::string& name = text(key);
  if (name.empty()) return {};
  return overrides_.contains(std::string(key)) ? std::filesystem::path(name) : folder_ / name;
}

void DeviceSpec::set(const std::string& key, const std::string& value_text) {
  const auto kind = values_.find(kArchitectureKey);
  const std::string architecture =
      kind == values_.end() ? std::string() : std::get<std::string>(kind->second.value);
  const ParameterSpec& spec =
      find_parameter({*backend_schema_, *schema_, backend_, architecture}, key, "--set");
  if (key == kArchitectureKey) {
    fail_usage(
        "--set {}: the kind of machine is fixed by its device file, whose other keys belong to it; "
        "name another device",
        key);
  }
  ParameterValue& target = values_.find(key)->second;
  target.value = value_from_text(spec, value_text, "--set " + key);
  target.source = "--set";
  overrides_[key] = value_text;
  if (spec.type == ParameterType::file) check_parameter_file(file(key), "--set " + key);
}

std::string DeviceSpec::hash() const {
  std::string text = backend_ + '\n' + name_ + '\n';
  for (const auto& [key, value] : values_) {
    text += key + '=' + std::visit(AsText{}, value.value) + '\n';
  }
  for (const ParameterSpec& spec : *schema_) {
    if (spec.type != ParameterType::file || this->text(spec.key).empty()) continue;
    text += spec.key + " holds " + parameter_file_text(file(spec.key), spec.key) + '\n';
  }
  return hash_hex(text);
}

DeviceSpec combined_device(const std::string& backend, const std::vector<DeviceSpec>& parts) {
  static const std::vector<ParameterSpec> none;
  DeviceSpec spec;
  spec.backend_schema_ = &none;
  spec.schema_ = std::make_shared<const std::vector<ParameterSpec>>();
  spec.backend_ = backend;
  bool validated = true;
  for (const DeviceSpec& part : parts) {
    spec.name_ += (spec.name_.empty() ? "" : "+") + part.name();
    spec.description_ += (spec.description_.empty() ? "" : "; ") + part.backend() + " " +
                         part.name() + ": " + part.description();
    spec.theory_bound_ = spec.theory_bound_ || part.theory_bound();
    validated = validated && part.validation().holds();
    ParameterValue hash;
    hash.value = part.hash();
    hash.unit = "1";
    hash.source = "device file";
    spec.values_[part.backend() + " " + part.name()] = hash;
    for (const auto& [key, text] : part.overrides()) spec.overrides_[key] = text;
  }
  if (validated && !parts.empty()) spec.validation_ = parts.front().validation();
  return spec;
}

ParameterSpec number_spec(std::string key, std::string unit, double min, double max,
                          std::string description, std::optional<double> fallback) {
  ParameterSpec spec{std::move(key),
                     ParameterType::number,
                     std::move(unit),
                     min,
                     max,
                     {},
                     std::move(description),
                     {}};
  if (fallback) spec.fallback = *fallback;
  return spec;
}

ParameterSpec integer_spec(std::string key, std::string unit, std::int64_t min, std::int64_t max,
                           std::string description, std::optional<std::int64_t> fallback) {
  ParameterSpec spec{std::move(key),           ParameterType::integer,
                     std::move(unit),          static_cast<double>(min),
                     static_cast<double>(max), {},
                     std::move(description),   {}};
  if (fallback) spec.fallback = *fallback;
  return spec;
}

ParameterSpec flag_spec(std::string key, std::string description, std::optional<bool> fallback) {
  ParameterSpec spec{
      std::move(key), ParameterType::boolean, "1", 0, 1, {}, std::move(description), {}};
  if (fallback) spec.fallback = *fallback;
  return spec;
}

ParameterSpec choice_spec(std::string key, std::vector<std::string> choices,
                          std::string description, std::optional<std::string> fallback) {
  ParameterSpec spec{std::move(key),     ParameterType::choice,  "1", 0, 0,
                     std::move(choices), std::move(description), {}};
  if (fallback) spec.fallback = *fallback;
  return spec;
}

ParameterSpec file_spec(std::string key, std::string description) {
  ParameterSpec spec{
      std::move(key), ParameterType::file, "1", 0, 0, {}, std::move(description), {}};
  spec.fallback = std::string();
  return spec;
}

}  // namespace jb
