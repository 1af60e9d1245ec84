#pragma once
// One GPU, or the description of one, as a device of the interface.

#include <memory>

#include "backends/backend.h"
#include "backends/cublas/gpu_api.h"

namespace jb::cublas {

/// Usage error when the parameters contradict each other. `gpu` computes; it is null for the
/// description of another machine (runs_here = false), whose plans are refused.
std::unique_ptr<Device> make_device(const DeviceSpec& spec, ElementType precision,
                                    std::shared_ptr<Gpu> gpu);

}  // namespace jb::cublas
