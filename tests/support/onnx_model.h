#pragma once
// ONNX models for tests, put together from protobuf messages.

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "models/onnx/onnx.h"

namespace jb::test {

inline void add_value(::onnx::ValueInfoProto& info, const std::string& name,
                      const std::vector<std::int64_t>& dims,
                      int type = ::onnx::TensorProto::FLOAT) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape();
  for (const std::int64_t size : dims) tensor.mutable_shape()->add_dim()->set_dim_value(size);
}

/// A model under construction: opset and IR, inputs, initialisers, nodes, outputs.
class OnnxModel {
 public:
  explicit OnnxModel(int opset = 17, int ir = 8) {
    proto.set_ir_version(ir);
    proto.mutable_graph()->set_name("test");
    if (ir >= 3) proto.add_opset_import()->set_version(opset);
  }

  OnnxModel& input(const std::string& name, const std::vector<std::int64_t>& dims,
                   int type = ::onnx::TensorProto::FLOAT) {
    add_value(*graph().add_input(), name, dims, type);
    return *this;
  }
  OnnxModel& output(const std::string& name) {
    add_value(*graph().add_output(), name, {});
    return *this;
  }
  ::onnx::TensorProto& initializer(const std::string& name, const std::vector<std::int64_t>& dims,
                                   int type = ::onnx::TensorProto::FLOAT) {
    ::onnx::TensorProto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t size : dims) tensor.add_dims(size);
    return tensor;
  }
  OnnxModel& floats(const std::string& name, const std::vector<std::int64_t>& dims,
                    const std::vector<float>& values) {
    ::onnx::TensorProto& tensor = initializer(name, dims);
    for (const float value : values) tensor.add_float_data(value);
    return *this;
  }
  OnnxModel& integers(const std::string& name, const std::vector<std::int64_t>& values) {
    ::onnx::TensorProto& tensor =
        initializer(name, {static_cast<std::int64_t>(values.size())}, ::onnx::TensorProto::INT64);
    for (const std::int64_t value : values) tensor.add_int64_data(value);
    return *this;
  }
  ::onnx::NodeProto& node(const std::string& type, const std::string& name,
                          const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
    ::onnx::NodeProto& made = *graph().add_node();
    made.set_op_type(type);
    made.set_name(name);
    for (const std::string& value : inputs) made.add_input(value);
    for (const std::string& value : outputs) made.add_output(value);
    return made;
  }
  ::onnx::GraphProto& graph() { return *proto.mutable_graph(); }

  void save(const std::filesystem::path& path) const {
    std::ofstream(path, std::ios::binary) << proto.SerializeAsString();
  }

  ::onnx::ModelProto proto;
};

inline void attribute(::onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  ::onnx::AttributeProto& made = *node.add_attribute();
  made.set_name(name);
  made.set_type(::onnx::AttributeProto::INT);
  made.set_i(value);
}
inline void attribute(::onnx::NodeProto& node, const std::string& name, float value) {
  ::onnx::AttributeProto& made = *node.add_attribute();
  made.set_name(name);
  made.set_type(::onnx::AttributeProto::FLOAT);
  made.set_f(value);
}
inline void attribute(::onnx::NodeProto& node, const std::string& name, const char* value) {
  ::onnx::AttributeProto& made = *node.add_attribute();
  made.set_name(name);
  made.set_type(::onnx::AttributeProto::STRING);
  made.set_s(value);
}
inline void attribute(::onnx::NodeProto& node, const std::string& name,
                      const std::vector<std::int64_t>& values) {
  ::onnx::AttributeProto& made = *node.add_attribute();
  made.set_name(name);
  made.set_type(::onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) made.add_ints(value);
}

/// The message of the usage error that `call` ends in; a test failure when there is none, or when
/// it is no single sentence.
inline std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), ErrorCode::usage) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_LT(text.size(), 500U) << text;
    return text;
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

}  // namespace jb::test
