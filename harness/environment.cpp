#include "harness/environment.h"

#include <fmt/core.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "backends/core/gemm.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"

namespace jb::harness {
namespace {

std::string first_line(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// Value of "key : value" in /proc/cpuinfo, of the first processor.
std::string cpu_field(const std::string& key) {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.rfind(key, 0) != 0) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return {};
}

bool has_word(const std::string& words, const std::string& word) {
  std::istringstream in(words);
  std::string next;
  while (in >> next) {
    if (next == word) return true;
  }
  return false;
}

/// "48K", "2048K", "32M" in bytes; 0 when it is none of these.
std::int64_t cache_bytes(const std::string& text) {
  if (text.empty()) return 0;
  const char unit = text.back();
  const std::int64_t factor = unit == 'K' ? 1024 : unit == 'M' ? 1024 * 1024 : 1;
  std::int64_t size = 0;
  const std::string digits = factor == 1 ? text : text.substr(0, text.size() - 1);
  return parse_integer(digits, size) ? size * factor : 0;
}

std::vector<CacheInfo> caches_of_cpu0() {
  std::vector<CacheInfo> caches;
  const std::filesystem::path root = "/sys/devices/system/cpu/cpu0/cache";
  for (int index = 0; index < 16; ++index) {
    const std::filesystem::path dir = root / fmt::format("index{}", index);
    std::int64_t level = 0;
    if (!parse_integer(first_line(dir / "level"), level)) break;
    caches.push_back(
        {static_cast<int>(level), first_line(dir / "type"), cache_bytes(first_line(dir / "size"))});
  }
  return caches;
}

/// "MemTotal: 8048564 kB" in bytes; 0 when the line is not there.
std::int64_t memory_field(const std::string& key) {
  std::ifstream in("/proc/meminfo");
  std::string name;
  std::int64_t kilobytes = 0;
  std::string rest;
  while (in >> name >> kilobytes && std::getline(in, rest)) {
    if (name == key + ":") return kilobytes * 1024;
  }
  return 0;
}

/// "off" where the file says `off`, "on" where it says anything else, "" where there is none.
std::string switch_state(const std::filesystem::path& file, const std::string& off) {
  const std::string text = first_line(file);
  return text.empty() ? "" : text == off ? "off" : "on";
}

/// intel_pstate says no_turbo, the other drivers of cpufreq say boost.
std::string turbo_state() {
  const std::string pstate = switch_state("/sys/devices/system/cpu/intel_pstate/no_turbo", "1");
  return pstate.empty() ? switch_state("/sys/devices/system/cpu/cpufreq/boost", "0") : pstate;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

}  // namespace

HostDescription describe_host() {
  HostDescription host;
  host.host_hash = hash_hex(host_name());
  utsname system{};
  if (uname(&system) == 0) host.system = fmt::format("{} {}", system.sysname, system.release);
  host.cpu_model = cpu_field("model name");
  host.logical_cpus = static_cast<int>(std::thread::hardware_concurrency());
  host.usable_cpus = available_threads();
  host.caches = caches_of_cpu0();
  const std::string flags = cpu_field("flags");
  for (const char* isa : {"sse4_2", "avx", "fma", "avx2", "avx512f", "avx512bw", "avx512_vnni",
                          "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"}) {
    if (has_word(flags, isa)) host.isa.emplace_back(isa);
  }
  host.governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  host.turbo = turbo_state();
  host.smt = switch_state("/sys/devices/system/cpu/smt/active", "0");
  host.aslr = switch_state("/proc/sys/kernel/randomize_va_space", "0");
  host.virtualised = has_word(flags, "hypervisor");
  std::array<double, 1> load{};
  if (getloadavg(load.data(), 1) == 1) host.load_1min = load[0];
  host.memory_bytes = memory_field("MemTotal");
  return host;
}

Json to_json(const HostDescription& host) {
  Json caches = Json::array();
  for (const CacheInfo& cache : host.caches) {
    caches.push_back({{"level", cache.level}, {"type", cache.type}, {"bytes", cache.bytes}});
  }
  return {{"host_hash", host.host_hash},
          {"system", host.system},
          {"cpu_model", host.cpu_model},
          {"logical_cpus", host.logical_cpus},
          {"usable_cpus", host.usable_cpus},
          {"caches", caches},
          {"isa", host.isa},
          {"governor", host.governor},
          {"turbo", host.turbo},
          {"smt", host.smt},
          {"aslr", host.aslr},
          {"virtualised", host.virtualised},
          {"load_1min", host.load_1min},
          {"memory_bytes", host.memory_bytes}};
}

std::int64_t available_memory_bytes() { return memory_field("MemAvailable"); }

std::vector<Finding> host_findings(const HostDescription& host) {
  std::vector<Finding> findings;
  if (host.virtualised) {
    findings.push_back(
        {"virtualised",
         "this is a virtual machine: other guests can take time from measured points",
         "measure on a machine of its own, or compare medians of several runs"});
  }
  if (!host.governor.empty() && host.governor != "performance") {
    findings.push_back(
        {"governor", fmt::format("the frequency governor is '{}', so clocks move", host.governor),
         "set it to performance: cpupower frequency-set -g performance"});
  }
  if (host.turbo == "on") {
    findings.push_back({"turbo", "turbo is on: clocks depend on heat and on how many cores work",
                        "switch it off: echo 1 | sudo tee "
                        "/sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 | sudo tee "
                        "/sys/devices/system/cpu/cpufreq/boost"});
  }
  if (host.smt == "on") {
    findings.push_back({"smt", "two threads share a core: one slows the other",
                        "give --threads the number of cores, or switch it off: echo off | sudo tee "
                        "/sys/devices/system/cpu/smt/control"});
  }
  if (host.usable_cpus > 0 && host.load_1min > 0.5 * host.usable_cpus) {
    findings.push_back({"load",
                        fmt::format("the load average is {:.2f} on {} usable processors",
                                    host.load_1min, host.usable_cpus),
                        "stop other work before measuring"});
  }
  if (host.usable_cpus < host.logical_cpus) {
    findings.push_back({"few-cores",
                        fmt::format("this process may use {} of {} processors", host.usable_cpus,
                                    host.logical_cpus),
                        "lift the affinity mask or the container's limit if that is not meant"});
  }
  if (std::string(JOULEBENCH_BUILD_TYPE) != "Release") {
    findings.push_back({"debug-build",
                        fmt::format("this program was built as '{}'", JOULEBENCH_BUILD_TYPE),
                        "build with -DCMAKE_BUILD_TYPE=Release"});
  }
  return findings;
}

}  // namespace jb::harness
