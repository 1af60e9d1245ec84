#pragma once
// The functions of the NVIDIA management library that meters use, bound at run time (dlopen):
// NVML API reference, signatures and constants of nvml.h. Functions that an older library lacks are
// null.

#include <memory>
#include <string>

namespace jb::harness::meter {

using NvmlDevice = void*;

inline constexpr int kNvmlSuccess = 0;
inline constexpr int kNvmlErrorNotSupported = 3;
inline constexpr unsigned kNvmlClockSm = 1;
inline constexpr unsigned kNvmlTemperatureGpu = 0;

struct NvmlProcess {  // nvmlProcessInfo_t of version 2 and later
  unsigned pid = 0;
  unsigned long long used_memory = 0;
  unsigned gpu_instance = 0;
  unsigned compute_instance = 0;
};

struct NvmlFunctions {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*device_count)(unsigned*) = nullptr;
  int (*device_by_index)(unsigned, NvmlDevice*) = nullptr;
  int (*device_by_uuid)(const char*, NvmlDevice*) = nullptr;
  int (*device_name)(NvmlDevice, char*, unsigned) = nullptr;
  int (*total_energy)(NvmlDevice, unsigned long long*) = nullptr;  // mJ since the driver was loaded
  int (*power_usage)(NvmlDevice, unsigned*) = nullptr;             // mW
  int (*power_limit)(NvmlDevice, unsigned*) = nullptr;             // mW, in force
  int (*clock)(NvmlDevice, unsigned, unsigned*) = nullptr;         // MHz
  int (*temperature)(NvmlDevice, unsigned, unsigned*) = nullptr;   // degrees Celsius
  int (*throttle_reasons)(NvmlDevice, unsigned long long*) = nullptr;
  int (*mig_mode)(NvmlDevice, unsigned*, unsigned*) = nullptr;
  int (*processes)(NvmlDevice, unsigned*, NvmlProcess*) = nullptr;
};

/// The loaded and initialised library; shut down and closed at the end.
class NvmlLibrary {
 public:
  /// Null with the reason in `error` when there is none, or it does not start. `path` "" means the
  /// loader's libnvidia-ml.so.1.
  static std::shared_ptr<NvmlLibrary> open(const std::string& path, std::string& error);
  ~NvmlLibrary();
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;

  [[nodiscard]] const NvmlFunctions& call() const noexcept { return functions_; }
  /// "insufficient permissions" for a code.
  [[nodiscard]] std::string error_text(int code) const;

 private:
  NvmlLibrary() = default;
  bool bind(std::string& missing);

  void* handle_ = nullptr;
  bool started_ = false;
  NvmlFunctions functions_;
};

}  // namespace jb::harness::meter
