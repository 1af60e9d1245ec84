#pragma once
// Numbers and lines of the kernel's one-value files, and where the trees of meters lie.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace jb::harness::meter {

/// Where meters are looked for. Each place may be named by an environment variable, so that a copy
/// of another machine's tree can be read.
struct MeterPlaces {
  std::filesystem::path powercap;      ///< JOULEBENCH_POWERCAP_DIR, else /sys/class/powercap
  std::filesystem::path hwmon;         ///< JOULEBENCH_HWMON_DIR, else /sys/class/hwmon
  std::filesystem::path event_source;  ///< JOULEBENCH_EVENT_SOURCE_DIR, else the PMUs of /sys/bus
  std::filesystem::path cpus;          ///< JOULEBENCH_CPU_DIR, else /sys/devices/system/cpu
  std::string nvml;  ///< JOULEBENCH_NVML_LIBRARY, else "": the loader's libnvidia-ml.so.1
  std::filesystem::path power_log;  ///< JOULEBENCH_POWER_LOG; "" = there is none

  static MeterPlaces from_environment();
};

/// What reading a one-value file gave: `error` is an errno, 0 when `value` holds.
struct Reading {
  std::uint64_t value = 0;
  int error = 0;
};

/// A decimal number. A file that is there but empty is read again a few times: its writer may be at
/// work. EINVAL when the text is no number.
Reading read_number(const std::filesystem::path& file);

/// The first line; "" when there is none.
std::string read_line(const std::filesystem::path& file);

/// Folders under `root` (and, `depth` levels down, under those) in the order of their names; links
/// to folders count at the first level alone. Nothing when `root` cannot be read.
std::vector<std::filesystem::path> folders_in(const std::filesystem::path& root, int depth = 1);

/// "Permission denied" in lower case, as part of a sentence.
std::string error_text(int error);

}  // namespace jb::harness::meter
