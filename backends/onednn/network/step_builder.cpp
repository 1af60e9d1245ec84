#include "backends/onednn/network/step_builder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/core/inference/node_inputs.h"
#include "backends/core/inference/windows.h"
#include "backends/onednn/network/packed_weights.h"

namespace jb::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
using Layout = dnnl::memory::desc;
constexpr auto kF32 = dnnl::memory::data_type::f32;

Layout any_layout(const Dims& dims, dnnl::memory::data_type type = kF32) {
  return {dims, type, Tag::any};
}

void append(dnnl::post_ops& operations, const ExactActivation& activation) {
  append_eltwise(operations,
                 activation.kind == ExactActivation::Kind::relu ? dnnl::algorithm::eltwise_relu
                                                                : dnnl::algorithm::eltwise_clip,
                 activation.alpha, activation.beta);
}

WindowDims window_dims(const inference::Windows& windows) {
  WindowDims dims;
  for (const inference::Window& window : windows) {
    dims.kernel.push_back(window.kernel);
    dims.strides.push_back(window.stride);
    dims.dilations.push_back(window.dilation - 1);
    dims.pads_begin.push_back(window.pad_begin);
    dims.pads_end.push_back(window.pad_end);
  }
  return dims;
}

class StepBuilder {
 public:
  StepBuilder(NetworkMemory& memory, const GraphView& graph, const NodeGroup& group,
              std::vector<Layout>& layouts)
      : memory_(memory),
        graph_(graph),
        group_(group),
        node_(graph.nodes[static_cast<std::size_t>(group.node)]),
        type_(memory.operand_type()),
        layouts_(layouts) {}

  /// Empty where oneDNN has no primitive for the node.
  std::unique_ptr<PrimitiveStep> primitive() {
    if (is_packed_conv(graph_, node_)) return conv();
    if (is_packed_product(graph_, node_)) return product();
    if (!is_f32() || node_.activation.op != Op::identity) return nullptr;
    switch (node_.op) {
      case Op::matmul:
        return product_of_values();
      case Op::max_pool:
      case Op::average_pool:
        return pool();
      case Op::global_average_pool:
        return global_pool();
      case Op::lrn:
        return response_norm();
      case Op::relu:
      case Op::leaky_relu:
      case Op::clip:
        return activation();
      case Op::add:
        return sum();
      default:
        return nullptr;
    }
  }

  std::unique_ptr<Step> host() {
    std::vector<Layout> given;
    for (const int input : node_.inputs) {
      given.push_back(input == kAbsent ? Layout() : layout(input));
    }
    HostStep::MakeRunner make_runner;
    // Products of integers are kernels of the host.
    if (is_linear(node_.op) && is_float(graph_.value(node_.inputs[0]).type)) {
      make_runner = [memory = &memory_, index = group_.node] { return memory->runner(index); };
      if (!memory_.is_streamed()) (void)make_runner();  // made when compiled
    }
    return std::make_unique<HostStep>(node_, group_.node, std::move(given), std::move(make_runner));
  }

 private:
  [[nodiscard]] const Layout& layout(int value) const {
    return layouts_[static_cast<std::size_t>(value)];
  }
  [[nodiscard]] const Dims& dims(int value) const { return graph_.value(value).dims; }

  [[nodiscard]] bool is_f32() const {
    const auto f32 = [&](int value) {
      return value == kAbsent || graph_.value(value).type == DataType::f32;
    };
    return std::all_of(node_.inputs.begin(), node_.inputs.end(), f32) &&
           std::all_of(node_.outputs.begin(), node_.outputs.end(), f32);
  }

  Feed feed(int value, const Layout& wanted) {
    Feed feed{value, layout(value), wanted, wanted, {}};
    if (feed.from != feed.to) {
      feed.reorder = dnnl::reorder(
          dnnl::reorder::primitive_desc(memory_.engine, feed.from, memory_.engine, feed.to));
    }
    return feed;
  }

  /// A row-major value seen as a matrix, or as many of them.
  Feed plain_feed(int value, const Dims& seen_as, dnnl::memory::data_type type = kF32) {
    Feed given = feed(value, plain_layout(dims(value), type));
    given.seen_as = plain_layout(seen_as, type);
    return given;
  }

  /// What follows the products: sum first, then activation.
  dnnl::primitive_attr attributes() const {
    dnnl::post_ops operations;
    if (group_.residual != kAbsent) operations.append_sum(1.0F);
    if (node_.activation.op != Op::identity)
      append(operations, *exact_activation(node_.activation));
    if (group_.activation != kNoNode) {
      append(operations,
             *exact_activation(graph_, graph_.nodes[static_cast<std::size_t>(group_.activation)]));
    }
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(operations);
    return attributes;
  }

