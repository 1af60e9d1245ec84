#include "models/fusion.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "backends/core/inference/node_inputs.h"
#include "backends/core/number_conversion.h"
#include "backends/host/ops/unary.h"

namespace jb::models {
namespace {

/// Scale and shift of each channel of a batch normalisation.
struct ChannelAffine {
  std::vector<double> scale, shift;
};

class Fusion {
 public:
  Fusion(Graph& graph, const Device& device)
      : graph_(graph), device_(device), view_(graph.bind(1)), removed_(graph.nodes().size()) {
    uses_.resize(graph.values().size());
    producer_.assign(graph.values().size(), -1);
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      for (const int input : graph.nodes()[i].inputs) {
        if (input != kAbsent) ++uses_[static_cast<std::size_t>(input)];
      }
      for (const int output : graph.nodes()[i].outputs) {
        if (output != kAbsent) producer_[static_cast<std::size_t>(output)] = static_cast<int>(i);
      }
    }
    for (const int output : graph.outputs()) ++uses_[static_cast<std::size_t>(output)];
  }

  int run() {
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      NodeView& node = graph_.nodes()[i];
      if (drop(node) || take_silu(node) || take_into_linear(node)) removed_[i] = true;
    }
    std::vector<NodeView> kept;
    for (std::size_t i = 0; i < removed_.size(); ++i) {
      if (!removed_[i]) kept.push_back(std::move(graph_.nodes()[i]));
    }
    const auto count = static_cast<int>(removed_.size() - kept.size());
    graph_.nodes() = std::move(kept);
    return count;
  }

 private:
  [[nodiscard]] const ValueView& bound(int value) const { return view_.value(value); }
  [[nodiscard]] bool is_output(int value) const {
    return std::find(graph_.outputs().begin(), graph_.outputs().end(), value) !=
           graph_.outputs().end();
  }

  /// Identity and Dropout: readers read what they read. Those that name an output stay.
  bool drop(const NodeView& node) {
    if (node.op != Op::identity && node.op != Op::dropout) return false;
    if (node.outputs.empty() || node.outputs[0] == kAbsent || is_output(node.outputs[0])) {
      return false;
    }
    for (std::size_t o = 1; o < node.outputs.size(); ++o) {
      if (node.outputs[o] != kAbsent && uses_[static_cast<std::size_t>(node.outputs[o])] > 0) {
        return false;  // the mask is read
      }
    }
    const int from = node.inputs[0];
    for (NodeView& reader : graph_.nodes()) {
      for (int& input : reader.inputs) {
        if (input != node.outputs[0]) continue;
        input = from;
        ++uses_[static_cast<std::size_t>(from)];
      }
    }
    --uses_[static_cast<std::size_t>(from)];
    return true;
  }

  /// The node that alone makes `value` for one reader; null when others read it too.
  NodeView* only_producer(int value) {
    if (value == kAbsent || uses_[static_cast<std::size_t>(value)] != 1) return nullptr;
    const int producer = producer_[static_cast<std::size_t>(value)];
    if (producer < 0 || removed_[static_cast<std::size_t>(producer)]) return nullptr;
    NodeView& node = graph_.nodes()[static_cast<std::size_t>(producer)];
    return node.outputs.size() == 1 ? &node : nullptr;
  }

  /// `earlier` now makes what `later` made.
  void hand_over(NodeView& earlier, const NodeView& later) {
    const int producer = producer_[static_cast<std::size_t>(earlier.outputs[0])];
    earlier.outputs[0] = later.outputs[0];
    producer_[static_cast<std::size_t>(later.outputs[0])] = producer;
  }

  /// Mul of x and Sigmoid(x): the sigmoid becomes the whole.
  bool take_silu(const NodeView& node) {
    if (node.op != Op::mul || node.outputs.size() != 1) return false;
    for (const std::size_t i : {0U, 1U}) {
      NodeView* sigmoid = only_producer(node.inputs[i]);
      if (sigmoid == nullptr || sigmoid->op != Op::sigmoid ||
          sigmoid->inputs[0] != node.inputs[1 - i]) {
        continue;
      }
      sigmoid->op = Op::silu;
      --uses_[static_cast<std::size_t>(node.inputs[1 - i])];
      hand_over(*sigmoid, node);
      return true;
    }
    return false;
  }

