#pragma once
// The rules by which each operator of ONNX, in each of its versions, becomes nodes of ours.

#include <span>
#include <string_view>

#include "models/onnx/node_import.h"

namespace jb::models::onnx_io {

struct OperatorRule {
  std::string_view name;
  int since;         ///< first opset that has it
  int least_inputs;  ///< of any version; these are not optional
  int most_inputs;
  int most_outputs;
  void (*import)(NodeImport&);
};

constexpr int kAnyNumber = 1 << 20;

std::span<const OperatorRule> linear_rules();
std::span<const OperatorRule> elementwise_rules();
std::span<const OperatorRule> normalization_rules();
std::span<const OperatorRule> reduction_rules();
std::span<const OperatorRule> layout_rules();
std::span<const OperatorRule> indexing_rules();

/// The rule for an operator, null when there is none.
const OperatorRule* find_rule(std::string_view name);

/// Imports one node by its rule. Unsupported for an operator without one or newer than the opset.
void import_node(NodeImport& node, std::string_view op_type);

// What several rules share.

/// Second operand of an operator that broadcasts: before opset 7 attribute `axis` says where its
/// dimensions stand in the first one's.
int broadcast_operand(NodeImport& node);

/// Pads as one list with the beginnings before the ends, cut in two.
struct Pads {
  std::vector<std::int64_t> begin, end;
};
/// Attributes that convolutions and pooling share, checked against each other.
struct Window {
  std::vector<std::int64_t> kernel, strides, dilations;
  Pads pads;
  AutoPad auto_pad = AutoPad::given;
};
Window window_of(NodeImport& node);

}  // namespace jb::models::onnx_io
