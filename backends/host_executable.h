#pragma once
// The default way to run a network on a device: a plan per linear node, digital periphery (bias,
// activation) on the host in float, with energy rows of its own.

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/energy/periphery.h"

namespace jb {

class HostExecutable final : public Executable {
 public:
  /// Plans every linear node of `graph` on `device`; both must outlive this object. Usage error
  /// naming the node when the device does not support its product.
  HostExecutable(Device& device, const GraphView& graph, const CompileOptions& options);

  [[nodiscard]] const std::vector<std::string>& layer_names() const override { return names_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_; }
  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override;
  [[nodiscard]] std::string implementation() const override;
  Execution run(MatrixView<const float> inputs, MatrixView<float> outputs, const Draw& draw,
                const LayerSink* sink) override;
  [[nodiscard]] Activity estimate(std::int64_t rows) const override;

 private:
  [[nodiscard]] GemmShape shape_of(const NodeView& node, std::int64_t rows) const;
  void count_periphery(Activity& activity, std::size_t node, double rows) const;

  Device& device_;
  GraphView graph_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Plan>> plans_;  // one per node, null for nodes without a product
  PriceTable prices_;
  PeripheryActions periphery_;
  Activity setup_;
};

}  // namespace jb
