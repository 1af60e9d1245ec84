#pragma once
// Operands as row-major f32: what libraries and devices take.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/core/matrix.h"
#include "backends/core/threads.h"

namespace jb {

/// Whether rows of a view follow each other without gaps.
template <class T>
bool is_contiguous(const T& x) {
  return (x.col_stride == 1 || x.cols <= 1) && (x.row_stride == x.cols || x.rows <= 1);
}

/// Row-major f32 copy of `a` [rows x cols] in `scratch`, which only grows.
inline const float* gather_rows(const ConstMatrixRef& a, std::vector<float>& scratch) {
  constexpr std::int64_t kCopyRows = 64;  // rows that one thread copies at a time
  const auto size = static_cast<std::size_t>(a.rows * a.cols);
  if (scratch.size() < size) scratch.resize(size);
  const auto copy = [&](auto view) {
    parallel_for(a.rows, kCopyRows, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        float* row = scratch.data() + i * a.cols;
        for (std::int64_t j = 0; j < a.cols; ++j) row[j] = static_cast<float>(view(i, j));
      }
    });
  };
  if (a.type == ElementType::f64) {
    copy(a.as<double>());
  } else {
    copy(a.as<float>());
  }
  return scratch.data();
}

}  // namespace jb
