// What a build without CUDA answers.

#include "backends/cublas/gpu_api.h"

namespace jb::cublas {
namespace {

constexpr const char* kReason =
    "built without CUDA (configure with JOULEBENCH_CUDA=ON where the CUDA toolkit is installed)";

}  // namespace

Support gpu_available() { return Support::no(kReason); }

std::shared_ptr<Gpu> open_gpu(int /*index*/) {
  throw Error(ErrorCode::not_available, std::string("backend 'cublas' has no GPU: ") + kReason);
}

}  // namespace jb::cublas
