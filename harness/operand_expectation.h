#pragma once
// What the operand statistics of drawn values are expected to be: for estimates, which see no data.

#include <cstdint>
#include <optional>

#include "backends/core/conv.h"
#include "backends/core/operand_statistics.h"
#include "backends/core/shape.h"
#include "harness/operands.h"
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

/// Statistics of the very operands that a run of the product would draw, where they are few enough
/// to be drawn for an estimate: peaks of so few scatter by more than a tenth. Nothing: too many.
std::optional<OperandStatistics> drawn_statistics(const Distribution& distribution,
                                                  const GemmShape& shape, std::uint64_t seed);

/// Moments of `count` elements drawn from a distribution, in rows of `row`, with the largest
/// magnitude at its median.
OperandMoments expected_moments(const Distribution& distribution, OperandRole role, double count,
                                double row);

}  // namespace jb::harness
