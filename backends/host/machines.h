#pragma once
// The machines that the nodes of one network run on: one price table for all of them, and the
// transfers between them.

#include <vector>

#include "backends/backend.h"
#include "backends/energy/machine_link.h"

namespace jb::host {

inline constexpr int kDigital = -1;  ///< a node that no machine runs

struct Machine {
  Device* device = nullptr;
  ElementType precision = ElementType::f32;  ///< of its linear layers
};

/// Which machine runs each node.
struct Machines {
  std::vector<Machine> all;
  std::vector<int> of_node;  ///< index into `all`, kDigital for the periphery; one per node
};

/// True when the node's products go to a machine: linear, of floating-point tensors, and not a
/// product of two computed operands that the policy leaves to the digital side.
bool runs_on_machine(const GraphView& graph, const NodeView& node, DynamicPolicy policy);

/// Whether the device runs the node's products, with the reason and the node's name when not.
Support supports_node(const Device& device, const GraphView& graph, const NodeView& node,
                      ElementType precision);

/// Every such node on the one device.
Machines one_machine(Device& device, ElementType precision, const GraphView& graph,
                     DynamicPolicy policy);

/// The prices of several machines as one table. It starts at the lowest boundary that all know and
/// ends at the highest that all have data for; joules are reported only when every machine has
/// them and such a boundary exists.
struct MergedPrices {
  PriceTable table;
  std::vector<ActionId> offsets;  ///< of each machine's actions
};
MergedPrices merge_prices(const std::vector<const PriceTable*>& tables);

/// A value that crosses to another machine before a node runs.
struct Transfer {
  int node = 0;
  int value = 0;
};
/// Activations lie beside the machine that computed them last; digital nodes run beside the machine
/// that their first computed operand lies at. A value crosses once to each machine that reads it;
/// inputs of the graph come from outside and cross nothing. In the order of the nodes.
std::vector<Transfer> transfers_between(const GraphView& graph, const std::vector<int>& of_node);

}  // namespace jb::host
