#pragma once
// Nodes of networks that run on the GPU, from values in device memory to values in device memory.

#include <memory>
#include <string>

#include "backends/core/graph_view.h"
#include "backends/cublas/gpu_product.h"
#include "backends/cublas/gpu_values.h"

namespace jb::cublas {

class GpuNode {
 public:
  virtual ~GpuNode() = default;
  virtual void run(GpuValues& values) = 0;
  /// The library's algorithm of the node's product, "" when it has none.
  virtual std::string algorithm() { return {}; }
};

/// What the nodes of one network share.
struct GpuContext {
  std::shared_ptr<Gpu> gpu;
  ElementType precision = ElementType::f32;
  std::shared_ptr<ProductScratch> scratch = std::make_shared<ProductScratch>();
  std::shared_ptr<DeviceBuffer> lowered = std::make_shared<DeviceBuffer>();  ///< of convolutions
  std::shared_ptr<DeviceBuffer> sums = std::make_shared<DeviceBuffer>();     ///< before reordering
};

/// Whether the operator, its attributes, types and sizes have a form here; what has none runs on
/// the host. f32 values throughout.
///   matmul, gemm    by a constant matrix (gemm: alpha = 1, A as it is, bias a row or none)
///   matmul          of two computed operands with the same leading dimensions, in f32, tf32, f16
///                   and bf16
///   conv            two spatial dimensions, one stride, dilation and pad for both
///   relu, gelu (exact), sigmoid, tanh; add, mul of equal sizes
///   softmax, layer_normalization over the last dimension
///   max_pool, average_pool  square windows inside the padded image; global_average_pool of squares
///   reshape, flatten, squeeze, unsqueeze, identity, dropout: names; transpose
bool has_gpu_form(const GraphView& graph, const NodeView& node, ElementType precision);

/// The node, its constants uploaded. For nodes that has_gpu_form() accepts.
std::unique_ptr<GpuNode> make_gpu_node(const GpuContext& context, const GraphView& graph,
                                       const NodeView& node);

}  // namespace jb::cublas
