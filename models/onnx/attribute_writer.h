#pragma once
// A node's attributes as ONNX writes them.

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "backends/core/graph_view.h"

namespace jb::models::onnx_io {

void write_attribute(::onnx::NodeProto& node, const std::string& name, std::int64_t value);
void write_attribute(::onnx::NodeProto& node, const std::string& name, float value);
void write_attribute(::onnx::NodeProto& node, const std::string& name, const std::string& value);
/// Lists are left out when they are empty: that is the default of each.
void write_attribute(::onnx::NodeProto& node, const std::string& name,
                     const std::vector<std::int64_t>& values);

/// All attributes of `view`, whose operator is the one of `node`, in the form of `opset`.
void write_attributes(::onnx::NodeProto& node, const NodeView& view, int opset);

}  // namespace jb::models::onnx_io
