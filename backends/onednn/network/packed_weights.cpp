#include "backends/onednn/network/packed_weights.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

namespace jb::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

dnnl::memory packed(NetworkMemory& memory, const Tensor& tensor, const dnnl::memory::desc& from,
                    const dnnl::memory::desc& to) {
  // oneDNN reads through this handle only; its interface has no const.
  dnnl::memory given(from, memory.engine, const_cast<void*>(tensor.raw()));
  dnnl::memory made(to, memory.engine);
  dnnl::reorder(given, made).execute(memory.stream, given, made);
  memory.stream.wait();
  return made;
}

/// Batch normalisation of inference as y = scale x + shift, by channel.
struct ScaleAndShift {
  std::vector<float> scale, shift;
};

ScaleAndShift folded(const NetworkMemory& memory, const NodeView& norm) {
  const auto read = [&](std::size_t input) { return memory.unkept_constant(norm.inputs[input]); };
  const Tensor gamma = read(1);
  const Tensor beta = read(2);
  const Tensor mean = read(3);
  const Tensor variance = read(4);
  const float epsilon = norm.get<NormAttributes>().epsilon;
  ScaleAndShift result;
  for (std::size_t c = 0; c < gamma.as<float>().size(); ++c) {
    const double scale =
        static_cast<double>(gamma.as<float>()[c]) /
        std::sqrt(static_cast<double>(variance.as<float>()[c]) + static_cast<double>(epsilon));
    result.scale.push_back(static_cast<float>(scale));
    result.shift.push_back(static_cast<float>(static_cast<double>(beta.as<float>()[c]) -
                                              scale * static_cast<double>(mean.as<float>()[c])));
  }
  return result;
}

}  // namespace

PackedConv::PackedConv(NetworkMemory& memory, const GraphView& graph, const NodeGroup& group)
    : memory_(memory), node_(group.node) {
  const NodeView& node = graph.nodes[static_cast<std::size_t>(group.node)];
  weights_ = node.inputs[1];
  bias_ = node.input(2);
  if (group.norm != kNoNode) norm_ = &graph.nodes[static_cast<std::size_t>(group.norm)];
  dims_ = graph.value(weights_).dims;
  filters_ = dims_[0];
  const std::int64_t groups = node.get<ConvAttributes>().groups;
  if (groups > 1) {
    dims_[0] /= groups;
    dims_.insert(dims_.begin(), groups);
  }
}

std::shared_ptr<const HeldOperand> PackedConv::weights(const dnnl::memory::desc& layout) const {
  // The lambdas outlive this object, not the network whose nodes and memory they refer to.
  return memory_.operand(
      node_, DNNL_ARG_WEIGHTS + (norm_ != nullptr ? kFoldedArgument : 0), layout,
      [&memory = memory_, value = weights_, dims = dims_, filters = filters_,
       norm = norm_ != nullptr ? std::make_optional(*norm_) : std::nullopt, layout] {
        Tensor tensor = memory.unkept_constant(value);
        if (norm) {
          const ScaleAndShift fold = folded(memory, *norm);
          const auto elements = tensor.as_mutable<float>();
          const std::size_t each = elements.size() / static_cast<std::size_t>(filters);
          for (std::size_t i = 0; i < elements.size(); ++i) elements[i] *= fold.scale[i / each];
        }
        return packed(memory, tensor, plain_layout(dims), layout);
      });
}

std::shared_ptr<const HeldOperand> PackedConv::bias() const {
  const dnnl::memory::desc layout({filters_}, kF32, Tag::a);
  return memory_.operand(
      node_, DNNL_ARG_BIAS + (norm_ != nullptr ? kFoldedArgument : 0), layout,
      [&memory = memory_, value = bias_, filters = filters_,
       norm = norm_ != nullptr ? std::make_optional(*norm_) : std::nullopt, layout] {
        Tensor tensor =
            value != kAbsent ? memory.unkept_constant(value) : Tensor(DataType::f32, {filters});
        if (norm) {
          const ScaleAndShift fold = folded(memory, *norm);
          const auto elements = tensor.as_mutable<float>();
          for (std::size_t i = 0; i < elements.size(); ++i) {
            elements[i] = elements[i] * fold.scale[i] + fold.shift[i];
          }
        }
        return packed(memory, tensor, layout, layout);
      });
}

PackedProduct::PackedProduct(NetworkMemory& memory, const GraphView& graph, const NodeGroup& group)
    : memory_(memory), node_(group.node) {
  const NodeView& node = graph.nodes[static_cast<std::size_t>(group.node)];
  weights_ = node.inputs[1];
  bias_ = node.input(2);
  transposed_ = node.op == Op::gemm && node.get<GemmAttributes>().trans_b;
  const Dims& dims = graph.value(weights_).dims;
  k_ = dims[transposed_ ? 1 : 0];
  n_ = dims[transposed_ ? 0 : 1];
}

std::shared_ptr<const HeldOperand> PackedProduct::weights(const dnnl::memory::desc& layout) const {
  return memory_.operand(
      node_, DNNL_ARG_WEIGHTS, layout,
      [&memory = memory_, value = weights_, k = k_, n = n_, transposed = transposed_, layout] {
        const auto strides = transposed ? dnnl::memory::dims{1, k} : dnnl::memory::dims{n, 1};
        return packed(memory, memory.unkept_constant(value), {{k, n}, kF32, strides}, layout);
      });
}

std::shared_ptr<const HeldOperand> PackedProduct::bias() const {
  const dnnl::memory::desc layout = plain_layout({1, n_});
  return memory_.operand(node_, DNNL_ARG_BIAS, layout, [&memory = memory_, value = bias_, layout] {
    return packed(memory, memory.unkept_constant(value), layout, layout);
  });
}

}  // namespace jb::onednn