  bool take_into_linear(const NodeView& node) {
    if (node.outputs.size() != 1 || node.inputs.empty()) return false;
    for (std::size_t i = 0; i < std::min<std::size_t>(2, node.inputs.size()); ++i) {
      NodeView* linear = only_producer(node.inputs[i]);
      if (linear == nullptr || linear->op > Op::conv_transpose ||
          linear->activation.op != Op::identity || !device_.fuses(linear->op, node.op)) {
        continue;
      }
      const bool taken = node.op == Op::batch_normalization
                             ? i == 0 && take_normalization(*linear, node)
                         : node.op == Op::add ? take_bias(*linear, node.inputs[1 - i], node)
                                              : i == 0 && take_activation(*linear, node);
      if (!taken) continue;
      hand_over(*linear, node);
      return true;
    }
    return false;
  }

  static bool take_activation(NodeView& linear, const NodeView& node) {
    if (node.inputs.size() != 1 || !host::is_unary_function(node.op)) return false;
    linear.activation = {node.op, node.attributes};
    return true;
  }

  /// Channels of a linear node's result: the second dimension of images, the last of matrices.
  [[nodiscard]] std::int64_t channels_of(const NodeView& linear) const {
    const Dims& y = bound(linear.outputs[0]).dims;
    const bool images = linear.op == Op::conv || linear.op == Op::conv_transpose;
    return y.size() < 2 ? 0 : images ? y[1] : y.back();
  }

  bool take_bias(NodeView& linear, int addend, const NodeView& node) {
    if (addend == kAbsent || !bound(addend).is_constant || linear.input(2) != kAbsent) return false;
    if (linear.op == Op::gemm && linear.get<GemmAttributes>().beta != 1) return false;
    const std::int64_t channels = channels_of(linear);
    const Dims& y = bound(linear.outputs[0]).dims;
    const Dims& given = bound(addend).dims;
    const bool images = linear.op == Op::conv || linear.op == Op::conv_transpose;
    const std::size_t place = images ? y.size() - 2 : 0;  // of the channels, from the end
    // One number per channel and nothing else: sizes of 1 but at the place of the channels.
    if (bound(node.outputs[0]).dims != y || given.size() <= place || channels < 1) return false;
    for (std::size_t d = 0; d < given.size(); ++d) {
      if (given[given.size() - 1 - d] != (d == place ? channels : 1)) return false;
    }
    if (linear.op == Op::matmul && bound(linear.inputs[1]).dims.size() < 2) return false;
    linear.inputs.resize(3, kAbsent);
    linear.inputs[2] =
        derived(addend, {channels}, [channels](const Tensor& x) { return x.reshaped({channels}); });
    return true;
  }

  bool take_normalization(NodeView& linear, const NodeView& node) {
    const std::int64_t channels = channels_of(linear);
    const int weights = linear.inputs[1];
    if (!bound(weights).is_constant || bound(node.inputs[1]).dims != Dims{channels}) return false;
    const bool images = linear.op == Op::conv || linear.op == Op::conv_transpose;
    if (!images && (bound(linear.outputs[0]).dims.size() != 2 || bound(weights).dims.size() != 2)) {
      return false;
    }
    if (linear.op == Op::gemm &&
        (linear.get<GemmAttributes>().alpha != 1 || linear.get<GemmAttributes>().beta != 1)) {
      return false;
    }
    if (linear.input(2) != kAbsent &&
        (!bound(linear.input(2)).is_constant || bound(linear.input(2)).dims != Dims{channels})) {
      return false;
    }
    std::vector<Constant> parts;
    for (std::size_t i = 1; i < 5; ++i) {
      if (!bound(node.inputs[i]).is_constant) return false;
      parts.push_back(bound(node.inputs[i]).constant);
    }
    const bool known =
        std::all_of(parts.begin(), parts.end(), [](const Constant& c) { return c.has_elements(); });
    const double epsilon = static_cast<double>(node.get<NormAttributes>().epsilon);
    const auto affine = [parts, epsilon] { return affine_of(parts, epsilon); };
    linear.inputs.resize(3, kAbsent);
    linear.inputs[1] = derived(
        weights, bound(weights).dims,
        [affine, linear](const Tensor& w) { return scaled_weights(linear, w, affine().scale); },
        known);
    linear.inputs[2] =
        linear.inputs[2] == kAbsent
            ? made(node.name + ".shift", bound(weights).type, {channels}, known,
                   [affine, type = bound(weights).type] {
                     return shifted_bias(nullptr, type, affine());
                   })
            : derived(
                  linear.inputs[2], {channels},
                  [affine](const Tensor& b) { return shifted_bias(&b, b.type(), affine()); },
                  known);
    return true;
  }

