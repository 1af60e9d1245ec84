#pragma once
// The default way to run a network: plans for the products of linear nodes on their device, digital
// periphery (everything else) on the host, with energy rows of its own.

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/energy/periphery.h"
#include "backends/host/linear_runner.h"

namespace jb::host {

class HostExecutable final : public Executable {
 public:
  /// Plans every linear node of `graph` on `device`, which must outlive this object. Usage error
  /// naming the node when the device does not support its product.
  HostExecutable(Device& device, const GraphView& graph, const CompileOptions& options);
  ~HostExecutable() override;

  [[nodiscard]] const std::vector<std::string>& layer_names() const override { return names_; }
  [[nodiscard]] const std::vector<std::string>& placements() const override { return placements_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_; }
  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override;
  [[nodiscard]] std::string implementation() const override;
  Execution run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs, const Draw& draw,
                const LayerSink* sink) override;
  [[nodiscard]] Activity estimate(const GraphView& bound) const override;

 private:
  Device& device_;
  GraphView graph_;
  CompileOptions options_;
  std::vector<std::string> names_;
  std::vector<std::string> placements_;
  std::vector<std::unique_ptr<LinearRunner>> runners_;  // one per node, null for periphery
  std::vector<Tensor> constants_;                       // by value; empty for computed ones
  std::vector<int> last_use_;                           // by value: node after which it is dropped
  PriceTable prices_;
  PeripheryActions periphery_;
  Activity setup_;
};

}  // namespace jb::host
