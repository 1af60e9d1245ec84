#pragma once
// Elements of tensors in files beside the model: they must lie inside the model's folder.

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace jb::models::onnx_io {

struct ExternalData {
  std::filesystem::path path;  ///< resolved
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string what;  ///< the tensor, for errors
};

/// Resolves the tensor's place; it has `bytes` bytes where the message does not say. Usage error
/// for a path that is absolute, has "..", or leads out of `folder` through a link, and for a range
/// beyond the file.
ExternalData find_external(const ::onnx::TensorProto& proto, const std::filesystem::path& folder,
                           std::uint64_t bytes, const std::string& what);

/// Reads the range into `out`.
void read_external(const ExternalData& data, void* out);

}  // namespace jb::models::onnx_io
