#include "backends/core/quantise.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <type_traits>

#include "backends/core/kernels.h"
#include "backends/core/quantise_kernels.h"
#include "backends/core/threads.h"

namespace jb {
namespace {

constexpr std::int64_t kRowsPerPiece = 16;

template <class T>
const kernels::QuantiseKernel<T>& kernel() {
  const int level = kernels::isa_level();
  if constexpr (std::is_same_v<T, float>) {
    return level == 2   ? kernels::avx512::kQuantiseFloat
           : level == 1 ? kernels::avx2::kQuantiseFloat
                        : kernels::baseline::kQuantiseFloat;
  } else {
    return level == 2   ? kernels::avx512::kQuantiseDouble
           : level == 1 ? kernels::avx2::kQuantiseDouble
                        : kernels::baseline::kQuantiseDouble;
  }
}

// A magnitude so small that its scale underflows counts as zero.
double scale_of(double span, double codes) {
  const double scale = span / codes;
  return scale > 0 ? scale : 1;
}

struct Range {
  double least = 0;
  double largest = 0;
  [[nodiscard]] double magnitude() const { return std::max(largest, -least); }
};

struct CodeOf {
  double scale = 1;
  double zero_point = 0;
};

template <class Code>
CodeOf code_of(const Range& range) {
  if constexpr (std::is_same_v<Code, std::int8_t>) {
    return {scale_of(range.magnitude(), kLargestCode), 0};
  } else {
    const double scale = scale_of(range.largest - range.least, kLargestUnsignedCode);
    return {scale, std::clamp(std::nearbyint(-range.least / scale), 0.0, kLargestUnsignedCode)};
  }
}

/// A row as contiguous elements: itself, or a copy in `scratch`.
template <class T>
const T* contiguous_row(MatrixView<const T> a, std::int64_t i, std::vector<T>& scratch) {
  if (a.col_stride == 1) return a.data + i * a.row_stride;
  scratch.resize(static_cast<std::size_t>(a.cols));
  for (std::int64_t j = 0; j < a.cols; ++j) scratch[static_cast<std::size_t>(j)] = a(i, j);
  return scratch.data();
}

/// Calls body(i, pointer to the elements of row i) for each row, in parallel.
template <class T, class F>
void each_row(MatrixView<const T> a, F body) {
  parallel_for(a.rows, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> scratch;
    for (std::int64_t i = begin; i < end; ++i) body(i, contiguous_row(a, i, scratch));
  });
}

template <class T>
std::int64_t count_beyond(const T* x, std::int64_t n, double range) {
  return std::count_if(x, x + n, [range](T v) { return std::abs(static_cast<double>(v)) > range; });
}

template <class Code, class T>
void quantise(MatrixView<const T> a, InputScale scale, std::optional<double> given,
              InputCodes<Code>& out) {
  const auto rows = static_cast<std::size_t>(a.rows);
  if (out.codes.rows() != a.rows || out.codes.cols() != a.cols) {
    out.codes = Matrix<Code>(a.rows, a.cols);
  }
  out.scales.resize(rows);
  out.zero_points.resize(rows);
  const kernels::QuantiseKernel<T>& run = kernel<T>();
  std::vector<Range> ranges;
  Range all;
  const bool row_by_row = scale == InputScale::per_row && !given;
  if (!row_by_row) {
    ranges.resize(rows);
    each_row(a, [&](std::int64_t i, const T* x) {
      Range& range = ranges[static_cast<std::size_t>(i)];
      run.range(x, a.cols, range.least, range.largest);
    });
    for (const Range& range : ranges) {
      all.least = std::min(all.least, range.least);
      all.largest = std::max(all.largest, range.largest);
    }
  }
  std::atomic<std::int64_t> saturated{0};
  each_row(a, [&](std::int64_t i, const T* x) {
    const auto row = static_cast<std::size_t>(i);
    Range range = all;
    if (row_by_row) {
      range = {};
      run.range(x, a.cols, range.least, range.largest);
    }
    if (given) {
      if (ranges[row].magnitude() > *given) saturated += count_beyond(x, a.cols, *given);
      range = {all.least < 0 ? -*given : 0, *given};
    }
    const CodeOf by = code_of<Code>(range);
    out.scales[row] = by.scale;
    out.zero_points[row] = static_cast<std::int32_t>(by.zero_point);
    if constexpr (std::is_same_v<Code, std::int8_t>) {
      run.signed_codes(x, a.cols, by.scale, kLargestCode, &out.codes(i, 0));
    } else {
      run.unsigned_codes(x, a.cols, by.scale, by.zero_point, &out.codes(i, 0));
    }
  });
  out.saturated = saturated;
}

template <class T>
void scale(MatrixView<const std::int32_t> sums, const SumScales& by, MatrixView<T> c) {
  const kernels::QuantiseKernel<T>& run = kernel<T>();
  parallel_for(c.rows, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> scratch(static_cast<std::size_t>(c.col_stride == 1 ? 0 : c.cols));
    for (std::int64_t i = begin; i < end; ++i) {
      const auto row = static_cast<std::size_t>(i);
      T* out = c.col_stride == 1 ? c.data + i * c.row_stride : scratch.data();
      run.scale_sums(sums.data + i * sums.row_stride, c.cols, by.row_scales[row],
                     by.zero_points[row], by.column_sums.data(), by.column_scales.data(), out);
      if (c.col_stride == 1) continue;
      for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) = out[j];
    }
  });
}

}  // namespace

