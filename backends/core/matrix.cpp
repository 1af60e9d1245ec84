#include "backends/core/matrix.h"

namespace jb {
namespace {

template <class From, class To>
void copy_elements(MatrixView<const From> from, MatrixView<To> to) {
  for (std::int64_t i = 0; i < from.rows; ++i) {
    for (std::int64_t j = 0; j < from.cols; ++j) to(i, j) = static_cast<To>(from(i, j));
  }
}

}  // namespace

template <class T>
Matrix<T> copy_as(const ConstMatrixRef& source) {
  Matrix<T> copy(source.rows, source.cols);
  if (source.type == ElementType::f64) {
    copy_elements(source.as<double>(), copy.view());
  } else {
    copy_elements(source.as<float>(), copy.view());
  }
  return copy;
}

template <class T>
void copy_into(MatrixView<const T> source, const MatrixRef& target) {
  if (source.rows != target.rows || source.cols != target.cols) {
    fail_internal("copy_into: {} x {} into {} x {}", source.rows, source.cols, target.rows,
                  target.cols);
  }
  if (target.type == ElementType::f64) {
    copy_elements(source, target.as<double>());
  } else {
    copy_elements(source, target.as<float>());
  }
}

template Matrix<float> copy_as<float>(const ConstMatrixRef&);
template Matrix<double> copy_as<double>(const ConstMatrixRef&);
template void copy_into<float>(MatrixView<const float>, const MatrixRef&);
template void copy_into<double>(MatrixView<const double>, const MatrixRef&);

}  // namespace jb
