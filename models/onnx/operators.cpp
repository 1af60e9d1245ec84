#include "models/onnx/operators.h"

#include <algorithm>
#include <array>

namespace jb::models::onnx_io {
namespace {

/// Strides, kernels and dilations above this are no network's.
constexpr std::int64_t kMostInWindow = std::int64_t{1} << 31U;

void check_range(NodeImport& node, std::string_view attribute,
                 const std::vector<std::int64_t>& values, std::int64_t least) {
  for (const std::int64_t value : values) {
    if (value < least || value > kMostInWindow) {
      node.refuse("attribute '{}' holds {}; {} to {} are accepted", attribute, value, least,
                  kMostInWindow);
    }
  }
}

AutoPad auto_pad_of(NodeImport& node) {
  const std::string text = node.text("auto_pad", "NOTSET");
  if (text == "NOTSET" || text.empty()) return AutoPad::given;
  if (text == "SAME_UPPER") return AutoPad::same_upper;
  if (text == "SAME_LOWER") return AutoPad::same_lower;
  if (text == "VALID") return AutoPad::valid;
  node.refuse("auto_pad '{}' is not known", shown(text));
}

}  // namespace

const OperatorRule* find_rule(std::string_view name) {
  for (const auto rules : {linear_rules(), elementwise_rules(), normalization_rules(),
                           reduction_rules(), layout_rules(), indexing_rules()}) {
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [name](const OperatorRule& r) { return r.name == name; });
    if (rule != rules.end()) return &*rule;
  }
  return nullptr;
}

void import_node(NodeImport& node, std::string_view op_type) {
  const OperatorRule* rule = find_rule(op_type);
  if (rule == nullptr) node.unsupported("this operator is not supported");
  if (node.opset() < rule->since) {
    node.unsupported("the operator came with opset {}, the model has {}", rule->since,
                     node.opset());
  }
  const auto inputs = static_cast<int>(node.inputs());
  if (inputs < rule->least_inputs || inputs > rule->most_inputs) {
    node.refuse("it has {} inputs; {} to {} are accepted", inputs, rule->least_inputs,
                rule->most_inputs);
  }
  for (int i = 0; i < rule->least_inputs; ++i) {
    if (node.input(static_cast<std::size_t>(i)) == kAbsent) {
      node.refuse("input {} is not optional and has no name", i);
    }
  }
  if (node.outputs() < 1 || node.outputs() > rule->most_outputs) {
    node.refuse("it has {} outputs; 1 to {} are accepted", node.outputs(), rule->most_outputs);
  }
  rule->import(node);
  node.finish();
}

int broadcast_operand(NodeImport& node) {
  const int b = node.input(1);
  if (node.opset() >= 7) return b;
  node.ignore("consumed_inputs");
  const bool broadcast = node.flag("broadcast", false);
  if (!broadcast || !node.has("axis")) return b;
  const auto rank = static_cast<std::int64_t>(node.dims(node.input(0)).size());
  Dims sizes = node.dims(b);
  const auto own = static_cast<std::int64_t>(sizes.size());
  std::int64_t axis = node.integer("axis", 0);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis + own > rank) {
    node.refuse("axis {} does not place {} dimensions in {}", axis, own, rank);
  }
  if (axis + own == rank) return b;
  // Numpy's broadcasting aligns last dimensions: sizes of 1 take the place of those behind.
  std::vector<std::int64_t> added;
  for (std::int64_t d = own; d < rank - axis; ++d) added.push_back(d);
  if (const std::optional<Tensor> constant = node.elements(b)) {
    sizes.resize(static_cast<std::size_t>(rank - axis), 1);
    return node.constant("aligned", constant->reshaped(sizes));
  }
  return node.helper(Op::unsqueeze, "aligned", {b, node.constant_s64("axes", added)});
}

Window window_of(NodeImport& node) {
  Window window;
  window.kernel = node.integers("kernel_shape");
  window.strides = node.integers("strides");
  window.dilations = node.integers("dilations");
  const std::vector<std::int64_t> pads = node.integers("pads");
  window.auto_pad = auto_pad_of(node);
  check_range(node, "kernel_shape", window.kernel, 1);
  check_range(node, "strides", window.strides, 1);
  check_range(node, "dilations", window.dilations, 1);
  check_range(node, "pads", pads, 0);
  if (pads.size() % 2 != 0)
    node.refuse("attribute 'pads' has {} entries, no even number", pads.size());
  const auto half = pads.begin() + static_cast<std::ptrdiff_t>(pads.size() / 2);
  window.pads = {{pads.begin(), half}, {half, pads.end()}};
  std::size_t dimensions = 0;
  for (const std::size_t size : {window.kernel.size(), window.strides.size(),
                                 window.dilations.size(), window.pads.begin.size()}) {
    if (size == 0) continue;
    if (dimensions != 0 && size != dimensions) {
      node.refuse("kernel_shape, strides, dilations and pads are of different dimensions");
    }
    dimensions = size;
  }
  return window;
}

}  // namespace jb::models::onnx_io
