#include "backends/onednn/network/fusion.h"

#include <algorithm>
#include <limits>

namespace jb::onednn {
namespace {

bool is_constant(const GraphView& graph, int value) {
  return value != kAbsent && graph.value(value).is_constant;
}

bool constant_or_absent(const GraphView& graph, int value) {
  return value == kAbsent || graph.value(value).is_constant;
}

bool all_f32(const GraphView& graph, const NodeView& node) {
  const auto f32 = [&](int value) {
    return value == kAbsent || graph.value(value).type == DataType::f32;
  };
  return std::all_of(node.inputs.begin(), node.inputs.end(), f32) &&
         std::all_of(node.outputs.begin(), node.outputs.end(), f32);
}

bool activation_fits(const NodeView& node) {
  return node.activation.op == Op::identity || exact_activation(node.activation).has_value();
}

/// A bias that is one number per column.
bool is_row(const GraphView& graph, int value, std::int64_t columns) {
  if (value == kAbsent) return true;
  if (!graph.value(value).is_constant) return false;
  const Dims& dims = graph.value(value).dims;
  return elements_of(dims) == columns && !dims.empty() && dims.back() == columns;
}

class Grouping {
 public:
  explicit Grouping(const GraphView& graph)
      : graph_(graph),
        readers_(graph.values.size()),
        kept_(graph.values.size(), false),
        made_by_(graph.values.size(), kNoNode),
        absorbed_(graph.nodes.size(), false) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const int input : graph.nodes[i].inputs) {
        if (input != kAbsent) readers_[at(input)].push_back(static_cast<int>(i));
      }
      for (const int output : graph.nodes[i].outputs) {
        if (output != kAbsent) made_by_[at(output)] = static_cast<int>(i);
      }
    }
    for (const int output : graph.outputs) kept_[at(output)] = true;
  }

  std::vector<NodeGroup> groups(bool fuse) {
    std::vector<NodeGroup> groups;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (absorbed_[i]) continue;
      NodeGroup group;
      group.node = static_cast<int>(i);
      group.outputs = graph_.nodes[i].outputs;
      if (fuse) extend(group);
      groups.push_back(std::move(group));
    }
    return groups;
  }

 private:
  static std::size_t at(int index) { return static_cast<std::size_t>(index); }

  /// The only node that reads the group's result, when nobody else needs it.
  int successor(const NodeGroup& group) const {
    if (group.outputs.size() != 1 || group.outputs[0] == kAbsent) return kNoNode;
    const int value = group.outputs[0];
    if (kept_[at(value)] || readers_[at(value)].size() != 1) return kNoNode;
    const int next = readers_[at(value)][0];
    return graph_.nodes[at(next)].outputs.size() == 1 ? next : kNoNode;
  }

  void absorb(NodeGroup& group, int next) {
    absorbed_[at(next)] = true;
    group.outputs = graph_.nodes[at(next)].outputs;
    made_by_[at(group.outputs[0])] = group.node;
  }

  void extend(NodeGroup& group) {
    const NodeView& node = graph_.nodes[at(group.node)];
    const bool conv = is_packed_conv(graph_, node);
    if (!conv && !is_packed_product(graph_, node)) return;
    if (node.activation.op != Op::identity) return;
    int next = successor(group);
    if (conv && next != kNoNode && is_foldable_norm(next, group.outputs[0])) {
      group.norm = next;
      absorb(group, next);
      next = successor(group);
    }
    if (next != kNoNode && residual_of(next, group) != kAbsent) {
      group.residual = residual_of(next, group);
      absorb(group, next);
      next = successor(group);
    }
    if (next != kNoNode && all_f32(graph_, graph_.nodes[at(next)]) &&
        graph_.nodes[at(next)].input(0) == group.outputs[0] &&
        exact_activation(graph_, graph_.nodes[at(next)])) {
      group.activation = next;
      absorb(group, next);
    }
  }

  bool is_foldable_norm(int index, int value) const {
    const NodeView& node = graph_.nodes[at(index)];
    if (node.op != Op::batch_normalization || node.inputs.size() != 5) return false;
    return node.inputs[0] == value && all_f32(graph_, node) &&
           std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                       [&](int input) { return is_constant(graph_, input); });
  }

  /// What an addition adds to the group's result: of equal size and computed before the group.
  int residual_of(int index, const NodeGroup& group) const {
    const NodeView& node = graph_.nodes[at(index)];
    if (node.op != Op::add || node.inputs.size() != 2 || !all_f32(graph_, node)) return kAbsent;
    const int other = node.inputs[node.inputs[0] == group.outputs[0] ? 1 : 0];
    if (graph_.value(other).dims != graph_.value(group.outputs[0]).dims) return kAbsent;
    return made_by_[at(other)] < group.node ? other : kAbsent;
  }

  const GraphView& graph_;
  std::vector<std::vector<int>> readers_;
  std::vector<bool> kept_;
  std::vector<int> made_by_;  // first node of the group; kNoNode for inputs and constants
  std::vector<bool> absorbed_;
};

}  // namespace

