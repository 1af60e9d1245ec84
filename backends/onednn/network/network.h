#pragma once
// A network through oneDNN's primitives: packed weights with batch normalisation folded in, bias,
// residual and ReLU fused, activations left in the layouts that convolutions ask for. What oneDNN
// has no primitive for runs on the host's kernels. Counts are those of the default executable.

#include <memory>

#include "backends/backend.h"

namespace jb::onednn {

/// `device` must outlive the executable. Usage error when oneDNN is not built in.
std::unique_ptr<Executable> make_network(Device& device, const GraphView& graph,
                                         const CompileOptions& options);

}  // namespace jb::onednn
