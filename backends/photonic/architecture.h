#pragma once
// Kinds of photonic machine behind one backend. Each has keys of its own; the device file's key
// `architecture` chooses.

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "backends/core/parameters.h"

namespace jb::photonic {

struct Architecture {
  const char* name;
  /// Its keys, `architecture` left out; a static object.
  const std::vector<ParameterSpec>& (*keys)();
  std::unique_ptr<Device> (*open)(const DeviceSpec&, const DeviceInstance&);
};

/// Balanced-homodyne array (R. Hamerly et al., PRX 9, 021032 (2019)).
std::unique_ptr<Device> open_homodyne(const DeviceSpec& spec, const DeviceInstance& instance);
/// Machines of tiles (backends/photonic/tiled/parameters.h).
std::unique_ptr<Device> open_mzi_mesh(const DeviceSpec& spec, const DeviceInstance& instance);
std::unique_ptr<Device> open_wdm_mrr(const DeviceSpec& spec, const DeviceInstance& instance);
std::unique_ptr<Device> open_wdm_coherent(const DeviceSpec& spec, const DeviceInstance& instance);

}  // namespace jb::photonic
