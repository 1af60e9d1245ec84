#include "backends/onednn/host_cpu.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "backends/core/text.h"
#include "backends/core/threads.h"

namespace jb::onednn {
namespace {

namespace fs = std::filesystem;

// First line of a small system file; "" when it cannot be read. These files report sizes that mean
// nothing, so they are read as streams.
std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// "48K", "2M" or "32768" in bytes; 0 when it is none of these.
std::int64_t size_bytes(std::string text) {
  std::int64_t unit = 1;
  if (!text.empty() && (text.back() == 'K' || text.back() == 'M')) {
    unit = text.back() == 'K' ? 1 << 10 : 1 << 20;
    text.pop_back();
  }
  std::int64_t value = 0;
  constexpr std::int64_t kLargest = std::int64_t{1} << 40;
  if (!parse_integer(text, value) || value < 0 || value > kLargest) return 0;
  return value * unit;
}

void read_caches(const fs::path& root, HostCpu& cpu) {
  constexpr int kMostCaches = 16;
  for (int i = 0; i < kMostCaches; ++i) {
    const fs::path folder =
        root / "sys/devices/system/cpu/cpu0/cache" / ("index" + std::to_string(i));
    const std::string level = first_line(folder / "level");
    const std::string type = first_line(folder / "type");
    if (type != "Data" && type != "Unified") continue;
    const std::int64_t bytes = size_bytes(first_line(folder / "size"));
    if (level == "1") cpu.l1_bytes = bytes;
    if (level == "2") cpu.l2_bytes = bytes;
    if (level == "3") cpu.l3_bytes = bytes;
  }
}

// Value of a "key : value" line of /proc/cpuinfo, "" when the line has another key.
std::string value_of(const std::string& line, const std::string& key) {
  if (line.rfind(key, 0) != 0) return {};
  const auto colon = line.find(':');
  if (colon == std::string::npos) return {};
  const auto first = line.find_first_not_of(" \t", colon + 1);
  return first == std::string::npos ? std::string() : line.substr(first);
}

void read_cpuinfo(const fs::path& root, HostCpu& cpu) {
  std::ifstream in(root / "proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    double mhz = 0;
    if (parse_number(value_of(line, "cpu MHz"), mhz))
      cpu.clock_Hz = std::max(cpu.clock_Hz, mhz * 1e6);
    std::istringstream flags(value_of(line, "flags"));
    for (std::string flag; flags >> flag;) {
      if (flag == "avx512f") cpu.lanes = std::max<std::int64_t>(cpu.lanes, 16);
      if (flag == "avx2") cpu.lanes = std::max<std::int64_t>(cpu.lanes, 8);
      if (flag == "avx512_bf16") cpu.bf16_depth = 2;
      if (flag == "avx512_fp16") cpu.f16_depth = 2;
      if (flag == "avx512_vnni" || flag == "avx_vnni") {
        cpu.s8_depth = 4;
        cpu.exact_s8 = true;
      }
    }
  }
}

}  // namespace

HostCpu detect_host_cpu(const fs::path& root) {
  HostCpu cpu;
  cpu.cores = available_threads();
  read_caches(root, cpu);
  read_cpuinfo(root, cpu);
  std::int64_t khz = 0;
  if (parse_integer(first_line(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"),
                    khz) &&
      khz > 0) {
    cpu.clock_Hz = static_cast<double>(khz) * 1e3;
  }
  const bool has_l2 = cpu.l2_bytes > 0;
  if (cpu.clock_Hz <= 0) cpu.clock_Hz = kFallbackClock_Hz;
  if (cpu.lanes <= 0) cpu.lanes = kFallbackLanes;
  if (cpu.l1_bytes <= 0) cpu.l1_bytes = kFallbackL1_bytes;
  if (cpu.l2_bytes <= 0) cpu.l2_bytes = kFallbackL2_bytes;
  if (cpu.l3_bytes <= 0) cpu.l3_bytes = has_l2 ? cpu.l2_bytes : kFallbackL3_bytes;
  return cpu;
}

}  // namespace jb::onednn
