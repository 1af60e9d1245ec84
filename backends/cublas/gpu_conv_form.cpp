#include "backends/cublas/gpu_conv_form.h"

#include <algorithm>
#include <vector>

namespace jb::cublas {
namespace {

using Sizes = std::vector<std::int64_t>;

/// The one value of a list that holds nothing else; `otherwise` for an empty list.
std::optional<std::int64_t> only(const Sizes& values, std::int64_t otherwise) {
  if (values.empty()) return otherwise;
  const bool equal = std::all_of(values.begin(), values.end(),
                                 [&](std::int64_t value) { return value == values.front(); });
  return equal ? std::optional(values.front()) : std::nullopt;
}

/// The pad when it is the same at every side.
std::optional<std::int64_t> only_pad(const Sizes& begin, const Sizes& end) {
  const auto first = only(begin, 0);
  const auto last = only(end, 0);
  return first && last && *first == *last ? first : std::nullopt;
}

bool has_images(const GraphView& graph, const NodeView& node) {
  return graph.value(node.inputs[0]).dims.size() == 4 &&
         elements_of(graph.value(node.outputs[0]).dims) > 0;
}

}  // namespace

std::optional<ConvShape> conv_form(const GraphView& graph, const NodeView& node) {
  const auto& attributes = node.get<ConvAttributes>();
  const ValueView& w = graph.value(node.inputs.at(1));
  const auto stride = only(attributes.strides, 1);
  const auto dilation = only(attributes.dilations, 1);
  const auto pad = only_pad(attributes.pads_begin, attributes.pads_end);
  if (!has_images(graph, node) || attributes.auto_pad != AutoPad::given || !w.is_constant ||
      w.type != DataType::f32 || !stride || !dilation || !pad) {
    return std::nullopt;
  }
  const Dims& x = graph.value(node.inputs[0]).dims;
  ConvShape shape;
  shape.images = x[0];
  shape.in_channels = x[1];
  shape.height = x[2];
  shape.width = x[3];
  shape.out_channels = w.dims[0];
  shape.kernel_h = w.dims[2];
  shape.kernel_w = w.dims[3];
  shape.stride = *stride;
  shape.pad = *pad;
  shape.dilation = *dilation;
  shape.groups = attributes.groups;
  const Dims& y = graph.value(node.outputs[0]).dims;
  if (shape.out_h() != y[2] || shape.out_w() != y[3]) return std::nullopt;
  return shape;
}

std::optional<PoolShape> pool_form(const GraphView& graph, const NodeView& node) {
  if (!has_images(graph, node) || node.outputs.size() != 1) return std::nullopt;
  const Dims& x = graph.value(node.inputs[0]).dims;
  PoolShape shape;
  shape.images = x[0];
  shape.channels = x[1];
  shape.height = x[2];
  shape.width = x[3];
  if (node.op == Op::global_average_pool) {
    shape.window = x[2];
    return x[2] == x[3] ? std::optional(shape) : std::nullopt;
  }
  const auto& attributes = node.get<PoolAttributes>();
  const auto window = only(attributes.kernel, 1);
  const auto stride = only(attributes.strides, 1);
  const auto dilation = only(attributes.dilations, 1);
  const auto pad = only_pad(attributes.pads_begin, attributes.pads_end);
  if (attributes.auto_pad != AutoPad::given || !window || !stride || !pad || dilation != 1 ||
      *pad >= *window ||
      (node.op == Op::average_pool && attributes.count_include_pad && *pad > 0)) {
    return std::nullopt;
  }
  shape.window = *window;
  shape.stride = *stride;
  shape.pad = *pad;
  // ceil_mode can add windows that only partly lie on the padded image.
  const Dims& y = graph.value(node.outputs[0]).dims;
  if (shape.out_h() != y[2] || shape.out_w() != y[3]) return std::nullopt;
  return shape;
}

}  // namespace jb::cublas
