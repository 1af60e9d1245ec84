#pragma once
// Chooses how a group of nodes runs: as a oneDNN primitive where there is one, else on the host.

#include <memory>
#include <vector>

#include "backends/onednn/network/program.h"

namespace jb::onednn {

/// The step of a group. `layouts` holds how values lie that earlier steps made; the results' are
/// set.
std::unique_ptr<Step> build_step(NetworkMemory& memory, const GraphView& graph,
                                 const NodeGroup& group, std::vector<dnnl::memory::desc>& layouts);

}  // namespace jb::onednn
