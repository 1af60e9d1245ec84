#pragma once
// Arithmetic of one packed operand in one precision: host matrices in, host matrices out.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/core/matrix.h"
#include "backends/onednn/onednn_plan.h"

namespace jb::onednn {

class Multiplier {
 public:
  virtual ~Multiplier() = default;
  /// C = A B for any strides, f32 or f64, at least one row and column. Lints are appended.
  virtual void execute(const ConstMatrixRef& a, const MatrixRef& c,
                       std::vector<std::string>& lints) = 0;
  /// oneDNN's name of the implementation for that many rows.
  virtual const std::string& implementation(std::int64_t rows) = 0;
  /// Whether the packed operand is B to the last bit.
  [[nodiscard]] virtual bool can_unpack() const { return false; }
  [[nodiscard]] virtual Matrix<float> unpack() const { return {}; }
};

/// Packs B (k x n, both at least 1). `input_range`: full scale of A, for integers.
std::unique_ptr<Multiplier> make_multiplier(const ProductSettings& settings,
                                            MatrixView<const float> b, std::int64_t expected_rows,
                                            const std::optional<InputSpan>& input_range);

/// Largest signed code of weights: on processors that add pairs of 8-bit products in 16 bits before
/// all else, weights of 7 bits keep 255 x 63 x 2 within them.
double largest_weight_code(const ProductSettings& settings);

/// "saturated: ..." when more inputs than a thousandth lie beyond the calibrated range; "" else.
std::string saturation_lint(std::int64_t saturated, double elements);

}  // namespace jb::onednn
