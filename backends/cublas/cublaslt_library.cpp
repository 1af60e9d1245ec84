#include "backends/cublas/cublaslt_library.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include "backends/core/error.h"

namespace jb::cublas {
namespace {

void* open_library(std::string& problem) {
  // The interface of one major version; the loader's own search path first, then the toolkit that
  // this program was built with.
  const std::string name = fmt::format("libcublasLt.so.{}", CUBLAS_VER_MAJOR);
  for (const std::string& file : {name, std::string(JOULEBENCH_CUDA_LIBRARY_DIR "/") + name}) {
    if (void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL); library != nullptr) {
      return library;
    }
  }
  const char* reason = ::dlerror();
  problem = fmt::format("{} cannot be loaded: {}", name, reason == nullptr ? "no reason" : reason);
  return nullptr;
}

template <class F>
void find(void* library, const char* name, F& function, std::string& problem) {
  // POSIX: a pointer that dlsym gives converts to a pointer to function.
  function = reinterpret_cast<F>(::dlsym(library, name));
  if (function == nullptr && problem.empty()) {
    problem = fmt::format("cuBLASLt has no {}", name);
  }
}

CublasLt load() {
  CublasLt lt;
  void* library = open_library(lt.problem);
  if (library == nullptr) return lt;
  std::string& problem = lt.problem;
  find(library, "cublasLtCreate", lt.create, problem);
  find(library, "cublasLtDestroy", lt.destroy, problem);
  find(library, "cublasLtGetVersion", lt.version, problem);
  find(library, "cublasLtGetStatusName", lt.status_name, problem);
  find(library, "cublasLtGetStatusString", lt.status_text, problem);
  find(library, "cublasLtMatmul", lt.matmul, problem);
  find(library, "cublasLtMatmulAlgoGetHeuristic", lt.heuristic, problem);
  find(library, "cublasLtMatmulAlgoConfigGetAttribute", lt.algo_get, problem);
  find(library, "cublasLtMatmulDescCreate", lt.desc_create, problem);
  find(library, "cublasLtMatmulDescDestroy", lt.desc_destroy, problem);
  find(library, "cublasLtMatmulDescSetAttribute", lt.desc_set, problem);
  find(library, "cublasLtMatrixLayoutCreate", lt.layout_create, problem);
  find(library, "cublasLtMatrixLayoutDestroy", lt.layout_destroy, problem);
  find(library, "cublasLtMatrixLayoutSetAttribute", lt.layout_set, problem);
  find(library, "cublasLtMatmulPreferenceCreate", lt.preference_create, problem);
  find(library, "cublasLtMatmulPreferenceDestroy", lt.preference_destroy, problem);
  find(library, "cublasLtMatmulPreferenceSetAttribute", lt.preference_set, problem);
  return lt;
}

}  // namespace

void CublasLt::check(cublasStatus_t status, const char* call) const {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail_internal("{} failed: {} ({}, code {})", call, status_text(status), status_name(status),
                static_cast<int>(status));
}

const CublasLt& cublaslt() {
  static const CublasLt lt = load();
  return lt;
}

}  // namespace jb::cublas
