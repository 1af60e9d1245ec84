#pragma once
// A network that stays on the GPU: weights and biases are uploaded once, activations go from layer
// to layer in device memory, and only inputs and outputs cross to the host (and what a layer sink
// asks for, and what a node without a form on the GPU needs). Without a GPU it still counts, for
// estimates.

#include <memory>

#include "backends/backend.h"
#include "backends/cublas/gpu_api.h"
#include "backends/cublas/gpu_model.h"

namespace jb::cublas {

/// `device` must outlive the executable. `gpu` is null for the description of another machine;
/// run() is then a usage error. Usage error naming the layer when the machine does not support its
/// product.
std::unique_ptr<Executable> make_network(Device& device, std::shared_ptr<const GpuModel> model,
                                         std::shared_ptr<Gpu> gpu, const GraphView& graph,
                                         const CompileOptions& options);

}  // namespace jb::cublas