  static ChannelAffine affine_of(const std::vector<Constant>& parts, double epsilon) {
    ChannelAffine affine{inference::as_doubles(parts[0].value()),
                         inference::as_doubles(parts[1].value())};
    const std::vector<double> mean = inference::as_doubles(parts[2].value());
    const std::vector<double> variance = inference::as_doubles(parts[3].value());
    for (std::size_t c = 0; c < affine.scale.size(); ++c) {
      affine.scale[c] /= std::sqrt(variance[c] + epsilon);
      affine.shift[c] -= mean[c] * affine.scale[c];
    }
    return affine;
  }

  /// Elements as float64, changed by f(index, value), in the tensor's own type.
  template <class F>
  static Tensor mapped(const Tensor& x, F f) {
    Tensor y(x.type(), x.dims());
    const std::vector<double> values = inference::as_doubles(x);
    with_stored_type(x.type(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto out = y.as_mutable<T>();
      for (std::size_t i = 0; i < values.size(); ++i) out[i] = convert_number<T>(f(i, values[i]));
    });
    return y;
  }

  static Tensor scaled_weights(const NodeView& linear, const Tensor& w,
                               const std::vector<double>& scale) {
    const Dims& dims = w.dims();
    const auto inner = static_cast<std::size_t>(elements_of(Dims(dims.begin() + 1, dims.end())));
    const auto taps = static_cast<std::size_t>(elements_of(Dims(dims.begin() + 2, dims.end())));
    const auto groups = static_cast<std::size_t>(linear.get<ConvAttributes>().groups);
    const auto channel = [&](std::size_t i) {
      switch (linear.op) {
        case Op::conv:
          return i / inner;
        case Op::conv_transpose: {
          const std::size_t per_group = static_cast<std::size_t>(dims[0]) / groups;
          return i / inner / per_group * static_cast<std::size_t>(dims[1]) + i % inner / taps;
        }
        default:
          return linear.op == Op::gemm && linear.get<GemmAttributes>().trans_b ? i / inner
                                                                               : i % inner;
      }
    };
    return mapped(w, [&](std::size_t i, double x) { return x * scale[channel(i)]; });
  }

  static Tensor shifted_bias(const Tensor* bias, DataType type, const ChannelAffine& affine) {
    const Tensor start =
        bias != nullptr ? *bias : Tensor(type, {static_cast<std::int64_t>(affine.scale.size())});
    return mapped(start,
                  [&](std::size_t c, double b) { return b * affine.scale[c] + affine.shift[c]; });
  }

  /// A new constant; without elements when they are not known.
  template <class Make>
  int made(const std::string& name, DataType type, const Dims& dims, bool known, Make make) {
    const int index = graph_.add_constant(name, type, dims, known ? Constant(make()) : Constant());
    uses_.push_back(1);
    producer_.push_back(-1);
    view_.values.push_back(graph_.values().back());
    return index;
  }

  /// A constant made from another one, when that is made: at once, or on demand.
  template <class Change>
  int derived(int from, const Dims& dims, Change change, bool known = true) {
    const ValueView value = bound(from);
    const Constant source = value.constant;
    Constant constant;
    if (known && source.has_elements()) {
      constant = source.made_on_demand()
                     ? Constant([source, change] { return change(source.value()); })
                     : Constant(change(source.value()));
    }
    const int index =
        graph_.add_constant(fmt::format("{}.fused{}", value.name, graph_.values().size()),
                            value.type, dims, std::move(constant));
    uses_.push_back(1);
    producer_.push_back(-1);
    view_.values.push_back(graph_.values().back());
    return index;
  }

  Graph& graph_;
  const Device& device_;
  GraphView view_;
  std::vector<bool> removed_;
  std::vector<int> uses_;
  std::vector<int> producer_;
};

}  // namespace

int fuse(Graph& graph, const Device& device) { return Fusion(graph, device).run(); }

}  // namespace jb::models
