#include "harness/meter/sysfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <thread>

namespace jb::harness::meter {
namespace {

namespace fs = std::filesystem;

std::string variable_or(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// One attempt; ENODATA for an empty file.
Reading read_once(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {0, errno};
  std::array<char, 64> text{};
  const ssize_t got = ::read(fd, text.data(), text.size());
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  if (error != 0) return {0, error};
  if (got == 0) return {0, ENODATA};
  Reading reading;
  const char* end = text.data() + got;
  const auto [stopped, code] = std::from_chars(text.data(), end, reading.value);
  const bool whole =
      std::all_of(stopped, end, [](unsigned char c) { return std::isspace(c) != 0; });
  if (code != std::errc{} || !whole) return {0, EINVAL};
  return reading;
}

}  // namespace

MeterPlaces MeterPlaces::from_environment() {
  MeterPlaces places;
  places.powercap = variable_or("JOULEBENCH_POWERCAP_DIR", "/sys/class/powercap");
  places.hwmon = variable_or("JOULEBENCH_HWMON_DIR", "/sys/class/hwmon");
  places.event_source = variable_or("JOULEBENCH_EVENT_SOURCE_DIR", "/sys/bus/event_source/devices");
  places.cpus = variable_or("JOULEBENCH_CPU_DIR", "/sys/devices/system/cpu");
  places.nvml = variable_or("JOULEBENCH_NVML_LIBRARY", "");
  places.power_log = variable_or("JOULEBENCH_POWER_LOG", "");
  return places;
}

Reading read_number(const fs::path& file) {
  constexpr int kAttempts = 20;
  Reading reading;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    reading = read_once(file);
    if (reading.error != ENODATA) break;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return reading;
}

std::string read_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::vector<fs::path> folders_in(const fs::path& root, int depth) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator entry(root, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) folders.push_back(entry->path());
  }
  std::sort(folders.begin(), folders.end());
  if (depth <= 1) return folders;
  const std::vector<fs::path> top = folders;
  for (const fs::path& folder : top) {
    std::error_code ignored;
    if (fs::is_symlink(folder, ignored)) continue;
    for (fs::path& below : folders_in(folder, depth - 1)) {
      if (!fs::is_symlink(below, ignored)) folders.push_back(std::move(below));
    }
  }
  return folders;
}

std::string error_text(int error) {
  std::string text = std::error_code(error, std::generic_category()).message();
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace jb::harness::meter