  template <class Primitive, class Description>
  std::unique_ptr<PrimitiveStep> step(const Description& description, const Layout& result) {
    layouts_[static_cast<std::size_t>(group_.outputs[0])] = result;
    return std::make_unique<PrimitiveStep>(group_.node, group_.outputs, Primitive(description),
                                           result, impl_name(description));
  }

  [[nodiscard]] inference::Windows windows(bool conv) const {
    std::vector<KnownValue> known;
    std::vector<const KnownValue*> given;
    known.reserve(node_.inputs.size());
    for (const int input : node_.inputs) {
      if (input == kAbsent) {
        given.push_back(nullptr);
        continue;
      }
      known.push_back({graph_.value(input).type, dims(input), nullptr});
      given.push_back(&known.back());
    }
    const inference::NodeInputs inputs(node_, given);
    return conv ? inference::conv_windows(inputs) : inference::pool_windows(inputs);
  }

  std::unique_ptr<PrimitiveStep> conv() {
    const PackedConv weights(memory_, graph_, group_);
    const Layout bias = weights.has_bias() ? Layout({weights.filters()}, kF32, Tag::a) : Layout();
    const auto pd = make_conv_pd(
        memory_.engine, any_layout(dims(node_.inputs[0]), type_), any_layout(weights.dims(), type_),
        bias, any_layout(dims(group_.outputs[0])), window_dims(windows(true)), attributes());
    if (pd.get(true) == nullptr) return nullptr;
    auto made = step<dnnl::convolution_forward>(pd, pd.dst_desc());
    made->give(DNNL_ARG_SRC, feed(node_.inputs[0], pd.src_desc()));
    made->hold(DNNL_ARG_WEIGHTS, weights.weights(pd.weights_desc()));
    if (weights.has_bias()) made->hold(DNNL_ARG_BIAS, weights.bias());
    if (group_.residual != kAbsent) made->add_to(feed(group_.residual, pd.dst_desc()));
    return made;
  }

  std::unique_ptr<PrimitiveStep> product() {
    const PackedProduct weights(memory_, graph_, group_);
    const Dims& a = dims(node_.inputs[0]);
    const std::int64_t rows = elements_of(a) / weights.k();
    const Layout bias = weights.has_bias() ? plain_layout({1, weights.n()}) : Layout();
    const auto pd = make_matmul_pd(memory_.engine, plain_layout({rows, weights.k()}, type_),
                                   any_layout({weights.k(), weights.n()}, type_), bias,
                                   plain_layout({rows, weights.n()}), attributes(), true);
    if (pd.get(true) == nullptr) return nullptr;
    const int output = group_.outputs[0];
    auto made = step<dnnl::matmul>(pd, pd.dst_desc());
    layouts_[static_cast<std::size_t>(output)] = plain_layout(dims(output));
    made->give(DNNL_ARG_SRC, plain_feed(node_.inputs[0], {rows, weights.k()}, type_));
    made->hold(DNNL_ARG_WEIGHTS, weights.weights(pd.weights_desc()));
    if (weights.has_bias()) made->hold(DNNL_ARG_BIAS, weights.bias());
    if (group_.residual != kAbsent) {
      made->add_to(plain_feed(group_.residual, {rows, weights.n()}));
    }
    return made;
  }

  /// Products of two computed operands, matrix by matrix.
  std::unique_ptr<PrimitiveStep> product_of_values() {
    const Dims& a = dims(node_.inputs[0]);
    const Dims& b = dims(node_.inputs[1]);
    if (node_.input(2) != kAbsent || a.size() < 2 || a.size() != b.size() ||
        !std::equal(a.begin(), a.end() - 2, b.begin())) {
      return nullptr;
    }
    const auto matrices = [](const Dims& all) {
      return Dims{elements_of(Dims(all.begin(), all.end() - 2)), all[all.size() - 2], all.back()};
    };
    const int output = group_.outputs[0];
    const auto pd = make_matmul_pd(memory_.engine, plain_layout(matrices(a), type_),
                                   plain_layout(matrices(b), type_), Layout(),
                                   plain_layout(matrices(dims(output))), {}, true);
    if (pd.get(true) == nullptr) return nullptr;
    auto made = step<dnnl::matmul>(pd, pd.dst_desc());
    layouts_[static_cast<std::size_t>(output)] = plain_layout(dims(output));
    made->give(DNNL_ARG_SRC, plain_feed(node_.inputs[0], matrices(a), type_));
    made->give(DNNL_ARG_WEIGHTS, plain_feed(node_.inputs[1], matrices(b), type_));
    return made;
  }

