#pragma once
// Matrices: non-owning views with strides (a transpose is a view), a type-erased reference for the
// backend interface, and one owning row-major container.

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "backends/core/element_type.h"
#include "backends/core/error.h"

namespace jb {

/// View of rows x cols elements; strides are in elements and may be negative or zero.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;
  std::int64_t col_stride = 1;

  T& operator()(std::int64_t i, std::int64_t j) const noexcept {
    return data[i * row_stride + j * col_stride];
  }
  [[nodiscard]] MatrixView transposed() const noexcept {
    return {data, cols, rows, col_stride, row_stride};
  }
  /// The block of `n_rows` x `n_cols` elements whose first element is (row, col).
  [[nodiscard]] MatrixView block(std::int64_t row, std::int64_t col, std::int64_t n_rows,
                                 std::int64_t n_cols) const noexcept {
    return {data + row * row_stride + col * col_stride, n_rows, n_cols, row_stride, col_stride};
  }
  [[nodiscard]] bool empty() const noexcept { return rows == 0 || cols == 0; }
  operator MatrixView<const T>() const noexcept {  // NOLINT(google-explicit-constructor)
    return {data, rows, cols, row_stride, col_stride};
  }
};

/// Row-major owning matrix, zero-initialised.
template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::int64_t rows, std::int64_t cols)
      : rows_(rows), cols_(cols), data_(static_cast<std::size_t>(rows * cols)) {}

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  [[nodiscard]] std::int64_t size() const noexcept { return rows_ * cols_; }
  T* data() noexcept { return data_.data(); }
  const T* data() const noexcept { return data_.data(); }
  T& operator()(std::int64_t i, std::int64_t j) noexcept {
    return data_[static_cast<std::size_t>(i * cols_ + j)];
  }
  const T& operator()(std::int64_t i, std::int64_t j) const noexcept {
    return data_[static_cast<std::size_t>(i * cols_ + j)];
  }
  MatrixView<T> view() noexcept { return {data_.data(), rows_, cols_, cols_, 1}; }
  MatrixView<const T> view() const noexcept { return {data_.data(), rows_, cols_, cols_, 1}; }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::vector<T> data_;
};

/// Read-only matrix whose element type is known at run time. Values are always host values: a
/// digital backend rounds them to its precision itself.
struct ConstMatrixRef {
  const void* data = nullptr;
  ElementType type = ElementType::f32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;
  std::int64_t col_stride = 1;

  ConstMatrixRef() = default;
  template <class T>
  ConstMatrixRef(MatrixView<T> view)  // NOLINT(google-explicit-constructor)
      : data(view.data),
        type(element_type_of<std::remove_const_t<T>>),
        rows(view.rows),
        cols(view.cols),
        row_stride(view.row_stride),
        col_stride(view.col_stride) {}

  /// The typed view; the element type must be T (internal error otherwise).
  template <class T>
  [[nodiscard]] MatrixView<const T> as() const {
    if (type != element_type_of<T>)
      fail_internal("matrix holds {}, not the type asked for", name_of(type));
    return {static_cast<const T*>(data), rows, cols, row_stride, col_stride};
  }
  [[nodiscard]] ConstMatrixRef transposed() const noexcept {
    ConstMatrixRef t = *this;
    std::swap(t.rows, t.cols);
    std::swap(t.row_stride, t.col_stride);
    return t;
  }
};

/// Writable matrix whose element type is known at run time.
struct MatrixRef {
  void* data = nullptr;
  ElementType type = ElementType::f32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;
  std::int64_t col_stride = 1;

  MatrixRef() = default;
  template <class T>
  MatrixRef(MatrixView<T> view)  // NOLINT(google-explicit-constructor)
      : data(view.data),
        type(element_type_of<T>),
        rows(view.rows),
        cols(view.cols),
        row_stride(view.row_stride),
        col_stride(view.col_stride) {}

  template <class T>
  [[nodiscard]] MatrixView<T> as() const {
    if (type != element_type_of<T>)
      fail_internal("matrix holds {}, not the type asked for", name_of(type));
    return {static_cast<T*>(data), rows, cols, row_stride, col_stride};
  }
};

/// A row-major copy of `source` converted to T (f32 or f64 sources).
template <class T>
Matrix<T> copy_as(const ConstMatrixRef& source);

/// Copies `source` element by element into `target` (f32 or f64), converting.
template <class T>
void copy_into(MatrixView<const T> source, const MatrixRef& target);

}  // namespace jb
