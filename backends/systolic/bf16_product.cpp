#include "backends/systolic/bf16_product.h"

#include <algorithm>
#include <vector>

#include "backends/core/number_conversion.h"
#include "backends/core/threads.h"

namespace jb::systolic {
namespace {

constexpr std::int64_t kRowsPerPiece = 4;
constexpr std::int64_t kColumns = 1024;  // of a block whose sums stay in the first-level cache

float to_bf16(double x) { return to_float(to_bfloat16(static_cast<float>(x))); }

// sums[0 .. n) of one row over the rows [first, last) of B, one product after the other.
void sum_fold(const float* a, const Matrix<float>& b, std::int64_t first, std::int64_t last,
              std::int64_t column, std::int64_t n, float* sums) {
  std::fill(sums, sums + n, 0.0F);
  for (std::int64_t p = first; p < last; ++p) {
    const float x = a[p];
    const float* row = b.data() + p * b.cols() + column;
    for (std::int64_t j = 0; j < n; ++j) sums[j] += x * row[j];
  }
}

template <class T>
void multiply(MatrixView<const T> a, const Matrix<float>& b, std::int64_t depth, MatrixView<T> c) {
  const std::int64_t k = a.cols;
  parallel_for(a.rows, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(k));
    std::vector<float> fold(static_cast<std::size_t>(kColumns));
    std::vector<float> sums(static_cast<std::size_t>(kColumns));
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t p = 0; p < k; ++p) {
        row[static_cast<std::size_t>(p)] = to_bf16(static_cast<double>(a(i, p)));
      }
      for (std::int64_t column = 0; column < c.cols; column += kColumns) {
        const std::int64_t n = std::min(kColumns, c.cols - column);
        std::fill(sums.begin(), sums.end(), 0.0F);
        for (std::int64_t first = 0; first < k; first += depth) {
          float* const out = first == 0 ? sums.data() : fold.data();
          sum_fold(row.data(), b, first, std::min(k, first + depth), column, n, out);
          if (first == 0) continue;
          for (std::int64_t j = 0; j < n; ++j) {
            sums[static_cast<std::size_t>(j)] += fold[static_cast<std::size_t>(j)];
          }
        }
        for (std::int64_t j = 0; j < n; ++j) {
          c(i, column + j) = static_cast<T>(sums[static_cast<std::size_t>(j)]);
        }
      }
    }
  });
}

}  // namespace

Matrix<float> rounded_to_bf16(MatrixView<const double> x) {
  Matrix<float> out(x.rows, x.cols);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) out(i, j) = to_bf16(x(i, j));
  }
  return out;
}

void multiply_bf16(const ConstMatrixRef& a, const Matrix<float>& b, std::int64_t depth,
                   const MatrixRef& c) {
  if (a.type == ElementType::f64) {
    multiply(a.as<double>(), b, depth, c.as<double>());
  } else {
    multiply(a.as<float>(), b, depth, c.as<float>());
  }
}

}  // namespace jb::systolic