  std::unique_ptr<PrimitiveStep> pool(dnnl::algorithm algorithm, const WindowDims& window) {
    const int x = node_.inputs[0];
    const auto pd = make_pool_pd(memory_.engine, algorithm, layout(x),
                                 any_layout(dims(group_.outputs[0])), window);
    if (pd.get(true) == nullptr) return nullptr;
    auto made = step<dnnl::pooling_forward>(pd, pd.dst_desc());
    made->give(DNNL_ARG_SRC, feed(x, layout(x)));
    return made;
  }

  std::unique_ptr<PrimitiveStep> pool() {
    const auto& attributes = node_.get<PoolAttributes>();
    const bool dense = std::all_of(attributes.dilations.begin(), attributes.dilations.end(),
                                   [](std::int64_t dilation) { return dilation == 1; });
    if (attributes.ceil_mode || !dense || node_.outputs.size() != 1) return nullptr;
    const auto average = attributes.count_include_pad
                             ? dnnl::algorithm::pooling_avg_include_padding
                             : dnnl::algorithm::pooling_avg_exclude_padding;
    return pool(node_.op == Op::max_pool ? dnnl::algorithm::pooling_max : average,
                window_dims(windows(false)));
  }

  std::unique_ptr<PrimitiveStep> global_pool() {
    const Dims& x = dims(node_.inputs[0]);
    if (x.size() < 3 || x.size() > 5) return nullptr;
    WindowDims whole;
    whole.kernel.assign(x.begin() + 2, x.end());
    whole.strides.assign(x.size() - 2, 1);
    whole.pads_begin.assign(x.size() - 2, 0);
    whole.pads_end = whole.pads_begin;
    return pool(dnnl::algorithm::pooling_avg_exclude_padding, whole);
  }

  std::unique_ptr<PrimitiveStep> response_norm() {
    const auto& attributes = node_.get<LrnAttributes>();
    const int x = node_.inputs[0];
    // Even windows lie differently in ONNX and oneDNN.
    if (attributes.size % 2 == 0 || dims(x).size() != 4) return nullptr;
    const auto pd = make_lrn_pd(memory_.engine, layout(x), attributes.size, attributes.alpha,
                                attributes.beta, attributes.bias);
    if (pd.get(true) == nullptr) return nullptr;
    auto made = step<dnnl::lrn_forward>(pd, layout(x));
    made->give(DNNL_ARG_SRC, feed(x, layout(x)));
    return made;
  }

  std::unique_ptr<PrimitiveStep> activation() {
    const int x = node_.inputs[0];
    const auto exact = exact_activation(graph_, node_);
    if (!exact || graph_.value(x).dims.empty()) return nullptr;
    const auto pd =
        make_eltwise_pd(memory_.engine,
                        exact->kind == ExactActivation::Kind::relu ? dnnl::algorithm::eltwise_relu
                                                                   : dnnl::algorithm::eltwise_clip,
                        layout(x), exact->alpha, exact->beta);
    if (pd.get(true) == nullptr) return nullptr;
    auto made = step<dnnl::eltwise_forward>(pd, layout(x));
    made->give(DNNL_ARG_SRC, feed(x, layout(x)));
    return made;
  }

  std::unique_ptr<PrimitiveStep> sum() {
    const int a = node_.inputs[0];
    const int b = node_.inputs[1];
    if (dims(a) != dims(b) || dims(a).empty()) return nullptr;
    const bool first_is_plain = layout(a) == plain_layout(dims(a));
    const Layout shared = first_is_plain ? layout(b) : layout(a);
    const auto pd = make_binary_pd(memory_.engine, dnnl::algorithm::binary_add, shared);
    if (pd.get(true) == nullptr) return nullptr;
    auto made = step<dnnl::binary>(pd, shared);
    made->give(DNNL_ARG_SRC_0, feed(a, shared));
    made->give(DNNL_ARG_SRC_1, feed(b, shared));
    return made;
  }

  NetworkMemory& memory_;
  const GraphView& graph_;
  const NodeGroup& group_;
  const NodeView& node_;
  dnnl::memory::data_type type_;  // of the operands of products
  std::vector<Layout>& layouts_;
};

}  // namespace

std::unique_ptr<Step> build_step(NetworkMemory& memory, const GraphView& graph,
                                 const NodeGroup& group, std::vector<dnnl::memory::desc>& layouts) {
  StepBuilder builder(memory, graph, group, layouts);
  try {
    if (auto step = builder.primitive()) return step;
  } catch (const dnnl::error&) {
    // Sizes that oneDNN does not take at all: the host's kernels do.
  }
  if (group.outputs != graph.nodes[static_cast<std::size_t>(group.node)].outputs) return nullptr;
  return builder.host();
}

}  // namespace jb::onednn
