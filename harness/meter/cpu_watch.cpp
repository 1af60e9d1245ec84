#include "harness/meter/cpu_watch.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <string>

namespace jb::harness::meter {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> cores_in(const fs::path& root) {
  std::vector<fs::path> cores = folders_in(root);
  cores.erase(std::remove_if(cores.begin(), cores.end(),
                             [](const fs::path& path) {
                               const std::string name = path.filename().string();
                               return name.rfind("cpu", 0) != 0 || name.size() < 4 ||
                                      std::isdigit(static_cast<unsigned char>(name[3])) == 0;
                             }),
              cores.end());
  return cores;
}

/// Mean of cpufreq's kHz.
double mean_clock_Hz(const std::vector<fs::path>& cores) {
  constexpr double kKilo = 1e3;
  double sum = 0;
  int told = 0;
  for (const fs::path& core : cores) {
    const Reading clock = read_number(core / "cpufreq" / "scaling_cur_freq");
    if (clock.error != 0) continue;
    sum += static_cast<double>(clock.value) * kKilo;
    ++told;
  }
  return told > 0 ? sum / told : 0;
}

std::uint64_t throttle_count(const std::vector<fs::path>& cores) {
  std::uint64_t count = 0;
  for (const fs::path& core : cores) {
    for (const char* file : {"core_throttle_count", "package_throttle_count"}) {
      count += read_number(core / "thermal_throttle" / file).value;
    }
  }
  return count;
}

double hottest_C(const fs::path& hwmon) {
  constexpr double kMilli = 1e-3;
  double hottest = 0;
  for (const fs::path& folder : folders_in(hwmon)) {
    const std::string driver = read_line(folder / "name");
    if (driver != "coretemp" && driver != "k10temp" && driver != "zenpower") continue;
    for (int i = 1; i <= 64; ++i) {
      const Reading value = read_number(folder / ("temp" + std::to_string(i) + "_input"));
      if (value.error != 0) break;
      hottest = std::max(hottest, static_cast<double>(value.value) * kMilli);
    }
  }
  return hottest;
}

/// user, nice, system, irq, softirq and steal of the first line of /proc/stat (proc(5)).
double busy_seconds() {
  std::ifstream in("/proc/stat");
  std::string word;
  std::array<double, 8> ticks{};
  in >> word;
  for (double& value : ticks) in >> value;
  const double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
  return busy / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

CpuState cpu_state(const MeterPlaces& places) {
  const std::vector<fs::path> cores = cores_in(places.cpus);
  return {mean_clock_Hz(cores), hottest_C(places.hwmon), throttle_count(cores), busy_seconds(),
          own_seconds()};
}

double other_share(const CpuState& from, const CpuState& to, double seconds) {
  const double others = (to.busy_s - from.busy_s) - (to.own_s - from.own_s);
  const auto cores = static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
  return std::max(0.0, others / (seconds * cores));
}

}  // namespace jb::harness::meter
