#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "backends/core/error.h"
#include "backends/core/gemm.h"
#include "backends/core/kernels.h"

namespace jb {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"baseline", "avx2", "avx512"};

int supported_level() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return 2;
  }
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 0;
}

int chosen_level() {
  const int supported = supported_level();
  const char* wanted = std::getenv("JOULEBENCH_ISA");
  if (wanted == nullptr || *wanted == '\0') return supported;
  const auto* const it = std::find(kNames.begin(), kNames.end(), std::string_view(wanted));
  if (it == kNames.end()) {
    fail_usage("JOULEBENCH_ISA is '{}' but must be one of baseline, avx2, avx512", wanted);
  }
  const int level = static_cast<int>(it - kNames.begin());
  if (level > supported) {
    fail_usage("JOULEBENCH_ISA is '{}' but this processor runs at most {}", wanted,
               kNames[static_cast<std::size_t>(supported)]);
  }
  return level;
}

}  // namespace

int kernels::isa_level() {
  static const int level = chosen_level();
  return level;
}

std::string_view dispatched_isa() { return kNames[static_cast<std::size_t>(kernels::isa_level())]; }

}  // namespace jb
