// Rules for normalisation, softmax, pooling and dropout.

#include <array>
#include <cmath>

#include "models/onnx/operators.h"

namespace jb::models::onnx_io {
namespace {

/// Before opset 13 softmax went over all dimensions from the axis on, and the axis was 1.
void import_softmax(NodeImport& node, Op op, Op flattened) {
  const bool old = node.opset() < 13;
  const std::int64_t axis = node.integer("axis", old ? 1 : -1);
  node.emit(old ? flattened : op, node.all_inputs(), AxisAttributes{axis, 0});
}

/// Means and deviations per element of a sample (opsets before 9, spatial = 0): spelled out.
void import_elementwise_batch_normalization(NodeImport& node, float epsilon) {
  const int x = node.input(0);
  const int centred = node.helper(Op::sub, "centred", {x, node.input(3)});
  const int raised =
      node.helper(Op::add, "variance", {node.input(4), node.scalar("epsilon", epsilon, x)});
  const int deviation = node.helper(Op::sqrt, "deviation", {raised});
  const int normal = node.helper(Op::div, "normal", {centred, deviation});
  const int scaled = node.helper(Op::mul, "scaled", {normal, node.input(1)});
  node.emit(Op::add, {scaled, node.input(2)});
}

void import_batch_normalization(NodeImport& node) {
  if (node.opset() < 6) node.ignore("consumed_inputs");
  const float epsilon = node.number("epsilon", 1e-5F);
  node.ignore("momentum");  // of training
  // Inference was asked for by is_test, then by the lack of further outputs, then by training_mode.
  const bool training = node.opset() >= 14 ? node.flag("training_mode", false)
                        : node.opset() < 7 ? node.has("is_test") && !node.flag("is_test", false)
                                           : false;
  bool more_outputs = false;
  for (int i = 1; i < node.outputs(); ++i) more_outputs = more_outputs || node.output_used(i);
  if (training || more_outputs) node.unsupported("its training form is not supported");
  if (node.opset() < 9 && !node.flag("spatial", true)) {
    return import_elementwise_batch_normalization(node, epsilon);
  }
  NormAttributes attributes;
  attributes.epsilon = epsilon;
  node.emit(Op::batch_normalization, node.all_inputs(), attributes);
}

void import_instance_normalization(NodeImport& node) {
  if (node.opset() < 6) node.ignore("consumed_inputs");
  NormAttributes attributes;
  attributes.epsilon = node.number("epsilon", 1e-5F);
  node.emit(Op::instance_normalization, node.all_inputs(), attributes);
}

void import_layer_normalization(NodeImport& node) {
  NormAttributes attributes;
  attributes.epsilon = node.number("epsilon", 1e-5F);
  attributes.axis = node.integer("axis", -1);
  node.ignore("stash_type");  // precision of the sums: ours are float or better
  node.emit(Op::layer_normalization, node.all_inputs(), attributes);
}

void import_group_normalization(NodeImport& node) {
  NormAttributes attributes;
  attributes.epsilon = node.number("epsilon", 1e-5F);
  attributes.groups = node.integer("num_groups", 0);
  if (attributes.groups < 1) node.refuse("it has {} groups", attributes.groups);
  node.emit(Op::group_normalization, node.all_inputs(), attributes);
}

void import_lrn(NodeImport& node) {
  LrnAttributes attributes;
  attributes.alpha = node.number("alpha", 1e-4F);
  attributes.beta = node.number("beta", 0.75F);
  attributes.bias = node.number("bias", 1);
  attributes.size = node.integer("size", 0);
  if (attributes.size < 1)
    node.refuse("attribute 'size' is {}; 1 and more are accepted", attributes.size);
  node.emit(Op::lrn, node.all_inputs(), attributes);
}

/// x over its norm of order p along an axis.
void import_lp_normalization(NodeImport& node) {
  const std::int64_t p = node.integer("p", 2);
  if (p != 1 && p != 2) node.refuse("p is {}; 1 and 2 are accepted", p);
  const int axes = node.constant_s64("axes", {node.integer("axis", -1)});
  const int norm = node.helper(p == 1 ? Op::reduce_l1 : Op::reduce_l2, "norm",
                               {node.input(0), axes}, ReduceAttributes{});
  node.emit(Op::div, {node.input(0), norm});
}

PoolAttributes pool_attributes(NodeImport& node) {
  const Window window = window_of(node);
  PoolAttributes attributes;
  attributes.kernel = window.kernel;
  attributes.strides = window.strides;
  attributes.dilations = window.dilations;
  attributes.pads_begin = window.pads.begin;
  attributes.pads_end = window.pads.end;
  attributes.auto_pad = window.auto_pad;
  attributes.ceil_mode = node.flag("ceil_mode", false);
  if (attributes.kernel.empty()) node.refuse("attribute 'kernel_shape' is missing");
  return attributes;
}

void import_max_pool(NodeImport& node) {
  PoolAttributes attributes = pool_attributes(node);
  attributes.column_major_indices = node.flag("storage_order", false);
  node.emit(Op::max_pool, node.all_inputs(), attributes);
}

void import_average_pool(NodeImport& node) {
  PoolAttributes attributes = pool_attributes(node);
  attributes.count_include_pad = node.flag("count_include_pad", false);
  node.emit(Op::average_pool, node.all_inputs(), attributes);
}

/// Opset 1 wrote the order of the norm as a float.
std::int64_t norm_order(NodeImport& node) {
  if (node.opset() >= 2) return node.integer("p", 2);
  const float p = node.number("p", 2);
  if (!(p >= 1 && p <= 1024) || p != std::floor(p)) node.unsupported("p is {}, no whole number", p);
  return static_cast<std::int64_t>(p);
}

void import_lp_pool(NodeImport& node) {
  PoolAttributes attributes = pool_attributes(node);
  attributes.p = norm_order(node);
  if (attributes.p < 1) node.refuse("p is {}; 1 and more are accepted", attributes.p);
  node.emit(Op::lp_pool, node.all_inputs(), attributes);
}

template <Op op>
void import_global_pool(NodeImport& node) {
  node.emit(op, node.all_inputs());
}

void import_dropout(NodeImport& node) {
  if (node.opset() < 6) node.ignore("consumed_inputs");
  if (node.opset() < 12) node.ignore("ratio");
  if (node.opset() >= 12) node.ignore("seed");
  if (node.opset() < 7 && node.has("is_test") && !node.flag("is_test", true)) {
    node.unsupported("its training form is not supported");
  }
  if (node.opset() < 10 && node.output_used(1)) {
    node.unsupported("its mask is not supported before opset 10");
  }
  node.emit(Op::dropout, node.all_inputs());
}

constexpr std::array kRules = {
    OperatorRule{"Softmax", 1, 1, 1, 1,
                 [](NodeImport& n) { import_softmax(n, Op::softmax, Op::softmax_flattened); }},
    OperatorRule{
        "LogSoftmax", 1, 1, 1, 1,
        [](NodeImport& n) { import_softmax(n, Op::log_softmax, Op::log_softmax_flattened); }},
    OperatorRule{"BatchNormalization", 1, 5, 5, 5, import_batch_normalization},
    OperatorRule{"InstanceNormalization", 1, 3, 3, 1, import_instance_normalization},
    OperatorRule{"LayerNormalization", 17, 2, 3, 3, import_layer_normalization},
    OperatorRule{"GroupNormalization", 18, 3, 3, 1, import_group_normalization},
    OperatorRule{"LRN", 1, 1, 1, 1, import_lrn},
    OperatorRule{"LpNormalization", 1, 1, 1, 1, import_lp_normalization},
    OperatorRule{"MaxPool", 1, 1, 1, 2, import_max_pool},
    OperatorRule{"AveragePool", 1, 1, 1, 1, import_average_pool},
    OperatorRule{"LpPool", 1, 1, 1, 1, import_lp_pool},
    OperatorRule{"GlobalAveragePool", 1, 1, 1, 1, import_global_pool<Op::global_average_pool>},
    OperatorRule{"GlobalMaxPool", 1, 1, 1, 1, import_global_pool<Op::global_max_pool>},
    OperatorRule{"Dropout", 1, 1, 3, 2, import_dropout},
};

}  // namespace

std::span<const OperatorRule> normalization_rules() { return kRules; }

}  // namespace jb::models::onnx_io
