#pragma once
// What this computer tells about its own processor (Linux: /sys/devices/system/cpu, /proc/cpuinfo).

#include <cstdint>
#include <filesystem>

namespace jb::onednn {

/// Without dot products of 8-bit operands: three instructions (multiply pairs, add pairs, add) for
/// four products of each 32-bit lane.
inline constexpr double kPairedS8Depth = 4.0 / 3.0;

/// A processor as the energy model needs it. Cache sizes are those that one core can use: its own
/// L1 and L2, and the whole last level.
struct HostCpu {
  int cores = 1;
  double clock_Hz = 0;
  std::int64_t lanes = 0;  ///< 32-bit elements of one vector register
  double bf16_depth = 1;   ///< products that one lane of an instruction adds up, bf16 operands
  double f16_depth = 1;    ///< likewise f16
  double s8_depth = kPairedS8Depth;  ///< likewise 8 bits
  bool exact_s8 = false;             ///< no 16-bit sums in between, which may saturate
  std::int64_t l1_bytes = 0;         ///< data
  std::int64_t l2_bytes = 0;
  std::int64_t l3_bytes = 0;
};

// Taken where the system does not tell (virtual machines, containers, other kernels). Assumptions:
// a small server core of the last ten years.
inline constexpr double kFallbackClock_Hz = 2.5e9;
inline constexpr std::int64_t kFallbackLanes = 4;  // SSE2, the x86-64 baseline; NEON has as many
inline constexpr std::int64_t kFallbackL1_bytes = 32 << 10;
inline constexpr std::int64_t kFallbackL2_bytes = 1 << 20;
inline constexpr std::int64_t kFallbackL3_bytes = 16 << 20;

/// Reads `root`/sys and `root`/proc; never throws. Cores: those this process may use. Clock:
/// cpufreq/cpuinfo_max_freq, else the largest "cpu MHz" of /proc/cpuinfo. Lanes: 16 with avx512f, 8
/// with avx2, from the flags there. Depths: 2 with avx512_bf16 and avx512_fp16, 4 with avx512_vnni
/// or avx_vnni. Caches: cpu0/cache/index*. What is absent or unreadable takes the fallback
/// constant; a machine without a third level uses its second as the last.
HostCpu detect_host_cpu(const std::filesystem::path& root = "/");

}  // namespace jb::onednn
