#pragma once
// One linear node on one device: its plans, how its inputs become the A of products and how their C
// becomes its output.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/energy/periphery.h"

namespace jb::host {

/// What stationary operands of earlier nodes have taken of a machine; nodes are placed in order.
struct MachineRoom {
  std::int64_t units_taken = 0;
};

class LinearRunner {
 public:
  virtual ~LinearRunner() = default;
  [[nodiscard]] virtual const Activity& setup() const = 0;
  [[nodiscard]] virtual bool resident() const = 0;
  [[nodiscard]] virtual std::string implementation() const = 0;
  /// Adds what Executable::converter_ranges() tells of the node.
  virtual void add_converter_ranges(std::map<std::string, double>& /*ranges*/) const {}
  /// True when input `position` is a constant that the plans hold, so that run() need not be given
  /// it.
  [[nodiscard]] virtual bool holds(std::size_t position) const = 0;
  /// Outputs of the node, with bias and fused activation. Inputs stand at the positions of
  /// node.inputs, null where absent or held. Adds what happened to `execution` (activity of the
  /// machine) and `work` (digital side). `then`: a function of one value that the output is given
  /// to as well, in the same pass over it, not counted here; null: none.
  virtual std::vector<Tensor> run(const std::vector<const Tensor*>& inputs, const Draw& draw,
                                  Execution& execution, PeripheryWork& work,
                                  const NodeView* then) = 0;
  std::vector<Tensor> run(const std::vector<const Tensor*>& inputs, const Draw& draw,
                          Execution& execution, PeripheryWork& work) {
    return run(inputs, draw, execution, work, nullptr);
  }
  /// What a run of the node at the sizes of `bound` adds to both, without computing. `given`: of
  /// the operands of its products; null: default statistics.
  virtual void estimate(const GraphView& bound, const NetworkStatistics* given, Activity& activity,
                        PeripheryWork& work) const = 0;
  /// setup() of operands with these statistics.
  [[nodiscard]] virtual Activity setup_with(const GraphView& bound,
                                            const NetworkStatistics& given) const = 0;
};

/// Plans the node's products on `device`, or on the host in f32 when it is null. Operands of
/// constants without elements are not planned, only counted. The node's tensors are floating-point.
/// Usage error naming the node when the device does not support its products.
std::unique_ptr<LinearRunner> make_linear_runner(Device* device, const GraphView& graph,
                                                 const NodeView& node,
                                                 const CompileOptions& options, MachineRoom& room);

/// Work of the digital side beside the node's products: bias, activation, gates, additions of
/// columns.
PeripheryWork linear_work(const GraphView& graph, const NodeView& node);

}  // namespace jb::host
