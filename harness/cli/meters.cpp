#include "harness/cli/meters.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "backends/core/error.h"

namespace jb::harness::cli {

namespace {

namespace fs = std::filesystem;

// Linux kernel, Documentation/power/powercap/powercap.rst: one energy_uj counter a zone.
constexpr const char* kPowercap = "/sys/class/powercap";

MeterFinding find_rapl() {
  MeterFinding meter{"rapl", "CPU package and DRAM, where the processor tells", false, ""};
  std::error_code error;
  std::size_t zones = 0;
  std::size_t readable = 0;
  for (fs::directory_iterator entry(kPowercap, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path counter = entry->path() / "energy_uj";
    std::error_code missing;
    if (!fs::exists(counter, missing)) continue;
    ++zones;
    if (::access(counter.c_str(), R_OK) == 0) ++readable;
  }
  meter.present = readable > 0;
  if (zones == 0) {
    meter.detail = fmt::format("{} has no energy counters (common in virtual machines)", kPowercap);
  } else if (readable == 0) {
    meter.detail =
        fmt::format("{} energy counters under {}, none readable by this user", zones, kPowercap);
  } else {
    meter.detail = fmt::format("{} of {} energy counters readable", readable, zones);
  }
  return meter;
}

MeterFinding find_nvml() {
  MeterFinding meter{"nvml", "GPU board", false, ""};
  // The folders of the dynamic linker on Debian and of its usual neighbours; nothing is loaded.
  for (const char* folder :
       {"/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/nvidia/lib64"}) {
    const fs::path library = fs::path(folder) / "libnvidia-ml.so.1";
    std::error_code error;
    if (fs::exists(library, error)) {
      meter.present = ::access("/dev/nvidiactl", R_OK) == 0;
      meter.detail = meter.present ? "library and device found"
                                   : "library found, but no NVIDIA device that this user may read";
      return meter;
    }
  }
  meter.detail = "the NVIDIA management library (libnvidia-ml.so.1) is not installed";
  return meter;
}

}  // namespace

std::vector<MeterFinding> find_meters() { return {find_rapl(), find_nvml()}; }

}  // namespace jb::harness::cli
