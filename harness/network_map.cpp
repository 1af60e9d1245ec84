#include "harness/network_map.h"

#include <algorithm>
#include <utility>

#include "backends/core/text.h"
#include "backends/host/hybrid_device.h"

namespace jb::harness {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

MapRule rule_from(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    fail_usage("--map: '{}' is not PATTERN=BACKEND[:DEVICE], as in 'conv*=crossbar'", text);
  }
  MapRule rule;
  rule.pattern = text.substr(0, equals);
  const std::string machine = text.substr(equals + 1);
  const std::size_t colon = machine.find(':');
  rule.backend = machine.substr(0, colon);
  if (colon != std::string::npos) {
    rule.device = machine.substr(colon + 1);
    if (rule.device.empty()) fail_usage("--map: '{}' names no device after the colon", text);
  }
  try {
    find_backend(rule.backend);
  } catch (const Error& error) {
    fail_usage("--map: '{}': {}", text, error.what());
  }
  return rule;
}

bool has(const std::vector<ElementType>& types, ElementType type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

bool has_key(const DeviceSpec& spec, const std::string& key) {
  return std::any_of(spec.schema().begin(), spec.schema().end(),
                     [&](const ParameterSpec& known) { return known.key == key; });
}

}  // namespace

std::vector<MapRule> map_rules_from(const std::string& text) {
  std::vector<MapRule> rules;
  for (const std::string& part : split(text, ',')) {
    rules.push_back(rule_from(part));
    for (std::size_t i = 0; i + 1 < rules.size(); ++i) {
      if (rules[i].pattern == rules.back().pattern) {
        fail_usage("--map: the pattern '{}' is given twice; keep one of them", rules[i].pattern);
      }
    }
  }
  return rules;
}

HybridBackend::HybridBackend(const PointSpec& point) : rules_(map_rules_from(point.map)) {
  for (const MapRule& rule : rules_) part_of_rule_.push_back(part_of(rule));
  for (const auto& [key, value] : point.set) {
    bool known = false;
    for (Part& part : parts_) {
      if (!has_key(part.spec, key)) continue;
      part.spec.set(key, value);
      known = true;
    }
    if (!known) fail_usage("--set {}: no machine of --map {} has this key", key, point.map);
  }
  info_.id = kHybridBackend;
  info_.kind = kHybridBackend;
  info_.simulated = false;
  info_.precisions = {ElementType::f32};
  std::vector<DeviceSpec> specs;
  bool precise = !point.precision;
  for (Part& part : parts_) {
    const std::vector<ElementType>& known = part.backend->info().precisions;
    for (const ElementType type : known) {
      if (!has(info_.precisions, type)) info_.precisions.push_back(type);
    }
    part.precision = known.front();
    if (point.precision && has(known, *point.precision)) {
      part.precision = *point.precision;
      precise = true;
    }
    specs.push_back(part.spec);
    info_.simulated = info_.simulated || part.backend->info().simulated;
    info_.model_version = std::max(info_.model_version, part.backend->info().model_version);
  }
  if (!precise) {
    fail_usage("--precision {}: no machine of --map {} has it", name_of(*point.precision),
               point.map);
  }
  spec_ = combined_device(kHybridBackend, specs);
  info_.description = spec_.description();
  info_.default_device = spec_.name();
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Part& part = parts_[part_of_rule_[i]];
    canonical_ +=
        (i == 0 ? "" : ",") + rules_[i].pattern + "=" + rules_[i].backend + ":" + part.spec.name();
  }
}

std::size_t HybridBackend::part_of(const MapRule& rule) {
  const Backend& backend = find_backend(rule.backend);
  const std::string device = rule.device.empty() ? backend.info().default_device : rule.device;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].backend == &backend && parts_[i].device == device) return i;
  }
  parts_.push_back({&backend, device, load_device(backend, device), ElementType::f32});
  return parts_.size() - 1;
}

Support HybridBackend::available() const {
  for (const Part& part : parts_) {
    if (const Support support = part.backend->available(); !support) {
      return Support::no(part.backend->info().id + ": " + support.reason);
    }
  }
  return Support::yes();
}

const std::vector<ParameterSpec>& HybridBackend::parameters() const {
  static const std::vector<ParameterSpec> none;
  return none;
}

std::unique_ptr<Device> HybridBackend::open(const DeviceSpec& /*spec*/,
                                            const DeviceInstance& instance) const {
  std::vector<host::HybridDevice::Part> parts;
  for (const Part& part : parts_) {
    DeviceInstance own = instance;
    own.precision = part.precision;
    parts.push_back({part.backend->open(part.spec, own), part.precision});
  }
  std::vector<host::HybridDevice::Rule> rules;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    rules.push_back({rules_[i].pattern, static_cast<int>(part_of_rule_[i])});
  }
  return std::make_unique<host::HybridDevice>(spec_, std::move(parts), std::move(rules));
}

}  // namespace jb::harness
