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
OperandMoments moments_of(const std::vector<RowwiseMoments::Sums>& rows, std::int64_t cols) {
  RowwiseMoments::Sums total;
  for (const RowwiseMoments::Sums& s : rows) {
    total.square += s.square;
    total.abs += s.abs;
    total.max = std::max(total.max, s.max);
    total.nonzero += s.nonzero;
  }
  const double count = static_cast<double>(rows.size()) * static_cast<double>(cols);
  if (!(count > 0)) return {0, 0, 0, 0};
  return {total.square / count, total.abs / count, total.max, total.nonzero / count};
}

template <class T>
RowwiseMoments::Sums sums_of(const T* row, std::int64_t n) {
  const kernels::RowMoments sums = kernel<T>()(row, n);
  return {sums.square, sums.abs, sums.max, sums.nonzero};
}

template <class T>
std::vector<RowwiseMoments::Sums> sum_rows(MatrixView<const T> x) {
  std::vector<RowwiseMoments::Sums> rows(static_cast<std::size_t>(x.rows));
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, x.cols));
  parallel_for(x.rows, grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> gathered(static_cast<std::size_t>(x.col_stride == 1 ? 0 : x.cols));
    for (std::int64_t i = begin; i < end; ++i) {
      const T* row = x.data + i * x.row_stride;
      if (x.col_stride != 1) {
        for (std::int64_t j = 0; j < x.cols; ++j) gathered[static_cast<std::size_t>(j)] = x(i, j);
        row = gathered.data();
      }
      rows[static_cast<std::size_t>(i)] = sums_of(row, x.cols);
    }
  });
  return rows;
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
  if (ratios) return ratios->papr;
  return mean_square > 0 ? max_abs * max_abs / mean_square : 1.0;
}

double OperandMoments::square_of_peak() const noexcept {
  if (ratios) return ratios->square_of_peak;
  return max_abs > 0 ? mean_square / (max_abs * max_abs) : 0.0;
}

double OperandMoments::abs_of_peak() const noexcept {
  if (ratios) return ratios->abs_of_peak;
  return max_abs > 0 ? mean_abs / max_abs : 0.0;
}

void StatisticsMean::Side::add(const OperandMoments& moments, double products, bool is_first) {
  if (is_first) {
    first = moments;
    sums = {0, 0, 0, 0};
    ratios = {0, 0, 0};
    sums.signed_rows_frac = 0;
  }
  same = same && moments == first;
  sums.mean_square += products * moments.mean_square;
  sums.mean_abs += products * moments.mean_abs;
  sums.max_abs = std::max(sums.max_abs, moments.max_abs);
  sums.nonzero_frac += products * moments.nonzero_frac;
  if (moments.signed_rows_frac) {
    *sums.signed_rows_frac += products * *moments.signed_rows_frac;
    signed_products += products;
  }
  ratios.papr += products * moments.papr();
  ratios.square_of_peak += products * moments.square_of_peak();
  ratios.abs_of_peak += products * moments.abs_of_peak();
}

void StatisticsMean::Side::add(const Side& other, bool is_first, double products) {
  if (is_first) {
    *this = other;
    return;
  }
  if (other.same) {
    add(other.first, products, false);
    return;
  }
  same = false;
  sums.mean_square += other.sums.mean_square;
  sums.mean_abs += other.sums.mean_abs;
  sums.max_abs = std::max(sums.max_abs, other.sums.max_abs);
  sums.nonzero_frac += other.sums.nonzero_frac;
  *sums.signed_rows_frac += *other.sums.signed_rows_frac;
  signed_products += other.signed_products;
  ratios.papr += other.ratios.papr;
  ratios.square_of_peak += other.ratios.square_of_peak;
  ratios.abs_of_peak += other.ratios.abs_of_peak;
}

OperandMoments StatisticsMean::Side::mean(double products) const {
  if (same) return first;
  OperandMoments moments{sums.mean_square / products, sums.mean_abs / products, sums.max_abs,
                         sums.nonzero_frac / products};
  if (signed_products > 0) moments.signed_rows_frac = *sums.signed_rows_frac / signed_products;
  moments.ratios = PeakRatios{ratios.papr / products, ratios.square_of_peak / products,
                              ratios.abs_of_peak / products};
  return moments;
}

void StatisticsMean::add(const OperandStatistics& statistics, double products) {
  const bool is_first = products_ == 0;
  a_.add(statistics.a, products, is_first);
  b_.add(statistics.b, products, is_first);
  PairMeans pair;
  if (statistics.pairs) {
    pair = *statistics.pairs;
  } else {
    const double level = statistics.b.abs_of_peak();
    pair = {statistics.a.square_of_peak() * level, statistics.a.abs_of_peak() * level,
            statistics.a.mean_square * level, statistics.a.mean_abs * level};
  }
  pairs_.square_of_peak += products * pair.square_of_peak;
  pairs_.abs_of_peak += products * pair.abs_of_peak;
  pairs_.mean_square += products * pair.mean_square;
  pairs_.mean_abs += products * pair.mean_abs;
  products_ += products;
}

void StatisticsMean::add(const StatisticsMean& other) {
  if (other.products_ == 0) return;
  const bool is_first = products_ == 0;
  a_.add(other.a_, is_first, other.products_);
  b_.add(other.b_, is_first, other.products_);
  pairs_.square_of_peak += other.pairs_.square_of_peak;
  pairs_.abs_of_peak += other.pairs_.abs_of_peak;
  pairs_.mean_square += other.pairs_.mean_square;
  pairs_.mean_abs += other.pairs_.mean_abs;
  products_ += other.products_;
}

OperandStatistics StatisticsMean::mean() const {
  if (products_ == 0) return {};
  OperandStatistics mean{a_.mean(products_), b_.mean(products_)};
  if (!b_.same) {
    mean.pairs = PairMeans{pairs_.square_of_peak / products_, pairs_.abs_of_peak / products_,
                           pairs_.mean_square / products_, pairs_.mean_abs / products_};
  }
  return mean;
}

namespace {

std::vector<RowwiseMoments::Sums> rows_of(const ConstMatrixRef& x) {
  return x.type == ElementType::f64 ? sum_rows(x.as<double>()) : sum_rows(x.as<float>());
}

}  // namespace

OperandMoments measure_operand(const ConstMatrixRef& x) { return moments_of(rows_of(x), x.cols); }

OperandMoments measure_operand(const ConstMatrixRef& x, std::vector<double>& row_largest) {
  const std::vector<RowwiseMoments::Sums> rows = rows_of(x);
  row_largest.resize(rows.size());
  std::transform(rows.begin(), rows.end(), row_largest.begin(),
                 [](const RowwiseMoments::Sums& row) { return row.max; });
  return moments_of(rows, x.cols);
}

void RowwiseMoments::take(std::int64_t i, const float* row) {
  rows_[static_cast<std::size_t>(i)] = sums_of(row, cols_);
}

OperandMoments RowwiseMoments::total() const { return moments_of(rows_, cols_); }

bool has_non_finite(const ConstMatrixRef& x) {
  return x.type == ElementType::f64 ? any_non_finite(x.as<double>())
                                    : any_non_finite(x.as<float>());
}

}  // namespace jb
