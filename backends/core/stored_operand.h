#pragma once
// A plan's own copy of its operand, in the type that it came in: weights of a network take four
// bytes each, and are widened to float64 only where and while that is needed.

#include <cstdint>
#include <variant>

#include "backends/core/matrix.h"

namespace jb {

class StoredOperand {
 public:
  /// Copies `b` (f32 or f64, any strides) row-major.
  explicit StoredOperand(const ConstMatrixRef& b);

  [[nodiscard]] std::int64_t rows() const noexcept { return view().rows; }
  [[nodiscard]] std::int64_t cols() const noexcept { return view().cols; }
  /// The elements as they are held.
  [[nodiscard]] ConstMatrixRef view() const noexcept;

  /// The elements in float64: the held ones, or a copy that lives as long as this.
  class Wide {
   public:
    explicit Wide(const StoredOperand& operand);
    [[nodiscard]] MatrixView<const double> view() const noexcept { return view_; }

   private:
    Matrix<double> copy_;
    MatrixView<const double> view_;
  };
  [[nodiscard]] Wide wide() const { return Wide(*this); }

  /// Adds `delta` (of the same size) in float64, in which the operand is held from then on: small
  /// steps would be lost in f32.
  void add(const ConstMatrixRef& delta);

 private:
  std::variant<Matrix<float>, Matrix<double>> held_;
};

}  // namespace jb
