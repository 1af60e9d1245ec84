#include "backends/core/operand_statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/core/threads.h"

namespace jb {
namespace {

struct Sums {
  double square = 0;
  double abs = 0;
  double max = 0;
  double nonzero = 0;
};

/// Rows are summed one by one and their sums added in row order: the same for any thread count.
template <class T>
Sums sum_rows(MatrixView<const T> x) {
  std::vector<Sums> rows(static_cast<std::size_t>(x.rows));
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, x.cols));
  parallel_for(x.rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      Sums s;
      for (std::int64_t j = 0; j < x.cols; ++j) {
        const double v = std::fabs(static_cast<double>(x(i, j)));
        s.square += v * v;
        s.abs += v;
        s.max = std::max(s.max, v);
        s.nonzero += v != 0 ? 1 : 0;
      }
      rows[static_cast<std::size_t>(i)] = s;
    }
  });
  Sums total;
  for (const Sums& s : rows) {
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

OperandMoments measure_operand(const ConstMatrixRef& x) {
  const Sums sums = x.type == ElementType::f64 ? sum_rows(x.as<double>()) : sum_rows(x.as<float>());
  OperandMoments moments{0, 0, 0, 0};
  const double count = static_cast<double>(x.rows) * static_cast<double>(x.cols);
  if (count > 0) {
    moments = {sums.square / count, sums.abs / count, sums.max, sums.nonzero / count};
  }
  return moments;
}

bool has_non_finite(const ConstMatrixRef& x) {
  return x.type == ElementType::f64 ? any_non_finite(x.as<double>())
                                    : any_non_finite(x.as<float>());
}

}  // namespace jb
