#include "backends/systolic/quantised_product.h"

#include <utility>

namespace jb::systolic {

QuantisedWeights quantise_weights(MatrixView<const double> b, WeightScale scale) {
  WeightCodes made = weight_codes(b, scale);
  return {PackedMatrix<std::int8_t>(std::as_const(made.codes).view()), std::move(made.scales)};
}

std::int64_t multiply_quantised(const ConstMatrixRef& a, const QuantisedWeights& b,
                                const MatrixRef& c, const std::optional<InputSpan>& range) {
  InputCodes<std::int8_t> input;
  quantise_inputs(a, InputScale::per_row, range, input);
  Matrix<std::int32_t> sums(c.rows, c.cols);
  gemm<std::int8_t>(std::as_const(input.codes).view(), b.codes, sums.view());
  scale_sums(std::as_const(sums).view(), {input.scales, input.zero_points, b.scales, {}}, c);
  return input.saturated;
}

}  // namespace jb::systolic
