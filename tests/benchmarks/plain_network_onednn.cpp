#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "backends/onednn/network/fusion.h"
#include "backends/onednn/onednn_compat.h"
#include "tests/benchmarks/plain_network.h"

namespace jb::bench {
namespace {

using Layout = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

class RawNetwork final : public PlainNetwork {
 public:
  explicit RawNetwork(const GraphView& graph)
      : graph_(graph), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    for (const onednn::NodeGroup& group : onednn::group_nodes(graph, true)) {
      const NodeView& node = graph.nodes[static_cast<std::size_t>(group.node)];
      if (onednn::is_packed_conv(graph, node)) add_conv(group, node);
      if (onednn::is_packed_product(graph, node)) add_product(group, node);
    }
    std::size_t most = 0;
    for (const Call& call : calls_) {
      most = std::max({most, call.src_bytes, call.dst_bytes});
    }
    // Two buffers in turns: what a call wrote is what the next one reads.
    for (std::vector<float>& buffer : buffers_) buffer.assign(most / sizeof(float) + 16, 0.5F);
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      calls_[i].src.set_data_handle(buffers_[i % 2].data());
      calls_[i].dst.set_data_handle(buffers_[(i + 1) % 2].data());
    }
  }

  void execute() override {
    for (Call& call : calls_) {
      dnnl::error::wrap_c_api(
          dnnl_primitive_execute(call.primitive.get(), stream_.get(),
                                 static_cast<int>(call.arguments.size()), call.arguments.data()),
          "could not execute");
    }
    stream_.wait();
  }

 private:
  struct Call {
    dnnl::primitive primitive;
    dnnl::memory src, dst, weights, bias;
    std::size_t src_bytes = 0, dst_bytes = 0;
    std::vector<dnnl_exec_arg_t> arguments;
  };

  static dnnl::primitive_attr attributes(const onednn::NodeGroup& group) {
    dnnl::post_ops operations;
    if (group.activation != onednn::kNoNode) {
      onednn::append_eltwise(operations, dnnl::algorithm::eltwise_relu, 0, 0);
    }
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(operations);
    return attributes;
  }

  void add_conv(const onednn::NodeGroup& group, const NodeView& node) {
    const auto& given = node.get<ConvAttributes>();
    const Dims& x = graph_.value(node.inputs[0]).dims;
    const Dims& w = graph_.value(node.inputs[1]).dims;
    const Dims& y = graph_.value(node.outputs[0]).dims;
    const onednn::WindowDims windows{
        given.kernel, given.strides, {0, 0}, given.pads_begin, given.pads_end};
    const auto any = [](const Dims& dims) { return Layout(dims, kF32, Tag::any); };
    const auto pd = onednn::make_conv_pd(engine_, any(x), any(w), Layout({w[0]}, kF32, Tag::a),
                                         any(y), windows, attributes(group));
    add(dnnl::convolution_forward(pd), pd.src_desc(), pd.weights_desc(), pd.bias_desc(),
        pd.dst_desc());
  }

  void add_product(const onednn::NodeGroup& group, const NodeView& node) {
    const Dims& x = graph_.value(node.inputs[0]).dims;
    const Dims& w = graph_.value(node.inputs[1]).dims;
    const auto plain = [](std::int64_t rows, std::int64_t cols) {
      return Layout({rows, cols}, kF32, Tag::ab);
    };
    const std::int64_t rows = elements_of(x) / w[0];
    const auto pd =
        onednn::make_matmul_pd(engine_, plain(rows, w[0]), Layout(w, kF32, Tag::any),
                               plain(1, w[1]), plain(rows, w[1]), attributes(group), false);
    add(dnnl::matmul(pd), pd.src_desc(), pd.weights_desc(), pd.bias_desc(), pd.dst_desc());
  }

  void add(dnnl::primitive primitive, const Layout& src, const Layout& weights, const Layout& bias,
           const Layout& dst) {
    Call call;
    call.primitive = std::move(primitive);
    call.src = dnnl::memory(src, engine_, DNNL_MEMORY_NONE);
    call.dst = dnnl::memory(dst, engine_, DNNL_MEMORY_NONE);
    call.weights = filled(weights);
    call.bias = filled(bias);
    call.src_bytes = src.get_size();
    call.dst_bytes = dst.get_size();
    call.arguments = {{DNNL_ARG_SRC, call.src.get()},
                      {DNNL_ARG_WEIGHTS, call.weights.get()},
                      {DNNL_ARG_BIAS, call.bias.get()},
                      {DNNL_ARG_DST, call.dst.get()}};
    calls_.push_back(std::move(call));
  }

  /// Small numbers of both signs, so that sums of any depth stay finite and normal.
  dnnl::memory filled(const Layout& layout) {
    dnnl::memory memory(layout, engine_);
    auto* elements = static_cast<float*>(memory.get_data_handle());
    const std::size_t count = layout.get_size() / sizeof(float);
    for (std::size_t i = 0; i < count; ++i) elements[i] = i % 2 == 0 ? 0.02F : -0.019F;
    return memory;
  }

  GraphView graph_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<Call> calls_;
  std::vector<float> buffers_[2];
};

}  // namespace

std::unique_ptr<PlainNetwork> make_plain_network(const GraphView& graph) {
  return std::make_unique<RawNetwork>(graph);
}

}  // namespace jb::bench
