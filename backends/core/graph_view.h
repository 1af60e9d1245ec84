#pragma once
// A network as backends see it: a list of nodes in execution order over numbered tensors. Backends
// need not know `models`; models build graphs that hand out these views.

#include <cstdint>
#include <string>
#include <vector>

#include "backends/core/conv.h"
#include "backends/core/matrix.h"

namespace jb {

enum class NodeOp : std::uint8_t {
  linear,  ///< Y[rows x n] = X[rows x k] B[k x n] + bias; B is stationary
  relu,    ///< element-wise max(x, 0)
};

/// One node. Tensors are matrices with a row per sample; index 0 is the graph's input.
struct NodeView {
  NodeOp op = NodeOp::linear;
  std::string name;                 ///< unique; tags the ledger's rows ("fc1")
  int input = 0;                    ///< tensor index
  int output = 0;                   ///< tensor index
  MatrixView<const float> weights;  ///< linear: B, k x n
  const float* bias = nullptr;      ///< linear: n values, or null
  std::int64_t width = 0;           ///< columns of the output tensor
};

struct GraphView {
  std::string name;
  std::int64_t input_width = 0;  ///< columns of tensor 0
  std::vector<NodeView> nodes;   ///< in execution order
  int output = 0;                ///< tensor index of the result
  int tensors = 1;               ///< how many tensor indices there are

  /// Logical MACs of the linear nodes for one row of input.
  [[nodiscard]] double macs_per_row() const noexcept;
};

}  // namespace jb
