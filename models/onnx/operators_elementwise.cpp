// Rules for operators that work element by element.

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "models/onnx/operators.h"
#include "models/onnx/tensor_proto.h"

namespace jb::models::onnx_io {
namespace {

/// Opsets before 6 had a hint about memory on most operators.
void ignore_memory_hint(NodeImport& node) {
  if (node.opset() < 6) node.ignore("consumed_inputs");
}

template <Op op>
void same_inputs(NodeImport& node) {
  ignore_memory_hint(node);
  node.emit(op, node.all_inputs());
}

template <Op op>
void binary(NodeImport& node) {
  const int b = broadcast_operand(node);
  node.emit(op, {node.input(0), b});
}

/// Attribute alpha, and beta where the operator has a second one.
void scaled(NodeImport& node, Op op, float alpha, const char* second = nullptr, float beta = 0) {
  ignore_memory_hint(node);
  ScalarAttributes attributes;
  attributes.alpha = node.number("alpha", alpha);
  if (second != nullptr) attributes.beta = node.number(second, beta);
  node.emit(op, node.all_inputs(), attributes);
}

void import_selu(NodeImport& node) {
  // The constants of opset 6; opset 1 had four digits of them.
  const bool old = node.opset() < 6;
  scaled(node, Op::selu, old ? 1.6732F : 1.67326319217681884765625F, "gamma",
         old ? 1.0507F : 1.05070102214813232421875F);
}

void import_prelu(NodeImport& node) {
  ignore_memory_hint(node);
  int slope = node.input(1);
  if (node.opset() < 7) {  // a slope per channel, dimension 1
    const std::size_t rank = node.dims(node.input(0)).size();
    const Dims sizes = node.dims(slope);
    if (sizes.size() == 1 && sizes[0] != 1 && rank > 2) {
      std::vector<std::int64_t> axes;
      for (std::size_t d = 1; d + 1 < rank; ++d) axes.push_back(static_cast<std::int64_t>(d));
      slope = node.helper(Op::unsqueeze, "slope", {slope, node.constant_s64("axes", axes)});
    }
  }
  node.emit(Op::prelu, {node.input(0), slope});
}

/// A limit of opsets before 11; the largest numbers stand for none.
int limit_operand(NodeImport& node, const char* attribute, float none) {
  if (!node.has(attribute)) return kAbsent;
  const float value = node.number(attribute, none);
  return value == none ? kAbsent : node.scalar(attribute, value, node.input(0));
}

void import_clip(NodeImport& node) {
  ignore_memory_hint(node);
  if (node.opset() >= 11) return node.emit(Op::clip, node.all_inputs());
  if (node.inputs() > 1) node.refuse("limits are attributes before opset 11");
  constexpr float kMost = std::numeric_limits<float>::max();
  const int least = limit_operand(node, "min", -kMost);
  const int most = limit_operand(node, "max", kMost);
  node.emit(Op::clip, {node.input(0), least, most});
}

/// Opset 1 named the type ("FLOAT"), later ones number it.
DataType type_named(NodeImport& node, const std::string& name) {
  ::onnx::TensorProto::DataType number = ::onnx::TensorProto::UNDEFINED;
  if (!::onnx::TensorProto_DataType_Parse(name, &number)) {
    node.refuse("type '{}' is not known", shown(name));
  }
  return data_type_from(number, "the result of a Cast");
}

void import_cast(NodeImport& node) {
  if (!node.has("to")) node.refuse("attribute 'to' is missing");
  CastAttributes attributes;
  if (node.opset() < 6) {
    attributes.to = type_named(node, node.text("to", ""));
  } else {
    const std::int64_t number = node.integer("to", 0);
    if (number < 0 || number > 1000) node.refuse("type {} is not known", number);
    attributes.to = data_type_from(static_cast<int>(number), "the result of a Cast");
  }
  if (node.opset() >= 19) node.ignore("saturate");  // of 8-bit floats only
  node.emit(Op::cast, node.all_inputs(), attributes);
}

void import_cast_like(NodeImport& node) {
  if (node.opset() >= 19) node.ignore("saturate");
  node.emit(Op::cast, {node.input(0)}, CastAttributes{node.type(node.input(1))});
}

void import_gelu(NodeImport& node) {
  const std::string how = node.text("approximate", "none");
  if (how != "none" && how != "tanh") node.refuse("approximate '{}' is not known", shown(how));
  node.emit(Op::gelu, node.all_inputs(), GeluAttributes{how == "tanh"});
}

void import_mod(NodeImport& node) {
  node.emit(Op::modulo, node.all_inputs(), ModAttributes{node.flag("fmod", false)});
}

/// x above alpha, else 0.
void import_thresholded_relu(NodeImport& node) {
  const int x = node.input(0);
  const int alpha = node.scalar("alpha", node.number("alpha", 1), x);
  const int zero = node.scalar("zero", 0, x);
  const int above = node.helper(Op::greater, "above", {x, alpha});
  node.emit(Op::where, {above, x, zero});
}

constexpr std::array kRules = {
    OperatorRule{"Add", 1, 2, 2, 1, binary<Op::add>},
    OperatorRule{"Sub", 1, 2, 2, 1, binary<Op::sub>},
    OperatorRule{"Mul", 1, 2, 2, 1, binary<Op::mul>},
    OperatorRule{"Div", 1, 2, 2, 1, binary<Op::div>},
    OperatorRule{"Pow", 1, 2, 2, 1, binary<Op::pow>},
    OperatorRule{"Equal", 1, 2, 2, 1, binary<Op::equal>},
    OperatorRule{"Greater", 1, 2, 2, 1, binary<Op::greater>},
    OperatorRule{"GreaterOrEqual", 12, 2, 2, 1, binary<Op::greater_or_equal>},
    OperatorRule{"Less", 1, 2, 2, 1, binary<Op::less>},
    OperatorRule{"LessOrEqual", 12, 2, 2, 1, binary<Op::less_or_equal>},
    OperatorRule{"And", 1, 2, 2, 1, binary<Op::logical_and>},
    OperatorRule{"Or", 1, 2, 2, 1, binary<Op::logical_or>},
    OperatorRule{"Xor", 1, 2, 2, 1, binary<Op::logical_xor>},
    OperatorRule{"Not", 1, 1, 1, 1, same_inputs<Op::logical_not>},
    OperatorRule{"Where", 9, 3, 3, 1, same_inputs<Op::where>},
    OperatorRule{"Min", 1, 1, kAnyNumber, 1, same_inputs<Op::minimum>},
    OperatorRule{"Max", 1, 1, kAnyNumber, 1, same_inputs<Op::maximum>},
    OperatorRule{"Sum", 1, 1, kAnyNumber, 1, same_inputs<Op::sum>},
    OperatorRule{"Mean", 1, 1, kAnyNumber, 1, same_inputs<Op::mean>},
    OperatorRule{"Mod", 10, 2, 2, 1, import_mod},
    OperatorRule{"Neg", 1, 1, 1, 1, same_inputs<Op::neg>},
    OperatorRule{"Abs", 1, 1, 1, 1, same_inputs<Op::abs>},
    OperatorRule{"Sign", 9, 1, 1, 1, same_inputs<Op::sign>},
    OperatorRule{"Sqrt", 1, 1, 1, 1, same_inputs<Op::sqrt>},
    OperatorRule{"Reciprocal", 1, 1, 1, 1, same_inputs<Op::reciprocal>},
    OperatorRule{"Exp", 1, 1, 1, 1, same_inputs<Op::exp>},
    OperatorRule{"Log", 1, 1, 1, 1, same_inputs<Op::log>},
    OperatorRule{"Erf", 9, 1, 1, 1, same_inputs<Op::erf>},
    OperatorRule{"Sin", 7, 1, 1, 1, same_inputs<Op::sin>},
    OperatorRule{"Cos", 7, 1, 1, 1, same_inputs<Op::cos>},
    OperatorRule{"Floor", 1, 1, 1, 1, same_inputs<Op::floor>},
    OperatorRule{"Ceil", 1, 1, 1, 1, same_inputs<Op::ceil>},
    OperatorRule{"Round", 11, 1, 1, 1, same_inputs<Op::round>},
    OperatorRule{"Relu", 1, 1, 1, 1, same_inputs<Op::relu>},
    OperatorRule{"LeakyRelu", 1, 1, 1, 1, [](NodeImport& n) { scaled(n, Op::leaky_relu, 0.01F); }},
    OperatorRule{"PRelu", 1, 2, 2, 1, import_prelu},
    OperatorRule{"Elu", 1, 1, 1, 1, [](NodeImport& n) { scaled(n, Op::elu, 1); }},
    OperatorRule{"Selu", 1, 1, 1, 1, import_selu},
    OperatorRule{"Celu", 12, 1, 1, 1, [](NodeImport& n) { scaled(n, Op::celu, 1); }},
    OperatorRule{"Sigmoid", 1, 1, 1, 1, same_inputs<Op::sigmoid>},
    OperatorRule{"HardSigmoid", 1, 1, 1, 1,
                 [](NodeImport& n) { scaled(n, Op::hard_sigmoid, 0.2F, "beta", 0.5F); }},
    OperatorRule{"HardSwish", 14, 1, 1, 1, same_inputs<Op::hard_swish>},
    OperatorRule{"Softplus", 1, 1, 1, 1, same_inputs<Op::softplus>},
    OperatorRule{"Softsign", 1, 1, 1, 1, same_inputs<Op::softsign>},
    OperatorRule{"Tanh", 1, 1, 1, 1, same_inputs<Op::tanh>},
    OperatorRule{"Gelu", 20, 1, 1, 1, import_gelu},
    OperatorRule{"Mish", 18, 1, 1, 1, same_inputs<Op::mish>},
    OperatorRule{"ThresholdedRelu", 10, 1, 1, 1, import_thresholded_relu},
    OperatorRule{"Clip", 1, 1, 3, 1, import_clip},
    OperatorRule{"Cast", 1, 1, 1, 1, import_cast},
    OperatorRule{"CastLike", 15, 2, 2, 1, import_cast_like},
};

}  // namespace

std::span<const OperatorRule> elementwise_rules() { return kRules; }

}  // namespace jb::models::onnx_io
