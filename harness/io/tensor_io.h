#pragma once
// Tensors in files: .npy of any element type and number of dimensions, and serialised ONNX
// TensorProto (.pb), as the name ends.

#include <filesystem>
#include <string>

#include "backends/core/tensor.h"

namespace jb::harness {

/// Usage error naming file and defect; Unsupported for element types without a counterpart.
Tensor read_tensor(const std::filesystem::path& path);

/// Writes the tensor whole or not at all; `name` is kept in a .pb. Usage error when the place
/// cannot be written or the name ends neither in .npy nor in .pb.
void write_tensor(const std::filesystem::path& path, const std::string& name, const Tensor& tensor);

}  // namespace jb::harness
