#pragma once
// Which nodes of a network run as one primitive: a linear node with the batch normalisation, the
// sum with a residual and the activation that follow it.

#include <optional>
#include <vector>

#include "backends/core/graph_view.h"

namespace jb::onednn {

constexpr int kNoNode = -1;

/// Nodes that run together, in the order of their operations; most groups are single nodes.
struct NodeGroup {
  int node = 0;              ///< index of the first
  int norm = kNoNode;        ///< batch normalisation folded into weights and bias
  int residual = kAbsent;    ///< value added to the result
  int activation = kNoNode;  ///< ReLU or clip of the (sum's) result
  std::vector<int> outputs;  ///< values that the group gives, those of its last node
};

/// An activation that oneDNN applies exactly: max(x, 0), leaky, or limits.
struct ExactActivation {
  enum class Kind { relu, clip } kind = Kind::relu;
  float alpha = 0;  ///< relu: slope below 0; clip: least
  float beta = 0;   ///< clip: most
};

/// What a node (or a fused activation with these attributes) does to its first input, when it is
/// one of these and its limits are constant.
std::optional<ExactActivation> exact_activation(const GraphView& graph, const NodeView& node);
std::optional<ExactActivation> exact_activation(const FusedActivation& activation);

/// The second operand is a constant matrix and the product needs no more than bias and activation.
bool is_packed_product(const GraphView& graph, const NodeView& node);
/// A convolution of floats with constant weights.
bool is_packed_conv(const GraphView& graph, const NodeView& node);

/// The groups in an order in which they can run. Without `fuse`, every node is a group of its own,
/// for those who ask for each node's result.
std::vector<NodeGroup> group_nodes(const GraphView& graph, bool fuse);

}  // namespace jb::onednn
