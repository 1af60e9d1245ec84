#pragma once
// A matrix of the host type that a point computes in: float32 or float64.

#include <cstdint>
#include <type_traits>
#include <utility>

#include "backends/core/matrix.h"

namespace jb::harness {

class HostMatrix {
 public:
  HostMatrix() = default;
  /// rows x cols zeros of type f32 or f64.
  HostMatrix(std::int64_t rows, std::int64_t cols, ElementType type)
      : type_(type),
        f32_(type == ElementType::f64 ? Matrix<float>() : Matrix<float>(rows, cols)),
        f64_(type == ElementType::f64 ? Matrix<double>(rows, cols) : Matrix<double>()) {}
  /// The values, widened when `type` is f64.
  HostMatrix(Matrix<float> values, ElementType type) : type_(type) {
    if (type == ElementType::f64) {
      f64_ = copy_as<double>(std::as_const(values).view());
    } else {
      f32_ = std::move(values);
    }
  }

  [[nodiscard]] ElementType type() const noexcept { return type_; }
  [[nodiscard]] ConstMatrixRef ref() const {
    return type_ == ElementType::f64 ? ConstMatrixRef(f64_.view()) : ConstMatrixRef(f32_.view());
  }
  [[nodiscard]] MatrixRef ref() {
    return type_ == ElementType::f64 ? MatrixRef(f64_.view()) : MatrixRef(f32_.view());
  }
  [[nodiscard]] const Matrix<float>& f32() const noexcept { return f32_; }
  [[nodiscard]] const Matrix<double>& f64() const noexcept { return f64_; }

 private:
  ElementType type_ = ElementType::f32;
  Matrix<float> f32_;
  Matrix<double> f64_;
};

/// The block of rows and columns of a writable or constant reference.
template <class Ref>
Ref block_of(const Ref& x, std::int64_t row, std::int64_t col, std::int64_t rows,
             std::int64_t cols) {
  Ref block = x;
  const auto step =
      static_cast<std::int64_t>(x.type == ElementType::f64 ? sizeof(double) : sizeof(float));
  using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(x.data)>>,
                                  const unsigned char, unsigned char>;
  block.data = static_cast<Byte*>(x.data) + (row * x.row_stride + col * x.col_stride) * step;
  block.rows = rows;
  block.cols = cols;
  return block;
}

/// The same matrix, read-only.
inline ConstMatrixRef read_only(const MatrixRef& x) {
  return x.type == ElementType::f64 ? ConstMatrixRef(x.as<double>())
                                    : ConstMatrixRef(x.as<float>());
}

/// Sets every element to NaN, so that one that is never written shows.
void poison(const MatrixRef& x);

}  // namespace jb::harness
