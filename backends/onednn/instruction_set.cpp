#include "backends/onednn/instruction_set.h"

#include <array>
#include <mutex>
#include <utility>

#include "backends/core/error.h"
#include "backends/onednn/cpu_model.h"
#include "backends/onednn/onednn_compat.h"

namespace jb::onednn {
namespace {

constexpr std::array<std::pair<const char*, dnnl::cpu_isa>, 8> kSets = {{
    {"sse41", dnnl::cpu_isa::sse41},
    {"avx", dnnl::cpu_isa::avx},
    {"avx2", dnnl::cpu_isa::avx2},
    {"avx2_vnni", dnnl::cpu_isa::avx2_vnni},
    {"avx512_core", dnnl::cpu_isa::avx512_core},
    {"avx512_core_vnni", dnnl::cpu_isa::avx512_core_vnni},
    {"avx512_core_bf16", dnnl::cpu_isa::avx512_core_bf16},
    {"avx512_core_amx", dnnl::cpu_isa::avx512_core_amx},
}};

}  // namespace

void choose_isa(const std::string& isa) {
  static std::mutex mutex;
  static std::string chosen;
  const std::string wanted = resolved_isa(isa);
  const std::lock_guard<std::mutex> lock(mutex);
  if (chosen == wanted) return;
  if (!chosen.empty()) {
    fail_usage(
        "isa {}: oneDNN takes its instruction set once in a process, and this one took {}; run "
        "each in a process of its own",
        wanted, chosen);
  }
  for (const auto& [name, set] : kSets) {
    if (wanted != name) continue;
    if (dnnl::set_max_cpu_isa(set) != dnnl::status::success) {
      fail_usage(
          "isa {}: oneDNN was in use before, or was built without a choice of instruction sets; "
          "run it in a process of its own",
          wanted);
    }
  }
  chosen = wanted;
}

}  // namespace jb::onednn
