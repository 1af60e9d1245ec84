#pragma once
// Convolutions and poolings in the form that the GPU's kernels take.

#include <optional>

#include "backends/core/conv.h"
#include "backends/core/graph_view.h"
#include "backends/cublas/gpu_api.h"

namespace jb::cublas {

/// The node (conv) as one stride, dilation and pad for both of two spatial dimensions, W constant;
/// nothing when it is none.
std::optional<ConvShape> conv_form(const GraphView& graph, const NodeView& node);

/// The node (max_pool, average_pool, global_average_pool) as a square window; nothing when it is
/// none.
std::optional<PoolShape> pool_form(const GraphView& graph, const NodeView& node);

}  // namespace jb::cublas