WeightCodes weight_codes(MatrixView<const double> b, WeightScale scale, double largest_code) {
  std::vector<double> largest(static_cast<std::size_t>(b.cols), 0.0);
  for (std::int64_t i = 0; i < b.rows; ++i) {
    for (std::int64_t j = 0; j < b.cols; ++j) {
      double& column = largest[static_cast<std::size_t>(j)];
      column = std::max(column, std::abs(b(i, j)));
    }
  }
  if (scale == WeightScale::per_tensor && !largest.empty()) {
    std::fill(largest.begin(), largest.end(), *std::max_element(largest.begin(), largest.end()));
  }
  WeightCodes out{Matrix<std::int8_t>(b.rows, b.cols), {}};
  for (const double x : largest) out.scales.push_back(scale_of(x, largest_code));
  // nearbyint rounds ties to even in the default rounding mode.
  for (std::int64_t i = 0; i < b.rows; ++i) {
    for (std::int64_t j = 0; j < b.cols; ++j) {
      const double code = std::nearbyint(b(i, j) / out.scales[static_cast<std::size_t>(j)]);
      out.codes(i, j) = static_cast<std::int8_t>(std::clamp(code, -largest_code, largest_code));
    }
  }
  return out;
}

template <class Code>
void quantise_inputs(const ConstMatrixRef& a, InputScale scale, std::optional<double> range,
                     InputCodes<Code>& out) {
  if (a.cols == 0) {
    out.codes = Matrix<Code>(a.rows, 0);
    out.scales.assign(static_cast<std::size_t>(a.rows), 1.0);
    out.zero_points.assign(static_cast<std::size_t>(a.rows), 0);
    out.saturated = 0;
    return;
  }
  if (a.type == ElementType::f64) {
    quantise(a.as<double>(), scale, range, out);
  } else {
    quantise(a.as<float>(), scale, range, out);
  }
}

template void quantise_inputs(const ConstMatrixRef&, InputScale, std::optional<double>,
                              InputCodes<std::int8_t>&);
template void quantise_inputs(const ConstMatrixRef&, InputScale, std::optional<double>,
                              InputCodes<std::uint8_t>&);

void scale_sums(MatrixView<const std::int32_t> sums, const SumScales& scales, const MatrixRef& c) {
  if (c.type == ElementType::f64) {
    scale(sums, scales, c.as<double>());
  } else {
    scale(sums, scales, c.as<float>());
  }
}

}  // namespace jb
