// Rules for gathering, scattering, shapes and constants.

#include <array>

#include "models/onnx/operators.h"

namespace jb::models::onnx_io {
namespace {

template <Op op>
void import_gather(NodeImport& node) {
  node.emit(op, node.all_inputs(), AxisAttributes{node.integer("axis", 0), 0});
}

void import_gather_nd(NodeImport& node) {
  NamedAttributes attributes;
  if (node.opset() >= 12) attributes.integers = {{"batch_dims", node.integer("batch_dims", 0)}};
  node.emit(Op::gather_nd, node.all_inputs(), attributes);
}

void import_scatter_nd(NodeImport& node) {
  NamedAttributes attributes;
  if (node.opset() >= 16) attributes.strings = {{"reduction", node.text("reduction", "none")}};
  node.emit(Op::scatter_nd, node.all_inputs(), attributes);
}

void import_one_hot(NodeImport& node) {
  node.emit(Op::one_hot, node.all_inputs(), AxisAttributes{node.integer("axis", -1), 0});
}

void import_shape(NodeImport& node) {
  ShapeAttributes attributes;
  if (node.opset() >= 15) {
    attributes.start = node.integer("start", 0);
    if (node.has("end")) attributes.end = node.integer("end", 0);
  }
  node.emit(Op::shape_of, node.all_inputs(), attributes);
}

void import_size(NodeImport& node) { node.emit(Op::size_of, node.all_inputs()); }

void import_constant_of_shape(NodeImport& node) {
  ConstantOfShapeAttributes attributes;
  if (node.has("value")) {
    attributes.value = node.tensor("value");
    if (attributes.value.size() != 1) node.refuse("attribute 'value' has no single element");
  }
  node.emit(Op::constant_of_shape, node.all_inputs(), attributes);
}

void import_range(NodeImport& node) { node.emit(Op::range, node.all_inputs()); }

template <class T>
Tensor vector_of(const std::vector<T>& values) {
  return Tensor::of<T>({static_cast<std::int64_t>(values.size())}, values);
}

void import_constant(NodeImport& node) {
  for (const char* name : {"sparse_value", "value_string", "value_strings"}) {
    if (node.has(name)) node.unsupported("attribute '{}' is not supported", name);
  }
  const int given =
      static_cast<int>(node.has("value")) + static_cast<int>(node.has("value_float")) +
      static_cast<int>(node.has("value_floats")) + static_cast<int>(node.has("value_int")) +
      static_cast<int>(node.has("value_ints"));
  if (given != 1) node.refuse("one value is needed, {} are given", given);
  if (node.has("value")) return node.emit_constant(node.tensor("value"));
  if (node.has("value_floats")) return node.emit_constant(vector_of(node.numbers("value_floats")));
  if (node.has("value_ints")) return node.emit_constant(vector_of(node.integers("value_ints")));
  if (node.has("value_float")) {
    const std::array<float, 1> value = {node.number("value_float", 0)};
    return node.emit_constant(Tensor::of<float>({}, value));
  }
  const std::array<std::int64_t, 1> value = {node.integer("value_int", 0)};
  node.emit_constant(Tensor::of<std::int64_t>({}, value));
}

constexpr std::array kRules = {
    OperatorRule{"Gather", 1, 2, 2, 1, import_gather<Op::gather>},
    OperatorRule{"GatherElements", 11, 2, 2, 1, import_gather<Op::gather_elements>},
    OperatorRule{"GatherND", 11, 2, 2, 1, import_gather_nd},
    OperatorRule{"ScatterND", 11, 3, 3, 1, import_scatter_nd},
    OperatorRule{"OneHot", 9, 3, 3, 1, import_one_hot},
    OperatorRule{"Shape", 1, 1, 1, 1, import_shape},
    OperatorRule{"Size", 1, 1, 1, 1, import_size},
    OperatorRule{"ConstantOfShape", 9, 1, 1, 1, import_constant_of_shape},
    OperatorRule{"Range", 11, 3, 3, 1, import_range},
    OperatorRule{"Constant", 1, 0, 0, 1, import_constant},
};

}  // namespace

std::span<const OperatorRule> indexing_rules() { return kRules; }

}  // namespace jb::models::onnx_io
