#pragma once
// Protobuf messages of ONNX as this folder reads them: everything as the message classes hold it,
// except large blocks of elements, which go from the file straight into tensors.

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/tensor.h"

namespace jb::models::onnx_io {

/// A tensor's bytes as they lie in the file: field raw_data, or packed float_data or double_data.
struct Payload {
  int field = 0;  ///< its number in TensorProto; 0 = there is none
  Tensor bytes;   ///< u8, aligned for every element type
};

struct TensorMessage {
  ::onnx::TensorProto proto;  ///< without the payload
  Payload payload;
};

struct NodeMessage {
  ::onnx::NodeProto proto;
  std::vector<Payload> payloads;  ///< of the tensors in its attributes, an entry per attribute
};

struct ModelMessage {
  ::onnx::ModelProto proto;  ///< without nodes and initialisers
  std::vector<NodeMessage> nodes;
  std::vector<TensorMessage> initializers;
};

/// Lengths are checked against the file's size before anything is allocated. Usage error naming the
/// file for one that is no such message, is truncated, or exceeds protobuf's limit of 2 GB.
ModelMessage read_model_message(const std::filesystem::path& path);
TensorMessage read_tensor_message(const std::filesystem::path& path);

/// A name from a file as it may be shown: at most 80 bytes, without bytes that act on a terminal.
std::string shown(std::string_view name);

}  // namespace jb::models::onnx_io