std::optional<ExactActivation> exact_activation(const FusedActivation& activation) {
  if (activation.op == Op::relu) return ExactActivation{};
  if (activation.op != Op::leaky_relu) return std::nullopt;
  const auto* scalars = std::get_if<ScalarAttributes>(&activation.attributes);
  return ExactActivation{ExactActivation::Kind::relu, scalars != nullptr ? scalars->alpha : 0, 0};
}

std::optional<ExactActivation> exact_activation(const GraphView& graph, const NodeView& node) {
  if (node.op != Op::clip) return exact_activation(FusedActivation{node.op, node.attributes});
  ExactActivation clip{ExactActivation::Kind::clip, std::numeric_limits<float>::lowest(),
                       std::numeric_limits<float>::max()};
  const auto read = [&](std::size_t input, float& limit) {
    if (node.input(input) == kAbsent) return true;
    const ValueView& value = graph.value(node.input(input));
    if (!value.is_constant || !value.constant.has_elements() || value.type != DataType::f32 ||
        elements_of(value.dims) != 1) {
      return false;
    }
    limit = value.constant.value().as<float>()[0];
    return true;
  };
  if (!read(1, clip.alpha) || !read(2, clip.beta) || !(clip.alpha <= clip.beta)) {
    return std::nullopt;
  }
  return clip;
}

bool is_packed_product(const GraphView& graph, const NodeView& node) {
  if (node.op != Op::matmul && node.op != Op::gemm) return false;
  if (!all_f32(graph, node) || !activation_fits(node)) return false;
  const ValueView& a = graph.value(node.inputs[0]);
  const ValueView& b = graph.value(node.inputs[1]);
  if (a.is_constant || !b.is_constant || b.dims.size() != 2 || a.dims.empty()) return false;
  if (node.op == Op::matmul) return is_row(graph, node.input(2), b.dims[1]);
  const auto& attributes = node.get<GemmAttributes>();
  return !attributes.trans_a && attributes.alpha == 1 &&
         (node.input(2) == kAbsent || attributes.beta == 1) &&
         is_row(graph, node.input(2), b.dims[attributes.trans_b ? 0 : 1]);
}

bool is_packed_conv(const GraphView& graph, const NodeView& node) {
  if (node.op != Op::conv || !all_f32(graph, node) || !activation_fits(node)) return false;
  const std::size_t rank = graph.value(node.inputs[0]).dims.size();
  return !graph.value(node.inputs[0]).is_constant && is_constant(graph, node.inputs[1]) &&
         constant_or_absent(graph, node.input(2)) && rank >= 3 && rank <= 5;
}

std::vector<NodeGroup> group_nodes(const GraphView& graph, bool fuse) {
  return Grouping(graph).groups(fuse);
}

}  // namespace jb::onednn
