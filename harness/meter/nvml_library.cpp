#include "harness/meter/nvml_library.h"

#include <dlfcn.h>
#include <fmt/core.h>

namespace jb::harness::meter {
namespace {

/// The first symbol of these names; the newest version comes first.
template <class Function>
void bind_first(void* handle, Function& function, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (void* symbol = ::dlsym(handle, name)) {
      function = reinterpret_cast<Function>(symbol);  // what dlsym is for
      return;
    }
  }
}

}  // namespace

bool NvmlLibrary::bind(std::string& missing) {
  NvmlFunctions& f = functions_;
  bind_first(handle_, f.init, {"nvmlInit_v2", "nvmlInit"});
  bind_first(handle_, f.shutdown, {"nvmlShutdown"});
  bind_first(handle_, f.error_string, {"nvmlErrorString"});
  bind_first(handle_, f.driver_version, {"nvmlSystemGetDriverVersion"});
  bind_first(handle_, f.device_count, {"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"});
  bind_first(handle_, f.device_by_index,
             {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"});
  bind_first(handle_, f.device_by_uuid, {"nvmlDeviceGetHandleByUUID"});
  bind_first(handle_, f.device_name, {"nvmlDeviceGetName"});
  bind_first(handle_, f.total_energy, {"nvmlDeviceGetTotalEnergyConsumption"});
  bind_first(handle_, f.power_usage, {"nvmlDeviceGetPowerUsage"});
  bind_first(handle_, f.power_limit,
             {"nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetPowerManagementLimit"});
  bind_first(handle_, f.clock, {"nvmlDeviceGetClockInfo"});
  bind_first(handle_, f.temperature, {"nvmlDeviceGetTemperature"});
  bind_first(
      handle_, f.throttle_reasons,
      {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"});
  bind_first(handle_, f.mig_mode, {"nvmlDeviceGetMigMode"});
  // Version 1 has another structure and is left alone.
  bind_first(
      handle_, f.processes,
      {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"});
  if (f.init == nullptr) missing = "nvmlInit_v2";
  if (f.device_count == nullptr) missing = "nvmlDeviceGetCount_v2";
  if (f.device_by_index == nullptr) missing = "nvmlDeviceGetHandleByIndex_v2";
  return missing.empty();
}

std::shared_ptr<NvmlLibrary> NvmlLibrary::open(const std::string& path, std::string& error) {
  std::shared_ptr<NvmlLibrary> library(new NvmlLibrary);
  if (!path.empty()) {
    library->handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library->handle_ == nullptr) error = fmt::format("cannot load {}: {}", path, ::dlerror());
  } else {
    for (const char* name : {"libnvidia-ml.so.1", "libnvidia-ml.so"}) {
      library->handle_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (library->handle_ != nullptr) break;
    }
    if (library->handle_ == nullptr) {
      error = "the NVIDIA management library (libnvidia-ml.so.1) is not installed";
    }
  }
  if (library->handle_ == nullptr) return nullptr;
  std::string missing;
  if (!library->bind(missing)) {
    error = fmt::format("the NVIDIA management library lacks {}", missing);
    return nullptr;
  }
  const int code = library->functions_.init();
  if (code != kNvmlSuccess) {
    error =
        fmt::format("the NVIDIA management library does not start: {}", library->error_text(code));
    return nullptr;
  }
  library->started_ = true;
  return library;
}

NvmlLibrary::~NvmlLibrary() {
  if (started_ && functions_.shutdown != nullptr) functions_.shutdown();
  if (handle_ != nullptr) ::dlclose(handle_);
}

std::string NvmlLibrary::error_text(int code) const {
  if (functions_.error_string == nullptr) return fmt::format("NVML error {}", code);
  return fmt::format("{} (NVML error {})", functions_.error_string(code), code);
}

}  // namespace jb::harness::meter
