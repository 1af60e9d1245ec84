#include "models/onnx/onnx.h"
namespace jb::models {
void save_onnx(const Graph&, const std::filesystem::path&) { fail_internal("todo"); }
}  // namespace jb::models
