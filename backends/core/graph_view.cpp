#include "backends/core/graph_view.h"

namespace jb {

double GraphView::macs_per_row() const noexcept {
  double macs = 0;
  for (const NodeView& node : nodes) {
    if (node.op == NodeOp::linear) {
      macs += static_cast<double>(node.weights.rows) * static_cast<double>(node.weights.cols);
    }
  }
  return macs;
}

}  // namespace jb
