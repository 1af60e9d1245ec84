#pragma once
// The default way to run a network: plans for the products of linear nodes on their machine (one
// for all nodes, or several), digital periphery (everything else) on the host, with energy rows of
// its own.

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/core/tensor_storage.h"
#include "backends/energy/periphery.h"
#include "backends/host/linear_runner.h"
#include "backends/host/machines.h"

namespace jb::host {

class HostExecutable final : public Executable {
 public:
  /// Plans every linear node of `graph` on its machine; the devices must outlive this object. The
  /// precision is each machine's own. Usage error naming the node when its device does not support
  /// its product.
  HostExecutable(Machines machines, const GraphView& graph, const CompileOptions& options);
  ~HostExecutable() override;

  [[nodiscard]] const std::vector<std::string>& layer_names() const override { return names_; }
  [[nodiscard]] const std::vector<std::string>& placements() const override { return placements_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_; }
  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override;
  [[nodiscard]] std::string implementation() const override;
  [[nodiscard]] std::map<std::string, double> converter_ranges() const override;
  Execution run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs, const Draw& draw,
                const LayerSink* sink) override;
  [[nodiscard]] Activity estimate(const GraphView& bound) const override {
    return counted(bound, nullptr);
  }
  [[nodiscard]] Activity estimate_with(const GraphView& bound,
                                       const NetworkStatistics& statistics) const override {
    return counted(bound, &statistics);
  }
  [[nodiscard]] Activity setup_with(const GraphView& bound,
                                    const NetworkStatistics& statistics) const override;

 private:
  [[nodiscard]] Activity counted(const GraphView& bound, const NetworkStatistics* given) const;
  [[nodiscard]] bool overwrites_input(std::size_t node,
                                      const std::vector<const Tensor*>& inputs) const;
  /// The function of one value that reads a linear node's only output, and alone: it is computed in
  /// the pass that ends the product. -1: none.
  [[nodiscard]] int function_behind(std::size_t node) const;
  [[nodiscard]] CompileOptions options_of(std::size_t node) const;
  [[nodiscard]] ActionId offset_of(std::size_t node) const;
  /// Counts the transfers into a node; `dims_of(value)` gives the sizes of a value as it is run.
  template <class DimsOf>
  void count_transfers(Activity& activity, std::size_t node, DimsOf dims_of) const;

  Machines machines_;
  GraphView graph_;
  CompileOptions options_;
  std::vector<std::string> names_;
  std::vector<std::string> placements_;
  std::vector<std::unique_ptr<LinearRunner>> runners_;  // one per node, null for periphery
  std::vector<int> along_;                              // by node: function_behind(), or -1
  std::vector<bool> taken_along_;                       // by node: it is some node's function
  std::vector<Tensor> constants_;                       // by value; empty for computed ones
  std::vector<int> last_use_;                           // by value: node after which it is dropped
  std::vector<Transfer> transfers_;                     // in the order of the nodes
  std::vector<ActionId> offsets_;                       // by machine: its actions in prices_
  PriceTable prices_;
  PeripheryActions periphery_;
  MachineLinkActions link_;  // of several machines
  Activity setup_;
  StoragePool pool_;  // of the tensors of runs
};

}  // namespace jb::host
