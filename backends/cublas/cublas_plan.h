#pragma once
// A stationary operand on a GPU: uploaded once, multiplied as often as wanted.

#include <memory>

#include "backends/backend.h"
#include "backends/cublas/gpu_api.h"
#include "backends/cublas/gpu_model.h"

namespace jb::cublas {

/// Rounds and uploads B (k x n). Errors of the GPU are ErrorCode::internal and name the call.
std::unique_ptr<Plan> make_plan(std::shared_ptr<const GpuModel> model, std::shared_ptr<Gpu> gpu,
                                const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode);

}  // namespace jb::cublas
