#pragma once
// What data-dependent counts need to know of the operands; recorded with a run so that an estimate
// can take it (`estimate --stats RECORD`). Sums are float64 in a fixed order.

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/core/matrix.h"

namespace jb {

/// Moments of one operand's elements.
struct OperandMoments {
  double mean_square = 1;                ///< mean of x^2
  double mean_abs = 0.7978845608028654;  ///< mean of |x|; default: standard normal, sqrt(2/pi)
  double max_abs = 4;                    ///< max |x|
  double nonzero_frac = 1;               ///< share of elements that are not zero
  /// Share of rows with a negative element, where the machine must know (light intensities have no
  /// sign); machines that need not leave it unknown.
  std::optional<double> signed_rows_frac = {};

  /// Peak-to-average power ratio max(x^2) / mean(x^2); 1 for an all-zero operand.
  [[nodiscard]] double papr() const noexcept;
};

/// Both operands of a product. The default is standard normal data with PAPR 16.
struct OperandStatistics {
  OperandMoments a;
  OperandMoments b;
};

/// Moments of a matrix, the same for any thread count and any strides.
OperandMoments measure_operand(const ConstMatrixRef& x);
/// The same; `row_largest` becomes the largest |x| of each row (NaN left out).
OperandMoments measure_operand(const ConstMatrixRef& x, std::vector<double>& row_largest);

/// True when any element is NaN or infinite.
bool has_non_finite(const ConstMatrixRef& x);

}  // namespace jb
