// Simulated photonic processors: one backend, several architectures.

#include <utility>

#include "backends/backend.h"
#include "backends/photonic/architecture.h"
#include "backends/photonic/parameters.h"
#include "backends/photonic/tiled/parameters.h"

namespace jb {
namespace photonic {
namespace {

/// The first is that of device files which do not name one.
constexpr Architecture kArchitectures[] = {
    {"homodyne", parameter_schema, open_homodyne},
    {"mzi_mesh", mesh_keys, open_mzi_mesh},
    {"wdm_mrr", ring_bank_keys, open_wdm_mrr},
    {"wdm_coherent", coherent_keys, open_wdm_coherent},
};

std::vector<ParameterSpec> all_keys() {
  std::vector<std::string> names;
  for (const Architecture& architecture : kArchitectures) names.emplace_back(architecture.name);
  std::vector<ParameterSpec> keys = {choice_spec(kArchitectureKey, names,
                                                 "kind of machine; every kind has keys of its own",
                                                 kArchitectures[0].name)};
  for (const Architecture& architecture : kArchitectures) {
    for (ParameterSpec key : architecture.keys()) {
      key.architecture = architecture.name;
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

class PhotonicBackend final : public Backend {
 public:
  [[nodiscard]] const BackendInfo& info() const override {
    static const BackendInfo info = {
        "photonic",
        "photonic",
        "simulated photonic processors: shot noise, converters, laser at wall plug",
        true,
        {ElementType::f32, ElementType::f64},
        "photonic-2025",
        "ideal",
        4};
    return info;
  }
  [[nodiscard]] Support available() const override { return Support::yes(); }
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override {
    static const std::vector<ParameterSpec> keys = all_keys();
    return keys;
  }
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& instance) const override {
    const std::string& name = spec.text(kArchitectureKey);
    for (const Architecture& architecture : kArchitectures) {
      if (name == architecture.name) return architecture.open(spec, instance);
    }
    fail_internal("no photonic architecture '{}'", name);
  }
};

}  // namespace
}  // namespace photonic

const Backend& photonic_backend() {
  static const photonic::PhotonicBackend backend;
  return backend;
}

}  // namespace jb
