#pragma once
// One weight operand on a systolic array.

#include <memory>

#include "backends/backend.h"
#include "backends/systolic/systolic_model.h"

namespace jb::systolic {

/// Takes B (k x n). Usage error when B does not fit `shape`.
std::unique_ptr<Plan> make_plan(std::shared_ptr<const SystolicModel> model, const GemmShape& shape,
                                const ConstMatrixRef& b, OperandMode mode,
                                const PlanOptions& options);

}  // namespace jb::systolic
