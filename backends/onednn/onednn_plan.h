#pragma once
// One stationary operand on this computer's CPU, through oneDNN.

#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/core/quantise.h"
#include "backends/onednn/cpu_model.h"

namespace jb::onednn {

/// How a device's products are computed.
struct ProductSettings {
  ElementType precision = ElementType::f32;
  bool inner_product = false;  ///< else matmul
  WeightScale weight_scale = WeightScale::per_column;
  InputScale input_scale = InputScale::per_row;
  std::string isa = "auto";
  bool exact_s8 = true;  ///< the processor adds 8-bit products in 32 bits at once
};

/// Whether oneDNN works here, with the reason when not.
Support available();

/// Version of the library that is running; "" in a build without it.
std::string version();

/// Whether the library has f16 arithmetic for CPUs at all.
bool has_f16();

/// Takes B (k x n) of `shape`. Usage error when it does not fit, or when oneDNN has no such
/// product.
std::unique_ptr<Plan> make_plan(std::shared_ptr<const CpuModel> model,
                                const ProductSettings& settings, const GemmShape& shape,
                                const ConstMatrixRef& b, OperandMode mode,
                                const PlanOptions& options);

/// Takes the filters of a convolution (K x C/groups x R x S); it runs as oneDNN's convolution
/// primitive. Usage error when oneDNN has none.
std::unique_ptr<ConvPlan> make_conv_plan(std::shared_ptr<const CpuModel> model,
                                         const ProductSettings& settings, const ConvShape& shape,
                                         const float* filters, const PlanOptions& options);

/// "slow-implementation: ..." where oneDNN ran its reference code; "" elsewhere.
std::string slow_lint(const std::string& implementation);

}  // namespace jb::onednn
