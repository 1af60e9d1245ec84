#pragma once
// What networks on `onednn` are held against: the same oneDNN primitives called one after the
// other, everything prepared and nothing else done.

#include <memory>

#include "backends/core/graph_view.h"

namespace jb::bench {

class PlainNetwork {
 public:
  virtual ~PlainNetwork() = default;
  virtual void execute() = 0;
};

/// The products and convolutions of the bound graph with their packed weights, biases and the ReLU
/// that follows them, each reading what the one before wrote last; no other node. Null where this
/// build has no oneDNN.
std::unique_ptr<PlainNetwork> make_plain_network(const GraphView& graph);

}  // namespace jb::bench
