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
constexpr std::int64_t kPiece = 16384;  // elements that a thread takes at a time, at least

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
  const std::int64_t rows =
      std::clamp<std::int64_t>(kPiece / std::max<std::int64_t>(1, a.cols), 1, kRowsPerPiece);
  parallel_for(a.rows, rows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> scratch;
    for (std::int64_t i = begin; i < end; ++i) body(i, contiguous_row(a, i, scratch));
  });
}

template <class T>
std::int64_t count_beyond(const T* x, std::int64_t n, const Range& range) {
  return std::count_if(x, x + n, [&range](T v) {
    const auto value = static_cast<double>(v);
    return value > range.largest || value < range.least;
  });
}

/// What codes span of a given range: signed ones are about zero, all of them hold zero.
template <class Code>
Range spanned(const InputSpan& given) {
  if constexpr (std::is_same_v<Code, std::int8_t>) {
    return {-given.magnitude(), given.magnitude()};
  } else {
    return {std::min(0.0, given.low), std::max(0.0, given.high)};
  }
}

/// Rows that are fewer than threads and long (images) are cut into pieces of rows: their ranges
/// come first then, as for one scale over all rows.
template <class T>
bool has_long_rows(MatrixView<const T> a) {
  return a.col_stride == 1 && a.rows < thread_count() && a.cols >= 2 * kPiece;
}

template <class T>
Range range_of(const T* x, std::int64_t n) {
  Range range;
  kernel<T>().range(x, n, range.least, range.largest);
  return range;
}

Range widened(const Range& a, const Range& b) {
  return {std::min(a.least, b.least), std::max(a.largest, b.largest)};
}

/// Of each row.
template <class T>
std::vector<Range> ranges_of(MatrixView<const T> a) {
  std::vector<Range> ranges(static_cast<std::size_t>(a.rows));
  if (!has_long_rows(a)) {
    each_row(a, [&](std::int64_t i, const T* x) {
      ranges[static_cast<std::size_t>(i)] = range_of(x, a.cols);
    });
    return ranges;
  }
  for (std::int64_t i = 0; i < a.rows; ++i) {
    std::vector<Range> pieces(static_cast<std::size_t>((a.cols + kPiece - 1) / kPiece));
    parallel_for(a.cols, kPiece, [&](std::int64_t begin, std::int64_t end) {
      pieces[static_cast<std::size_t>(begin / kPiece)] =
          range_of(a.data + i * a.row_stride + begin, end - begin);
    });
    for (const Range& piece : pieces) {
      ranges[static_cast<std::size_t>(i)] = widened(ranges[static_cast<std::size_t>(i)], piece);
    }
  }
  return ranges;
}

template <class Code, class T>
void write_codes(const T* x, std::int64_t n, const CodeOf& by, Code* out) {
  if constexpr (std::is_same_v<Code, std::int8_t>) {
    kernel<T>().signed_codes(x, n, by.scale, kLargestCode, out);
  } else {
    kernel<T>().unsigned_codes(x, n, by.scale, by.zero_point, out);
  }
}

template <class Code, class T>
void quantise(MatrixView<const T> a, InputScale scale, const std::optional<InputSpan>& given,
              InputCodes<Code>& out) {
  const auto rows = static_cast<std::size_t>(a.rows);
  if (out.codes.rows() != a.rows || out.codes.cols() != a.cols) {
    out.codes = Matrix<Code>(a.rows, a.cols);
  }
  out.scales.resize(rows);
  out.zero_points.resize(rows);
  const bool row_by_row = scale == InputScale::per_row || given;
  const bool long_rows = has_long_rows(a);
  std::vector<Range> ranges;
  Range all;
  if (!row_by_row || long_rows) ranges = ranges_of(a);
  for (const Range& range : ranges) all = widened(all, range);
  std::atomic<std::int64_t> saturated{0};
  const auto code_of_row = [&](std::int64_t i, const T* x) {
    const auto row = static_cast<std::size_t>(i);
    Range range = all;
    if (row_by_row) range = long_rows ? ranges[row] : range_of(x, a.cols);
    if (given) {
      const Range fixed = spanned<Code>(*given);
      if (range.largest > fixed.largest || range.least < fixed.least) {
        saturated += count_beyond(x, a.cols, fixed);
      }
      range = fixed;
    }
    const CodeOf by = code_of<Code>(range);
    out.scales[row] = by.scale;
    out.zero_points[row] = static_cast<std::int32_t>(by.zero_point);
    return by;
  };
  if (long_rows) {
    for (std::int64_t i = 0; i < a.rows; ++i) {
      const T* const x = a.data + i * a.row_stride;
      const CodeOf by = code_of_row(i, x);
      parallel_for(a.cols, kPiece, [&](std::int64_t begin, std::int64_t end) {
        write_codes(x + begin, end - begin, by, &out.codes(i, begin));
      });
    }
  } else {
    each_row(a, [&](std::int64_t i, const T* x) {
      write_codes(x, a.cols, code_of_row(i, x), &out.codes(i, 0));
    });
  }
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
void quantise_inputs(const ConstMatrixRef& a, InputScale scale,
                     const std::optional<InputSpan>& range, InputCodes<Code>& out) {
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

template void quantise_inputs(const ConstMatrixRef&, InputScale, const std::optional<InputSpan>&,
                              InputCodes<std::int8_t>&);
template void quantise_inputs(const ConstMatrixRef&, InputScale, const std::optional<InputSpan>&,
                              InputCodes<std::uint8_t>&);

void scale_sums(MatrixView<const std::int32_t> sums, const SumScales& scales, const MatrixRef& c) {
  if (c.type == ElementType::f64) {
    scale(sums, scales, c.as<double>());
  } else {
    scale(sums, scales, c.as<float>());
  }
}

}  // namespace jb
