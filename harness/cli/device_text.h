#pragma once
// What the command line says of backends and devices, for `list` and `explain`.

#include <optional>
#include <string>

#include "backends/backend.h"

namespace jb::harness::cli {

/// A backend as `list backends --json` gives it.
Json backend_json(const Backend& backend);

/// A device with every key that --set takes, as `list devices --json` gives it. The boundaries are
/// null when the device has no energy data or cannot be opened on this computer.
Json device_json(const Backend& backend, const DeviceSpec& spec);

/// "256", "true", "gaussian": a parameter's value as --set would take it.
std::string value_text(const ParameterValue& value);

/// "1 to 4096", "true or false", "gaussian, poisson": what a parameter takes.
std::string range_text(const ParameterSpec& parameter);

/// The opened device, or nothing when its backend cannot run here.
std::unique_ptr<Device> open_if_available(const Backend& backend, const DeviceSpec& spec);

}  // namespace jb::harness::cli
