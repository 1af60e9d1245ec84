#pragma once
// Tensors of ONNX messages: inline in each form that TensorProto has, or in files beside the model.

#include <filesystem>
#include <string>

#include "backends/core/graph_view.h"
#include "models/onnx/messages.h"

namespace jb::models::onnx_io {

/// Type of elements by its number in TensorProto. Unsupported for those without a counterpart;
/// `what` names the tensor.
DataType data_type_from(int number, const std::string& what);
int number_of(DataType type);

struct ImportedTensor {
  DataType type = DataType::f32;
  Dims dims;
  Constant constant;  ///< large external data are read when asked for
};

/// The tensor of a message, whose payload is taken. `folder` is the model's: external data must lie
/// inside it. `what` names the tensor in errors ("initialiser 'w'"). Usage error when sizes,
/// elements and type do not fit together.
ImportedTensor take_tensor(const ::onnx::TensorProto& proto, Payload& payload,
                           const std::filesystem::path& folder, const std::string& what);

/// `proto` with the tensor's elements as raw_data.
void put_tensor(::onnx::TensorProto& proto, const std::string& name, const Tensor& tensor);

}  // namespace jb::models::onnx_io
