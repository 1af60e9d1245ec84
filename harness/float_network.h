#pragma once
// A network computed on the host in float64 throughout: what others are compared with.

#include <functional>
#include <vector>

#include "backends/core/graph_view.h"
#include "backends/core/tensor.h"

namespace jb::harness {

/// Largest work in MACs that the host does in float64; beyond it a float32 machine is the
/// reference.
inline constexpr double kMostFloat64Macs = 8589934592.0;  // 2^33, some ten seconds

/// Told of each node's inputs (null where absent) and outputs, floating point in float64.
using NodeSink = std::function<void(std::size_t node, const std::vector<const Tensor*>& inputs,
                                    const std::vector<Tensor>& outputs)>;

/// The outputs of a run: every floating-point value is float64, whatever type the graph gives it;
/// integers keep their types. Constants are converted as they are needed.
std::vector<Tensor> run_in_float64(const GraphView& graph, const std::vector<Tensor>& inputs,
                                   const NodeSink& sink = {});

/// One node in float64 on these inputs.
std::vector<Tensor> node_in_float64(const NodeView& node, const std::vector<const Tensor*>& inputs);

/// The tensor with floating-point elements as float64; others as they are.
Tensor as_float64(const Tensor& tensor);

}  // namespace jb::harness
