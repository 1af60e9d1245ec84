#include "models/training/trainable.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/gemm.h"
#include "models/networks/registry.h"

namespace jb::models {
namespace {

bool is_perceptron(const std::string& name) { return name.rfind("mlp-", 0) == 0; }

/// The one number that all entries are; nothing where they differ, `otherwise` where there are
/// none.
std::optional<std::int64_t> one_of(const std::vector<std::int64_t>& values,
                                   std::int64_t otherwise) {
  if (values.empty()) return otherwise;
  const bool equal = std::all_of(values.begin(), values.end(),
                                 [&](std::int64_t v) { return v == values.front(); });
  return equal ? std::optional<std::int64_t>(values.front()) : std::nullopt;
}

Tensor owned(const Matrix<float>& matrix, const Dims& dims, bool transposed) {
  Tensor tensor(DataType::f32, dims);
  const auto values = tensor.as_mutable<float>();
  const MatrixView<const float> view = transposed ? matrix.view().transposed() : matrix.view();
  for (std::int64_t i = 0; i < view.rows; ++i) {
    for (std::int64_t j = 0; j < view.cols; ++j) {
      values[static_cast<std::size_t>(i * view.cols + j)] = view(i, j);
    }
  }
  return tensor;
}

}  // namespace

TrainableNetwork::TrainableNetwork(const std::string& name, std::uint64_t seed)
    : name_(name), graph_(name) {
  if (is_perceptron(name)) {
    const Mlp network = build_mlp(name, seed);
    name_ = network.name;
    graph_ = network.graph();
    read_chain();
    graph_ = graph();  // with numbers of its own
    return;
  }
  NetworkOptions options;
  options.seed = seed;
  graph_ = build_network(name, options);
  read_chain();
}

void TrainableNetwork::refuse(const NodeView& node, const std::string& reason) const {
  fail_usage(
      "network {} cannot be trained here: node '{}' ({}) {}; chains of fully connected layers, "
      "convolutions, ReLU and pooling can (lenet5, mlp-INPUTS-...-OUTPUTS)",
      name_, node.name, jb::name_of(node.op), reason);
}

void TrainableNetwork::read_chain() {
  const GraphView view = graph_.bind(1);
  if (view.inputs.size() != 1 || view.outputs.size() != 1) {
    fail_usage(
        "network {} cannot be trained here: it has {} inputs and {} outputs, not one of each",
        name_, view.inputs.size(), view.outputs.size());
  }
  const Dims& dims = view.value(view.inputs[0]).dims;
  input_dims_.assign(dims.begin() + 1, dims.end());
  int value = view.inputs[0];
  for (const NodeView& node : view.nodes) {
    if (node.inputs.empty() || node.inputs[0] != value) {
      refuse(node, "does not follow the node before it");
    }
    const Dims& input = view.value(value).dims;
    value = node.outputs[0];
    switch (node.op) {
      case Op::matmul:
        take_linear(node);
        break;
      case Op::conv:
        take_conv(node, input);
        break;
      case Op::average_pool:
      case Op::max_pool:
        take_pooling(node, view.value(value).dims);
        break;
      case Op::relu:
        if (layers_.empty() || layers_.back().relu) refuse(node, "follows no linear layer");
        if (layers_.back().conv && layers_.back().conv->pooling().present()) {
          refuse(node, "stands behind pooling instead of before it");
        }
        layers_.back().relu = true;
        break;
      case Op::flatten:
      case Op::identity:
        break;
      default:
        refuse(node, "is none that training knows");
    }
  }
  if (layers_.empty() || value != view.outputs[0] || layers_.back().relu || layers_.back().conv) {
    fail_usage("network {} cannot be trained here: it does not end in a fully connected layer",
               name_);
  }
}

void TrainableNetwork::take_linear(const NodeView& node) {
  if (node.inputs.size() < 3 || node.input(2) == kAbsent) refuse(node, "has no bias");
  const Tensor w = graph_.values()[static_cast<std::size_t>(node.inputs[1])].constant.value();
  if (w.rank() != 2) refuse(node, "has no weight matrix");
  const Tensor b = graph_.values()[static_cast<std::size_t>(node.inputs[2])].constant.value();
  TrainableLayer layer;
  layer.name = node.name;
  layer.weights = copy_as<float>(ConstMatrixRef(w.rows_f32(w.dims()[0])));
  layer.bias.assign(b.as<float>().begin(), b.as<float>().end());
  layers_.push_back(std::move(layer));
  values_.emplace_back(node.inputs[1], node.inputs[2]);
}

void TrainableNetwork::take_conv(const NodeView& node, const Dims& input) {
  const auto& attributes = node.get<ConvAttributes>();
  const Tensor w = graph_.values()[static_cast<std::size_t>(node.inputs[1])].constant.value();
  if (node.inputs.size() < 3 || node.input(2) == kAbsent) refuse(node, "has no bias");
  if (w.rank() != 4 || attributes.groups != 1 || attributes.auto_pad != AutoPad::given) {
    refuse(node, "is no convolution of images in one group with its padding given");
  }
  const auto stride = one_of(attributes.strides, 1);
  const auto dilation = one_of(attributes.dilations, 1);
  const auto begin = one_of(attributes.pads_begin, 0);
  const auto end = one_of(attributes.pads_end, 0);
  if (!stride || !dilation || !begin || begin != end) {
    refuse(node, "has strides, dilations or padding that differ between its sides");
  }
  ConvShape shape;
  shape.in_channels = input.at(1);
  shape.height = input.at(2);
  shape.width = input.at(3);
  shape.out_channels = w.dims()[0];
  shape.kernel_h = w.dims()[2];
  shape.kernel_w = w.dims()[3];
  shape.stride = *stride;
  shape.pad = *begin;
  shape.dilation = *dilation;
  const Tensor b = graph_.values()[static_cast<std::size_t>(node.inputs[2])].constant.value();
  TrainableLayer layer;
  layer.name = node.name;
  layer.weights = copy_as<float>(ConstMatrixRef(w.rows_f32(shape.out_channels).transposed()));
  layer.bias.assign(b.as<float>().begin(), b.as<float>().end());
  layer.conv.emplace(shape, Pooling{});
  layers_.push_back(std::move(layer));
  values_.emplace_back(node.inputs[1], node.inputs[2]);
}

void TrainableNetwork::take_pooling(const NodeView& node, const Dims& output) {
  const auto& attributes = node.get<PoolAttributes>();
  if (layers_.empty() || !layers_.back().conv || layers_.back().conv->pooling().present()) {
    refuse(node, "does not follow a convolution");
  }
  const auto kernel = one_of(attributes.kernel, 1);
  const auto stride = one_of(attributes.strides, 1);
  const bool plain = one_of(attributes.pads_begin, 0) == 0 && one_of(attributes.pads_end, 0) == 0 &&
                     one_of(attributes.dilations, 1) == 1 &&
                     attributes.auto_pad == AutoPad::given && node.outputs.size() == 1;
  if (!kernel || !stride || !plain) {
    refuse(node, "has windows that are padded, spread or not square");
  }
  const ConvShape shape = layers_.back().conv->shape();
  layers_.back().conv.emplace(shape, Pooling{node.op == Op::average_pool, *kernel, *stride});
  if (layers_.back().output_size() != elements_of(output)) {
    refuse(node, "rounds sizes up (ceil_mode)");
  }
}

double TrainableNetwork::parameters() const {
  double sum = 0;
  for (const TrainableLayer& layer : layers_) {
    sum += static_cast<double>(layer.weights.size()) + static_cast<double>(layer.bias.size());
  }
  return sum;
}

double TrainableNetwork::floats_per_sample() const {
  double sum = 2 * static_cast<double>(output_size());
  for (const TrainableLayer& layer : layers_) {
    sum += 2 * static_cast<double>(layer.input_size());
    if (!layer.conv) continue;
    sum += static_cast<double>(2 * layer.rows_per_sample() * layer.weights.rows() +
                               3 * layer.conv->map_size());
  }
  return sum;
}

Graph TrainableNetwork::graph() const {
  Graph graph = graph_;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const TrainableLayer& layer = layers_[l];
    ValueView& w = graph.values()[static_cast<std::size_t>(values_[l].first)];
    ValueView& b = graph.values()[static_cast<std::size_t>(values_[l].second)];
    w.constant = Constant(owned(layer.weights, w.dims, layer.conv.has_value()));
    Tensor bias(DataType::f32, b.dims);
    std::copy(layer.bias.begin(), layer.bias.end(), bias.as_mutable<float>().begin());
    b.constant = Constant(std::move(bias));
  }
  return graph;
}

