// Rules for operators that move data without computing.

#include <array>
#include <limits>

#include "models/onnx/operators.h"

namespace jb::models::onnx_io {
namespace {

template <Op op>
void same_inputs(NodeImport& node) {
  node.emit(op, node.all_inputs());
}

void import_identity(NodeImport& node) { node.emit(Op::identity, node.all_inputs()); }

void import_reshape(NodeImport& node) {
  if (node.opset() < 5) node.ignore("consumed_inputs");
  const int shape = node.opset() < 5 ? node.list_operand(1, "shape") : node.input(1);
  if (shape == kAbsent) node.refuse("the shape is missing");
  ReshapeAttributes attributes;
  if (node.opset() >= 14) attributes.allow_zero = node.flag("allowzero", false);
  node.emit(Op::reshape, {node.input(0), shape}, attributes);
}

void import_flatten(NodeImport& node) {
  node.emit(Op::flatten, node.all_inputs(), AxisAttributes{node.integer("axis", 1), 0});
}

/// Axes were an attribute before opset 13.
template <Op op>
void import_squeeze(NodeImport& node) {
  const int axes = node.opset() < 13 ? node.list_operand(1, "axes") : node.input(1);
  if (op == Op::unsqueeze && axes == kAbsent) node.refuse("the axes are missing");
  node.emit(op, {node.input(0), axes});
}

void import_transpose(NodeImport& node) {
  node.emit(Op::transpose, node.all_inputs(), PermAttributes{node.integers("perm")});
}

void import_concat(NodeImport& node) {
  if (node.opset() >= 4 && !node.has("axis")) node.refuse("attribute 'axis' is missing");
  node.emit(Op::concat, node.all_inputs(), AxisAttributes{node.integer("axis", 1), 0});
}

void import_split(NodeImport& node) {
  AxisAttributes attributes;
  attributes.axis = node.integer("axis", 0);
  attributes.outputs = node.outputs();
  const int sizes = node.opset() < 13 ? node.list_operand(1, "split") : node.input(1);
  if (node.opset() >= 18 && node.has("num_outputs") &&
      node.integer("num_outputs", 0) != node.outputs()) {
    node.refuse("num_outputs is {} and it has {} outputs", node.integer("num_outputs", 0),
                node.outputs());
  }
  node.emit(Op::split, {node.input(0), sizes}, attributes);
}

void import_slice(NodeImport& node) {
  if (node.opset() >= 10) {
    if (node.input(1) == kAbsent || node.input(2) == kAbsent) {
      node.refuse("starts and ends are needed");
    }
    return node.emit(Op::slice, node.all_inputs());
  }
  const int starts = node.list_operand(1, "starts");
  const int ends = node.list_operand(2, "ends");
  const int axes = node.list_operand(3, "axes");
  if (starts == kAbsent || ends == kAbsent) node.refuse("starts and ends are needed");
  node.emit(Op::slice, {node.input(0), starts, ends, axes});
}

/// Opset 1 repeated one axis: X, number of tiles, axis.
void import_tile(NodeImport& node) {
  if (node.opset() >= 6) return node.emit(Op::tile, node.all_inputs());
  const std::optional<Tensor> tiles = node.elements(node.input(1));
  const std::optional<Tensor> axis =
      node.input(2) == kAbsent ? std::nullopt : node.elements(node.input(2));
  if (!tiles || !axis || tiles->size() != 1 || axis->size() != 1 ||
      tiles->type() != DataType::s64 || axis->type() != DataType::s64) {
    node.unsupported("before opset 6 tiles and axis must be constant 64-bit integers");
  }
  std::vector<std::int64_t> repeats(node.dims(node.input(0)).size(), 1);
  const std::int64_t at = axis->as<std::int64_t>()[0];
  if (at < 0 || at >= static_cast<std::int64_t>(repeats.size()))
    node.refuse("axis {} is not there", at);
  repeats[static_cast<std::size_t>(at)] = tiles->as<std::int64_t>()[0];
  node.emit(Op::tile, {node.input(0), node.constant_s64("repeats", repeats)});
}

void import_pad(NodeImport& node) {
  PadAttributes attributes;
  const std::string mode = node.text("mode", "constant");
  if (mode == "reflect") {
    attributes.mode = PadAttributes::Mode::reflect;
  } else if (mode == "edge") {
    attributes.mode = PadAttributes::Mode::edge;
  } else if (mode == "wrap" && node.opset() >= 19) {
    attributes.mode = PadAttributes::Mode::wrap;
  } else if (mode != "constant") {
    node.refuse("mode '{}' is not known", shown(mode));
  }
  if (node.opset() >= 11) {
    if (node.input(1) == kAbsent) node.refuse("the pads are missing");
    return node.emit(Op::pad, node.all_inputs(), attributes);
  }
  const int pads = node.list_operand(1, node.opset() < 2 ? "paddings" : "pads");
  if (pads == kAbsent) node.refuse("the pads are missing");
  const float value = node.number("value", 0);
  const int filling = value == 0 ? kAbsent : node.scalar("value", value, node.input(0));
  node.emit(Op::pad, {node.input(0), pads, filling}, attributes);
}

/// Attributes of Resize under their names, those of newer versions included where they are there.
NamedAttributes resize_attributes(NodeImport& node) {
  NamedAttributes attributes;
  for (const char* name :
       {"coordinate_transformation_mode", "mode", "nearest_mode", "keep_aspect_ratio_policy"}) {
    if (node.has(name)) attributes.strings.emplace_back(name, node.text(name, ""));
  }
  for (const char* name : {"cubic_coeff_a", "extrapolation_value"}) {
    if (node.has(name)) attributes.floats.emplace_back(name, node.number(name, 0));
  }
  for (const char* name : {"exclude_outside", "antialias"}) {
    if (node.has(name)) attributes.integers.emplace_back(name, node.integer(name, 0));
  }
  for (const std::int64_t axis : node.integers("axes")) {
    attributes.integers.emplace_back("axes", axis);
  }
  return attributes;
}

/// Upsample, and Resize of opset 10, know scales alone: output x reads input floor(x / scale).
void emit_scaled(NodeImport& node, int scales) {
  NamedAttributes attributes;
  std::string mode = node.text("mode", "nearest");
  if (mode == "bilinear") mode = "linear";  // the name of opset 1
  attributes.strings = {
      {"mode", mode}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}};
  node.emit(Op::resize, {node.input(0), kAbsent, scales}, attributes);
}

void import_resize(NodeImport& node) {
  if (node.opset() >= 11) return node.emit(Op::resize, node.all_inputs(), resize_attributes(node));
  if (node.input(1) == kAbsent) node.refuse("the scales are missing");
  emit_scaled(node, node.input(1));
}

void import_upsample(NodeImport& node) {
  if (node.opset() >= 10) node.unsupported("the operator ended with opset 9");
  if (node.opset() >= 9) {
    if (node.input(1) == kAbsent) node.refuse("the scales are missing");
    return emit_scaled(node, node.input(1));
  }
  std::vector<float> scales = node.numbers("scales");
  if (node.opset() < 7) {
    scales = {1, 1, node.number("height_scale", 0), node.number("width_scale", 0)};
  }
  if (scales.empty()) node.refuse("attribute 'scales' is missing");
  emit_scaled(node,
              node.constant("scales",
                            Tensor::of<float>({static_cast<std::int64_t>(scales.size())}, scales)));
}

void import_depth_to_space(NodeImport& node) {
  NamedAttributes attributes;
  attributes.integers = {{"blocksize", node.integer("blocksize", 0)}};
  attributes.strings = {{"mode", node.opset() >= 11 ? node.text("mode", "DCR") : "DCR"}};
  node.emit(Op::depth_to_space, node.all_inputs(), attributes);
}

void import_space_to_depth(NodeImport& node) {
  NamedAttributes attributes;
  attributes.integers = {{"blocksize", node.integer("blocksize", 0)}};
  node.emit(Op::space_to_depth, node.all_inputs(), attributes);
}

void import_trilu(NodeImport& node) {
  NamedAttributes attributes;
  attributes.integers = {{"upper", node.integer("upper", 1)}};
  node.emit(Op::trilu, node.all_inputs(), attributes);
}

constexpr std::array kRules = {
    OperatorRule{"Identity", 1, 1, 1, 1, import_identity},
    OperatorRule{"Reshape", 1, 1, 2, 1, import_reshape},
    OperatorRule{"Flatten", 1, 1, 1, 1, import_flatten},
    OperatorRule{"Squeeze", 1, 1, 2, 1, import_squeeze<Op::squeeze>},
    OperatorRule{"Unsqueeze", 1, 1, 2, 1, import_squeeze<Op::unsqueeze>},
    OperatorRule{"Transpose", 1, 1, 1, 1, import_transpose},
    OperatorRule{"Concat", 1, 1, kAnyNumber, 1, import_concat},
    OperatorRule{"Split", 1, 1, 2, kAnyNumber, import_split},
    OperatorRule{"Slice", 1, 1, 5, 1, import_slice},
    OperatorRule{"Expand", 8, 2, 2, 1, same_inputs<Op::expand>},
    OperatorRule{"Tile", 1, 2, 3, 1, import_tile},
    OperatorRule{"Pad", 1, 1, 4, 1, import_pad},
    OperatorRule{"Resize", 10, 1, 4, 1, import_resize},
    OperatorRule{"Upsample", 1, 1, 2, 1, import_upsample},
    OperatorRule{"DepthToSpace", 1, 1, 1, 1, import_depth_to_space},
    OperatorRule{"SpaceToDepth", 1, 1, 1, 1, import_space_to_depth},
    OperatorRule{"Trilu", 14, 1, 2, 1, import_trilu},
};

}  // namespace

std::span<const OperatorRule> layout_rules() { return kRules; }

}  // namespace jb::models::onnx_io
