// Rules for products: MatMul, Gemm, convolutions, recurrent layers.

#include <array>

#include "models/onnx/operators.h"

namespace jb::models::onnx_io {
namespace {

void import_matmul(NodeImport& node) { node.emit(Op::matmul, node.all_inputs()); }

void import_gemm(NodeImport& node) {
  GemmAttributes attributes;
  attributes.alpha = node.number("alpha", 1);
  attributes.beta = node.number("beta", 1);
  attributes.trans_a = node.flag("transA", false);
  attributes.trans_b = node.flag("transB", false);
  // Before opset 7 C was broadcast only when told; what needs no broadcasting is the same either
  // way.
  if (node.opset() < 7) node.ignore("broadcast");
  node.emit(Op::gemm, node.all_inputs(), attributes);
}

ConvAttributes conv_attributes(NodeImport& node) {
  const Window window = window_of(node);
  ConvAttributes attributes;
  attributes.kernel = window.kernel;
  attributes.strides = window.strides;
  attributes.dilations = window.dilations;
  attributes.pads_begin = window.pads.begin;
  attributes.pads_end = window.pads.end;
  attributes.auto_pad = window.auto_pad;
  attributes.groups = node.integer("group", 1);
  if (attributes.groups < 1) node.refuse("it has {} groups", attributes.groups);
  return attributes;
}

void import_conv(NodeImport& node) {
  node.emit(Op::conv, node.all_inputs(), conv_attributes(node));
}

void import_conv_transpose(NodeImport& node) {
  ConvAttributes attributes = conv_attributes(node);
  attributes.output_padding = node.integers("output_padding");
  attributes.output_shape = node.integers("output_shape");
  for (const auto* list : {&attributes.output_padding, &attributes.output_shape}) {
    for (const std::int64_t value : *list) {
      if (value < 0) node.refuse("its output has a padding or size of {}", value);
    }
  }
  node.emit(Op::conv_transpose, node.all_inputs(), attributes);
}

RecurrentAttributes::Direction direction_of(NodeImport& node) {
  const std::string text = node.text("direction", "forward");
  if (text == "forward") return RecurrentAttributes::Direction::forward;
  if (text == "reverse") return RecurrentAttributes::Direction::reverse;
  if (text == "bidirectional") return RecurrentAttributes::Direction::bidirectional;
  node.refuse("direction '{}' is not known", shown(text));
}

void import_recurrent(NodeImport& node, Op op) {
  RecurrentAttributes attributes;
  attributes.direction = direction_of(node);
  attributes.hidden = node.integer("hidden_size", 0);
  attributes.activations = node.texts("activations");
  attributes.activation_alpha = node.numbers("activation_alpha");
  attributes.activation_beta = node.numbers("activation_beta");
  if (node.has("clip")) attributes.clip = node.number("clip", 0);
  if (op == Op::lstm) attributes.input_forget = node.flag("input_forget", false);
  if (op == Op::gru) attributes.linear_before_reset = node.flag("linear_before_reset", false);
  // Until opset 6: whether the first output is wanted; a name for it says so as well.
  if (node.opset() < 7) node.ignore("output_sequence");
  if (node.opset() >= 14) attributes.batch_first = node.flag("layout", false);
  node.emit(op, node.all_inputs(), attributes);
}

constexpr std::array kRules = {
    OperatorRule{"MatMul", 1, 2, 2, 1, import_matmul},
    OperatorRule{"Gemm", 1, 2, 3, 1, import_gemm},
    OperatorRule{"Conv", 1, 2, 3, 1, import_conv},
    OperatorRule{"ConvTranspose", 1, 2, 3, 1, import_conv_transpose},
    OperatorRule{"RNN", 1, 3, 6, 2, [](NodeImport& n) { import_recurrent(n, Op::rnn); }},
    OperatorRule{"LSTM", 1, 3, 8, 3, [](NodeImport& n) { import_recurrent(n, Op::lstm); }},
    OperatorRule{"GRU", 1, 3, 6, 2, [](NodeImport& n) { import_recurrent(n, Op::gru); }},
};

}  // namespace

std::span<const OperatorRule> linear_rules() { return kRules; }

}  // namespace jb::models::onnx_io
