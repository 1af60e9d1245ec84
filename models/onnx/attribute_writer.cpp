#include "models/onnx/attribute_writer.h"

#include "models/onnx/tensor_proto.h"

namespace jb::models::onnx_io {
namespace {

using Node = ::onnx::NodeProto;

::onnx::AttributeProto& add(Node& node, const std::string& name,
                            ::onnx::AttributeProto::AttributeType type) {
  ::onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

void write_pads(Node& node, const std::vector<std::int64_t>& begin,
                const std::vector<std::int64_t>& end, AutoPad auto_pad) {
  std::vector<std::int64_t> pads = begin;
  pads.insert(pads.end(), end.begin(), end.end());
  switch (auto_pad) {
    case AutoPad::given:
      return write_attribute(node, "pads", pads);
    case AutoPad::same_upper:
      return write_attribute(node, "auto_pad", std::string("SAME_UPPER"));
    case AutoPad::same_lower:
      return write_attribute(node, "auto_pad", std::string("SAME_LOWER"));
    case AutoPad::valid:
      return write_attribute(node, "auto_pad", std::string("VALID"));
  }
}

void write_floats(Node& node, const std::string& name, const std::vector<float>& values) {
  if (values.empty()) return;
  ::onnx::AttributeProto& attribute = add(node, name, ::onnx::AttributeProto::FLOATS);
  for (const float value : values) attribute.add_floats(value);
}

/// Writes each kind of attributes; `view` says for which operator.
struct Writer {
  Node& node;
  const NodeView& view;
  int opset;

  void flag(const char* name, bool value) const {
    if (value) write_attribute(node, name, std::int64_t{1});
  }

  void operator()(const NoAttributes& /*none*/) const {}
  void operator()(const GemmAttributes& a) const {
    write_attribute(node, "alpha", a.alpha);
    write_attribute(node, "beta", a.beta);
    flag("transA", a.trans_a);
    flag("transB", a.trans_b);
  }
  void operator()(const ConvAttributes& a) const {
    write_attribute(node, "kernel_shape", a.kernel);
    write_attribute(node, "strides", a.strides);
    write_attribute(node, "dilations", a.dilations);
    write_pads(node, a.pads_begin, a.pads_end, a.auto_pad);
    write_attribute(node, "group", a.groups);
    write_attribute(node, "output_padding", a.output_padding);
    write_attribute(node, "output_shape", a.output_shape);
  }
  void operator()(const PoolAttributes& a) const {
    write_attribute(node, "kernel_shape", a.kernel);
    write_attribute(node, "strides", a.strides);
    write_attribute(node, "dilations", a.dilations);
    write_pads(node, a.pads_begin, a.pads_end, a.auto_pad);
    flag("ceil_mode", a.ceil_mode);
    flag("count_include_pad", a.count_include_pad);
    flag("storage_order", a.column_major_indices);
    if (view.op == Op::lp_pool) write_attribute(node, "p", a.p);
  }
  void operator()(const RecurrentAttributes& a) const {
    using Direction = RecurrentAttributes::Direction;
    write_attribute(node, "direction",
                    std::string(a.direction == Direction::forward   ? "forward"
                                : a.direction == Direction::reverse ? "reverse"
                                                                    : "bidirectional"));
    write_attribute(node, "hidden_size", a.hidden);
    if (!a.activations.empty()) {
      ::onnx::AttributeProto& list = add(node, "activations", ::onnx::AttributeProto::STRINGS);
      for (const std::string& name : a.activations) list.add_strings(name);
    }
    write_floats(node, "activation_alpha", a.activation_alpha);
    write_floats(node, "activation_beta", a.activation_beta);
    if (a.clip) write_attribute(node, "clip", *a.clip);
    flag("input_forget", a.input_forget);
    flag("linear_before_reset", a.linear_before_reset);
    flag("layout", a.batch_first);
  }
  void operator()(const AxisAttributes& a) const {
    write_attribute(node, "axis", a.axis);
    if (view.op == Op::split && opset >= 18 && view.input(1) == kAbsent) {
      write_attribute(node, "num_outputs", static_cast<std::int64_t>(view.outputs.size()));
    }
  }
  void operator()(const ReduceAttributes& a) const {
    write_attribute(node, "keepdims", std::int64_t{a.keepdims ? 1 : 0});
    flag("noop_with_empty_axes", a.noop_with_empty_axes);
  }
  void operator()(const ArgAttributes& a) const {
    write_attribute(node, "axis", a.axis);
    write_attribute(node, "keepdims", std::int64_t{a.keepdims ? 1 : 0});
    flag("select_last_index", a.select_last_index);
  }
  void operator()(const NormAttributes& a) const {
    write_attribute(node, "epsilon", a.epsilon);
    if (view.op == Op::layer_normalization) write_attribute(node, "axis", a.axis);
    if (view.op == Op::group_normalization) write_attribute(node, "num_groups", a.groups);
  }
  void operator()(const LrnAttributes& a) const {
    write_attribute(node, "alpha", a.alpha);
    write_attribute(node, "beta", a.beta);
    write_attribute(node, "bias", a.bias);
    write_attribute(node, "size", a.size);
  }
  void operator()(const ScalarAttributes& a) const {
    write_attribute(node, "alpha", a.alpha);
    if (view.op == Op::hard_sigmoid) write_attribute(node, "beta", a.beta);
    if (view.op == Op::selu) write_attribute(node, "gamma", a.beta);
  }
  void operator()(const GeluAttributes& a) const {
    write_attribute(node, "approximate", std::string(a.tanh_approximation ? "tanh" : "none"));
  }
  void operator()(const CastAttributes& a) const {
    write_attribute(node, "to", std::int64_t{number_of(a.to)});
  }
  void operator()(const ModAttributes& a) const { flag("fmod", a.fmod); }
  void operator()(const CumSumAttributes& a) const {
    flag("exclusive", a.exclusive);
    flag("reverse", a.reverse);
  }
  void operator()(const TopKAttributes& a) const {
    write_attribute(node, "axis", a.axis);
    write_attribute(node, "largest", std::int64_t{a.largest ? 1 : 0});
    write_attribute(node, "sorted", std::int64_t{a.sorted ? 1 : 0});
  }
  void operator()(const PermAttributes& a) const { write_attribute(node, "perm", a.perm); }
  void operator()(const ReshapeAttributes& a) const { flag("allowzero", a.allow_zero); }
  void operator()(const PadAttributes& a) const {
    constexpr const char* kModes[] = {"constant", "reflect", "edge", "wrap"};
    write_attribute(node, "mode", std::string(kModes[static_cast<std::size_t>(a.mode)]));
  }
  void operator()(const ShapeAttributes& a) const {
    if (a.start != 0) write_attribute(node, "start", a.start);
    if (a.end) write_attribute(node, "end", *a.end);
  }
  void operator()(const ConstantOfShapeAttributes& a) const {
    if (a.value.size() != 1) return;
    put_tensor(*add(node, "value", ::onnx::AttributeProto::TENSOR).mutable_t(), "",
               a.value.reshaped({1}));
  }
  void operator()(const NamedAttributes& a) const {
    std::vector<std::int64_t> axes;  // the one list among them
    for (const auto& [name, value] : a.integers) {
      if (name == "axes") {
        axes.push_back(value);
      } else {
        write_attribute(node, name, value);
      }
    }
    write_attribute(node, "axes", axes);
    for (const auto& [name, value] : a.floats) write_attribute(node, name, value);
    for (const auto& [name, value] : a.strings) write_attribute(node, name, value);
  }
};

}  // namespace

void write_attribute(Node& node, const std::string& name, std::int64_t value) {
  add(node, name, ::onnx::AttributeProto::INT).set_i(value);
}

void write_attribute(Node& node, const std::string& name, float value) {
  add(node, name, ::onnx::AttributeProto::FLOAT).set_f(value);
}

void write_attribute(Node& node, const std::string& name, const std::string& value) {
  add(node, name, ::onnx::AttributeProto::STRING).set_s(value);
}

void write_attribute(Node& node, const std::string& name, const std::vector<std::int64_t>& values) {
  if (values.empty()) return;
  ::onnx::AttributeProto& attribute = add(node, name, ::onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

void write_attributes(Node& node, const NodeView& view, int opset) {
  std::visit(Writer{node, view, opset}, view.attributes);
}

}  // namespace jb::models::onnx_io
