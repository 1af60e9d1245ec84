#pragma once
// Which matrix products a linear node consists of: a description that counting, planning and
// running share. C[m x n] = A[m x k] B[k x n] with B the operand that stays.

#include <cstdint>
#include <string_view>
#include <vector>

#include "backends/core/graph_view.h"
#include "backends/core/shape.h"

namespace jb {

/// A family of equal products.
struct LinearProduct {
  std::string_view part;  ///< "", or which of several families ("input", "recurrent", "candidate")
  GemmShape shape;        ///< of one product
  std::int64_t operands = 1;  ///< how many different B (groups, matrices of a batch, directions)
  std::int64_t uses = 1;      ///< products that each B takes part in (time steps)
  bool stationary = true;     ///< B is constant; else it is computed in the run

  [[nodiscard]] double products() const noexcept {
    return static_cast<double>(operands) * static_cast<double>(uses);
  }
  [[nodiscard]] double macs() const noexcept { return products() * shape.macs(); }
};

/// The products of a node, empty for nodes that are not linear. Sizes are those the view is bound
/// to.
///   matmul   B constant with 2 dimensions: one product, leading dimensions of A folded into m.
///            Otherwise a product per matrix of the (broadcast) batch; a constant A with a computed
///            B is multiplied as C^T = B^T A^T, so that the constant stays.
///   gemm     one product, likewise.
///   conv     a product per group: m = N x output positions, n = M / groups, k = C R S / groups.
///   conv_transpose  a product per group: m = N x input positions, n = M R S / groups, k = C /
///   groups;
///            the columns are then added up at the output positions.
///   rnn, lstm, gru  per direction: "input", m = steps x N, n = gates x hidden, k = input size; and
///            "recurrent", used once a step: m = N, n = gates x hidden, k = hidden. A gru whose
///            reset gate comes before the product takes its last `hidden` columns as "candidate";
///            an lstm with projection has "projection", used once a step: m = N, n = projected, k =
///            hidden.
std::vector<LinearProduct> products_of(const GraphView& graph, const NodeView& node);

/// True when the product is taken as C^T = B^T A^T because A is the constant (matmul, gemm).
bool constant_is_left(const GraphView& graph, const NodeView& node);

}  // namespace jb
