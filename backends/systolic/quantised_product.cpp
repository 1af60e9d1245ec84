#include "backends/systolic/quantised_product.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "backends/core/threads.h"

namespace jb::systolic {
namespace {

constexpr std::int64_t kRowsPerPiece = 16;

// A magnitude so small that its scale underflows counts as zero.
double scale_of(double largest) {
  const double scale = largest / kLargestCode;
  return scale > 0 ? scale : 1;
}

std::int8_t code_of(double value, double scale) {
  // nearbyint rounds ties to even in the default rounding mode.
  const double code = std::nearbyint(value / scale);
  return static_cast<std::int8_t>(std::clamp(code, -kLargestCode, kLargestCode));
}

template <class T>
std::int64_t quantise_rows(MatrixView<const T> a, std::optional<double> range,
                           Matrix<std::int8_t>& codes, std::vector<double>& scales) {
  std::atomic<std::int64_t> saturated{0};
  parallel_for(a.rows, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      double largest = 0;
      for (std::int64_t j = 0; j < a.cols; ++j) {
        largest = std::max(largest, std::abs(static_cast<double>(a(i, j))));
      }
      const double scale = scale_of(range.value_or(largest));
      if (range && largest > *range) {
        for (std::int64_t j = 0; j < a.cols; ++j) {
          saturated += std::abs(static_cast<double>(a(i, j))) > *range ? 1 : 0;
        }
      }
      scales[static_cast<std::size_t>(i)] = scale;
      for (std::int64_t j = 0; j < a.cols; ++j) {
        codes(i, j) = code_of(static_cast<double>(a(i, j)), scale);
      }
    }
  });
  return saturated;
}

template <class T>
std::int64_t multiply(MatrixView<const T> a, const QuantisedWeights& b, MatrixView<T> c,
                      std::optional<double> range) {
  Matrix<std::int8_t> codes(a.rows, a.cols);
  std::vector<double> scales(static_cast<std::size_t>(a.rows));
  const std::int64_t saturated = quantise_rows(a, range, codes, scales);
  Matrix<std::int32_t> sums(c.rows, c.cols);
  gemm<std::int8_t>(codes.view(), b.codes, sums.view());
  parallel_for(c.rows, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double scale_a = scales[static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; j < c.cols; ++j) {
        const double scale_b = b.scales[static_cast<std::size_t>(j)];
        c(i, j) = static_cast<T>(static_cast<double>(sums(i, j)) * scale_a * scale_b);
      }
    }
  });
  return saturated;
}

}  // namespace

QuantisedWeights quantise_weights(MatrixView<const double> b, WeightScale scale) {
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
  QuantisedWeights out;
  Matrix<std::int8_t> codes(b.rows, b.cols);
  for (const double x : largest) out.scales.push_back(scale_of(x));
  for (std::int64_t i = 0; i < b.rows; ++i) {
    for (std::int64_t j = 0; j < b.cols; ++j) {
      codes(i, j) = code_of(b(i, j), out.scales[static_cast<std::size_t>(j)]);
    }
  }
  out.codes = PackedMatrix<std::int8_t>(codes.view());
  return out;
}

std::int64_t multiply_quantised(const ConstMatrixRef& a, const QuantisedWeights& b,
                                const MatrixRef& c, std::optional<double> range) {
  return a.type == ElementType::f64 ? multiply<double>(a.as<double>(), b, c.as<double>(), range)
                                    : multiply<float>(a.as<float>(), b, c.as<float>(), range);
}

}  // namespace jb::systolic
