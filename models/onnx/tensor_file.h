#pragma once
// Tensors in files of one serialised TensorProto (.pb), as ONNX's backend tests keep inputs and
// outputs.

#include <filesystem>
#include <string>

#include "backends/core/tensor.h"

namespace jb::models {

/// Whether such a file holds something else than a tensor (a sequence, an optional) cannot be told
/// from its bytes; what does not parse as a tensor is refused. Usage error naming file and defect;
/// Unsupported for element types without a counterpart (text, complex).
Tensor read_tensor_proto(const std::filesystem::path& path);

/// Writes the tensor under `name`, whole or not at all.
void write_tensor_proto(const std::filesystem::path& path, const std::string& name,
                        const Tensor& tensor);

}  // namespace jb::models
