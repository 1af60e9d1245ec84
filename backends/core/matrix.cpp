#include "backends/core/matrix.h"

#include <algorithm>

#include "backends/core/threads.h"

namespace jb {
namespace {

// Rows that one thread copies at a time, in tiles whose columns stay in the first-level cache where
// a transpose is read.
constexpr std::int64_t kTile = 32;
constexpr std::int64_t kElementsPerPiece = 1 << 15;

template <class From, class To>
void copy_elements(MatrixView<const From> from, MatrixView<To> to) {
  const std::int64_t cols = std::max<std::int64_t>(1, from.cols);
  const std::int64_t tile = from.col_stride == 1 ? cols : kTile;
  const std::int64_t grain = std::max(kTile, kElementsPerPiece / cols);
  parallel_for(from.rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t top = begin; top < end; top += kTile) {
      const std::int64_t bottom = std::min(top + kTile, end);
      for (std::int64_t left = 0; left < from.cols; left += tile) {
        const std::int64_t right = std::min(left + tile, from.cols);
        for (std::int64_t i = top; i < bottom; ++i) {
          for (std::int64_t j = left; j < right; ++j) to(i, j) = static_cast<To>(from(i, j));
        }
      }
    }
  });
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
