// What this program was built from; the values are compiled in by harness/CMakeLists.txt.

#include <fmt/core.h>

#include <Eigen/Core>

#include "backends/core/gemm.h"
#include "harness/environment.h"

namespace jb::harness {
namespace {

std::string dotted(int major, int minor, int patch) {
  return fmt::format("{}.{}.{}", major, minor, patch);
}

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang {}", dotted(__clang_major__, __clang_minor__, __clang_patchlevel__));
#else
  return fmt::format("gcc {}", dotted(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__));
#endif
}

std::string version_or_absent(const std::string& version) {
  return version.empty() ? "absent" : version;
}

}  // namespace

Json library_versions() {
  Json versions = Json::object();
  versions["eigen"] = dotted(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION);
  versions["fmt"] = dotted(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100);
  versions["nlohmann_json"] =
      dotted(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH);
  versions["cli11"] = version_or_absent(JOULEBENCH_CLI11_VERSION);
  versions["onednn"] = version_or_absent(JOULEBENCH_ONEDNN_VERSION);
  versions["google_benchmark"] = version_or_absent(JOULEBENCH_BENCHMARK_VERSION);
  versions["zlib"] = version_or_absent(JOULEBENCH_ZLIB_VERSION);
  return versions;
}

Json build_description() {
  return {{"version", program_version()},
          {"compiler", compiler()},
          {"build_type", JOULEBENCH_BUILD_TYPE},
          {"dispatched_isa", std::string(dispatched_isa())}};
}

std::string program_version() { return JOULEBENCH_VERSION; }

}  // namespace jb::harness
