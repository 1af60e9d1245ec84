#include "backends/core/operand_statistics.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "backends/core/kernels.h"
#include "backends/core/threads.h"

namespace jb {
namespace {

template <class T>
kernels::MomentsKernel<T> kernel() {
  static const kernels::MomentsKernel<T> chosen = [] {
    const auto pick = [](auto baseline, auto avx2, auto avx512) {
      const int level = kernels::isa_level();
      return level == 2 ? avx512 : (level == 1 ? avx2 : baseline);
    };
    if constexpr (std::is_same_v<T, float>) {
      return pick(kernels::baseline::kMomentsFloat, kernels::avx2::kMomentsFloat,
                  kernels::avx512::kMomentsFloat);
    } else {
      return pick(kernels::baseline::kMomentsDouble, kernels::avx2::kMomentsDouble,
                  kernels::avx512::kMomentsDouble);
    }
  }();
  return chosen;
}

/// Rows are summed one by one and their sums added in row order: the same for any thread count.
template <class T>
kernels::RowMoments sum_rows(MatrixView<const T> x, std::vector<double>* row_largest) {
  std::vector<kernels::RowMoments> rows(static_cast<std::size_t>(x.rows));
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, x.cols));
  parallel_for(x.rows, grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> gathered(static_cast<std::size_t>(x.col_stride == 1 ? 0 : x.cols));
    for (std::int64_t i = begin; i < end; ++i) {
      const T* row = x.data + i * x.row_stride;
      if (x.col_stride != 1) {
        for (std::int64_t j = 0; j < x.cols; ++j) gathered[static_cast<std::size_t>(j)] = x(i, j);
        row = gathered.data();
      }
      rows[static_cast<std::size_t>(i)] = kernel<T>()(row, x.cols);
    }
  });
  if (row_largest != nullptr) {
    row_largest->resize(rows.size());
    std::transform(rows.begin(), rows.end(), row_largest->begin(),
                   [](const kernels::RowMoments& row) { return row.max; });
  }
  kernels::RowMoments total{};
  for (const kernels::RowMoments& s : rows) {
    total.square += s.square;
    total.abs += s.abs;
    total.max = std::max(total.max, s.max);
    total.nonzero += s.nonzero;
  }
  return total;
}

template <class T>
bool any_non_finite(MatrixView<const T> x) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) {
      if (!std::isfinite(x(i, j))) return true;
    }
  }
  return false;
}

}  // namespace

double OperandMoments::papr() const noexcept {
  return mean_square > 0 ? max_abs * max_abs / mean_square : 1.0;
}

namespace {

OperandMoments measure(const ConstMatrixRef& x, std::vector<double>* row_largest) {
  const kernels::RowMoments sums = x.type == ElementType::f64
                                       ? sum_rows(x.as<double>(), row_largest)
                                       : sum_rows(x.as<float>(), row_largest);
  OperandMoments moments{0, 0, 0, 0};
  const double count = static_cast<double>(x.rows) * static_cast<double>(x.cols);
  if (count > 0) {
    moments = {sums.square / count, sums.abs / count, sums.max, sums.nonzero / count};
  }
  return moments;
}

}  // namespace

OperandMoments measure_operand(const ConstMatrixRef& x) { return measure(x, nullptr); }

OperandMoments measure_operand(const ConstMatrixRef& x, std::vector<double>& row_largest) {
  return measure(x, &row_largest);
}

bool has_non_finite(const ConstMatrixRef& x) {
  return x.type == ElementType::f64 ? any_non_finite(x.as<double>())
                                    : any_non_finite(x.as<float>());
}

}  // namespace jb