Matrix<float> forward(const TrainableNetwork& network, MatrixView<const float> images) {
  constexpr std::int64_t kSamples = 256;  // lowered images stay small
  Matrix<float> logits(images.rows, network.output_size());
  for (std::int64_t first = 0; first < images.rows; first += kSamples) {
    const std::int64_t samples = std::min(kSamples, images.rows - first);
    Matrix<float> x = copy_as<float>(ConstMatrixRef(images.block(first, 0, samples, images.cols)));
    for (const TrainableLayer& layer : network.layers()) {
      Matrix<float> lowered;
      if (layer.conv) {
        lowered = Matrix<float>(samples * layer.rows_per_sample(), layer.weights.rows());
        layer.conv->lower(std::as_const(x).view(), lowered.view());
      }
      const Matrix<float>& a = layer.conv ? lowered : x;
      Matrix<float> y(a.rows(), layer.weights.cols());
      gemm<float>(a.view(), layer.weights.view(), y.view());
      for (std::int64_t i = 0; i < y.rows(); ++i) {
        for (std::int64_t j = 0; j < y.cols(); ++j) {
          const float value = y(i, j) + layer.bias[static_cast<std::size_t>(j)];
          y(i, j) = layer.relu ? std::max(value, 0.0F) : value;
        }
      }
      if (!layer.conv) {
        x = std::move(y);
        continue;
      }
      Matrix<float> maps(samples, layer.conv->map_size());
      layer.conv->to_maps(std::as_const(y).view(), maps.view());
      x = Matrix<float>(samples, layer.conv->output_size());
      layer.conv->pool(std::as_const(maps).view(), x.view());
    }
    for (std::int64_t i = 0; i < samples; ++i)
      std::copy_n(&x(i, 0), x.cols(), &logits(first + i, 0));
  }
  return logits;
}

}  // namespace jb::models
