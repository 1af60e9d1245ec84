#pragma once
// What the operand statistics of drawn values are expected to be: for estimates, which see no data.

#include "backends/core/conv.h"
#include "backends/core/operand_statistics.h"
#include "backends/core/shape.h"
#include "harness/point.h"

namespace jb::harness {

/// Statistics of the operands of a product drawn from a distribution. Moments are those of the
/// distribution; the largest magnitude of N elements, which is what one machine after another pays
/// light for, stands at `quantile` of its own distribution: P(max <= x) = P(|x_1| <= x)^N. One half
/// is the estimate; 0.025 and 0.975 bound it with 95 %.
OperandStatistics expected_statistics(const Distribution& distribution, const GemmShape& shape,
                                      double quantile);

/// The same of one group of a convolution: A is the lowered input, zero where padding stands.
OperandStatistics expected_statistics(const Distribution& distribution, const ConvShape& shape,
                                      double quantile);

}  // namespace jb::harness
