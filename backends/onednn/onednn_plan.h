#pragma once
// Plans that compute through oneDNN; in a build without it, the reason for their absence.

#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/onednn/cpu_model.h"

namespace jb::onednn {

/// Whether oneDNN is built in and works, with the reason when not.
Support available();

/// Version of oneDNN, "" without it.
std::string version();

/// Packs B (k x n). Usage error when oneDNN is not built in.
std::unique_ptr<Plan> make_plan(std::shared_ptr<const CpuModel> model, const GemmShape& shape,
                                const ConstMatrixRef& b, OperandMode mode);

}  // namespace jb::onednn
