#pragma once
// One linear node on one device: its plans, how its inputs become the A of products and how their C
// becomes its output.

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/energy/periphery.h"

namespace jb::host {

class LinearRunner {
 public:
  virtual ~LinearRunner() = default;
  [[nodiscard]] virtual const Activity& setup() const = 0;
  [[nodiscard]] virtual bool resident() const = 0;
  [[nodiscard]] virtual std::string implementation() const = 0;
  /// Output of the node, with its bias and fused activation. Inputs stand at the positions of
  /// node.inputs, null where absent. Adds what happened to `execution` (activity of the machine)
  /// and `work` (digital side).
  virtual std::vector<Tensor> run(const std::vector<const Tensor*>& inputs, const Draw& draw,
                                  Execution& execution, PeripheryWork& work) = 0;
};

/// Plans the node's products on `device`. Usage error naming the node when it does not support
/// them.
std::unique_ptr<LinearRunner> make_linear_runner(Device& device, const GraphView& graph,
                                                 const NodeView& node,
                                                 const CompileOptions& options);

/// Counts of the node without computing: the function that runners count with.
Activity estimate_linear(const Device& device, const GraphView& graph, const NodeView& node,
                         const CompileOptions& options);
/// Work of the digital side beside the node's products: bias, activation, additions of columns.
PeripheryWork linear_work(const GraphView& graph, const NodeView& node);

}  // namespace jb::host
