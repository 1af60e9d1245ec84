#include "backends/host/machines.h"

#include <algorithm>
#include <set>
#include <utility>

#include "backends/core/linear_lowering.h"

namespace jb::host {

bool runs_on_machine(const GraphView& graph, const NodeView& node, DynamicPolicy policy) {
  if (!is_linear(node.op) || !is_float(graph.value(node.inputs[0]).type)) return false;
  if (policy == DynamicPolicy::backend) return true;
  const std::vector<LinearProduct> products = products_of(graph, node);
  return std::all_of(products.begin(), products.end(),
                     [](const LinearProduct& product) { return product.stationary; });
}

namespace {

/// float64 tensors are multiplied in float64.
ElementType precision_of(const GraphView& graph, const NodeView& node, ElementType precision) {
  return graph.value(node.inputs[0]).type == DataType::f64 ? ElementType::f64 : precision;
}

}  // namespace

Support supports_node(const Device& device, const GraphView& graph, const NodeView& node,
                      ElementType precision) {
  for (const LinearProduct& product : products_of(graph, node)) {
    const OperandMode mode = product.stationary ? OperandMode::stationary : OperandMode::dynamic;
    const Support support =
        device.supports(product.shape, mode, precision_of(graph, node, precision));
    if (!support) return Support::no("layer " + node.name + ": " + support.reason);
  }
  return Support::yes();
}

Machines one_machine(Device& device, ElementType precision, const GraphView& graph,
                     DynamicPolicy policy) {
  Machines machines;
  machines.all = {{&device, precision}};
  for (const NodeView& node : graph.nodes) {
    // float64 stays on the digital side of machines that do not take it.
    const bool wide = is_linear(node.op) && graph.value(node.inputs[0]).type == DataType::f64;
    const bool runs = runs_on_machine(graph, node, policy) &&
                      (!wide || supports_node(device, graph, node, ElementType::f64).ok);
    machines.of_node.push_back(runs ? 0 : kDigital);
  }
  return machines;
}

MergedPrices merge_prices(const std::vector<const PriceTable*>& tables) {
  MergedPrices merged;
  merged.table = *tables.front();
  merged.offsets = {0};
  for (std::size_t i = 1; i < tables.size(); ++i) {
    const PriceTable& table = *tables[i];
    merged.offsets.push_back(static_cast<ActionId>(merged.table.prices.size()));
    for (const Price& price : table.prices) merged.table.add(price);
    merged.table.has_energy = merged.table.has_energy && table.has_energy;
    merged.table.lowest = std::max(merged.table.lowest, table.lowest);
    merged.table.highest = std::min(merged.table.highest, table.highest);
  }
  if (merged.table.lowest > merged.table.highest) merged.table.has_energy = false;
  return merged;
}

std::vector<Transfer> transfers_between(const GraphView& graph, const std::vector<int>& of_node) {
  std::vector<int> home(graph.values.size(), kDigital);
  std::set<std::pair<int, int>> sent;  // (value, machine) that have crossed already
  std::vector<Transfer> transfers;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const NodeView& node = graph.nodes[i];
    int here = of_node[i];
    for (const int input : node.inputs) {
      if (here != kDigital) break;
      if (input != kAbsent) here = home[static_cast<std::size_t>(input)];
    }
    for (const int input : node.inputs) {
      if (input == kAbsent) continue;
      const int from = home[static_cast<std::size_t>(input)];
      if (from == kDigital || from == here || !sent.insert({input, here}).second) continue;
      transfers.push_back({static_cast<int>(i), input});
    }
    for (const int output : node.outputs) {
      if (output != kAbsent) home[static_cast<std::size_t>(output)] = here;
    }
  }
  return transfers;
}

}  // namespace jb::host
