// The build without libonnx and protobuf: every function says what is missing.

#include "models/onnx/onnx.h"
#include "models/onnx/tensor_file.h"

namespace jb::models {
namespace {

constexpr const char* kMissing =
    "this build of joulebench has no ONNX support: install libonnx-dev and libprotobuf-dev and "
    "build "
    "it again";

}  // namespace

Support onnx_support() { return Support::no(kMissing); }

Graph load_onnx(const std::filesystem::path& path, const OnnxOptions& /*options*/) {
  fail_usage("'{}' is not read: {}", path.string(), kMissing);
}

void save_onnx(const Graph& /*graph*/, const std::filesystem::path& path) {
  fail_usage("'{}' is not written: {}", path.string(), kMissing);
}

Tensor read_tensor_proto(const std::filesystem::path& path) {
  fail_usage("'{}' is not read: {}", path.string(), kMissing);
}

void write_tensor_proto(const std::filesystem::path& path, const std::string& /*name*/,
                        const Tensor& /*tensor*/) {
  fail_usage("'{}' is not written: {}", path.string(), kMissing);
}

}  // namespace jb::models
