#include "models/training/balance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "backends/core/threads.h"

namespace jb::models {
namespace {

constexpr int kLargestExponent = 100;  // factors and their products stay finite floats
constexpr std::int64_t kRowsPerPiece = 64;
constexpr double kBytes = 4;

float power_of_two(int exponent) {
  return std::ldexp(1.0F, std::clamp(exponent, -kLargestExponent, kLargestExponent));
}

/// 2^-e for a largest value in [2^(e-1), 2^e); 1 for zero.
float to_unit_range(float largest) {
  if (!(largest > 0) || !std::isfinite(largest)) return 1;
  int exponent = 0;
  std::frexp(largest, &exponent);
  return power_of_two(-exponent);
}

double norm(MatrixView<const float> x, std::int64_t row) {
  double sum = 0;
  for (std::int64_t j = 0; j < x.cols; ++j) {
    sum += static_cast<double>(x(row, j)) * static_cast<double>(x(row, j));
  }
  return std::sqrt(sum);
}

/// 2^t_s of every sample.
std::vector<float> sample_factors(MatrixView<const float> x, MatrixView<const float> d) {
  std::vector<float> factors(static_cast<std::size_t>(x.rows), 1.0F);
  for (std::int64_t s = 0; s < x.rows; ++s) {
    const double ratio = norm(d, s) / norm(x, s);
    if (!(ratio > 0) || !std::isfinite(ratio)) continue;  // one of them is zero
    factors[static_cast<std::size_t>(s)] =
        power_of_two(static_cast<int>(std::lround(0.5 * std::log2(ratio))));
  }
  return factors;
}

}  // namespace

BalancedProduct balance(MatrixView<const float> x, MatrixView<const float> d, bool scaled,
                        SampleSigns signs) {
  BalancedProduct out;
  out.a = Matrix<float>(x.cols, x.rows);
  out.b = Matrix<float>(d.rows, d.cols);
  out.row_factor.assign(static_cast<std::size_t>(x.cols), 1.0F);
  out.col_factor.assign(static_cast<std::size_t>(d.cols), 1.0F);
  std::vector<float> samples =
      scaled ? sample_factors(x, d) : std::vector<float>(static_cast<std::size_t>(x.rows), 1.0F);
  if (signs != SampleSigns::kept) {
    for (std::size_t s = signs == SampleSigns::odd_changed ? 1 : 0; s < samples.size(); s += 2) {
      samples[s] = -samples[s];
    }
  }
  parallel_for(x.cols, kRowsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float* const row = &out.a(i, 0);
      float largest = 0;
      for (std::int64_t s = 0; s < x.rows; ++s) {
        row[s] = x(s, i) * samples[static_cast<std::size_t>(s)];
        largest = std::max(largest, std::abs(row[s]));
      }
      if (!scaled) continue;
      const float factor = to_unit_range(largest);
      for (std::int64_t s = 0; s < x.rows; ++s) row[s] *= factor;
      out.row_factor[static_cast<std::size_t>(i)] = 1 / factor;
    }
  });
  std::vector<float> largest(static_cast<std::size_t>(d.cols), 0.0F);
  for (std::int64_t s = 0; s < d.rows; ++s) {
    for (std::int64_t j = 0; j < d.cols; ++j) {
      out.b(s, j) = d(s, j) / samples[static_cast<std::size_t>(s)];
      float& top = largest[static_cast<std::size_t>(j)];
      top = std::max(top, std::abs(out.b(s, j)));
    }
  }
  if (!scaled) return out;
  for (std::size_t j = 0; j < largest.size(); ++j) {
    const float factor = to_unit_range(largest[j]);
    out.col_factor[j] = 1 / factor;
    for (std::int64_t s = 0; s < d.rows; ++s) out.b(s, static_cast<std::int64_t>(j)) *= factor;
  }
  return out;
}

void alternate_columns(MatrixView<float> x) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 1; j < x.cols; j += 2) x(i, j) = -x(i, j);
  }
}

void undo_balance(const BalancedProduct& product, MatrixView<float> g) {
  for (std::int64_t i = 0; i < g.rows; ++i) {
    const float row = product.row_factor[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j < g.cols; ++j) {
      g(i, j) = g(i, j) * row * product.col_factor[static_cast<std::size_t>(j)];
    }
  }
}

PeripheryWork balance_work(double samples, double p, double q) noexcept {
  const double operands = samples * (p + q);
  PeripheryWork work;
  work.macs = operands;                // norms of the samples
  work.functions = 2 * samples;        // ratio and logarithm
  work.comparisons = operands;         // largest of rows and columns
  work.multiplies = operands + p * q;  // one combined factor in, one out
  work.bytes = 2 * kBytes * (operands + p * q);
  return work;
}

std::vector<float> scale_rows(MatrixView<float> x) {
  std::vector<float> undo(static_cast<std::size_t>(x.rows), 1.0F);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    float largest = 0;
    for (std::int64_t j = 0; j < x.cols; ++j) largest = std::max(largest, std::abs(x(i, j)));
    const float factor = to_unit_range(largest);
    undo[static_cast<std::size_t>(i)] = 1 / factor;
    for (std::int64_t j = 0; j < x.cols; ++j) x(i, j) *= factor;
  }
  return undo;
}

void multiply_rows(MatrixView<float> x, const std::vector<float>& factors) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) x(i, j) *= factors[static_cast<std::size_t>(i)];
  }
}

PeripheryWork row_scaling_work(double rows, double inputs, double outputs) noexcept {
  PeripheryWork work;
  work.comparisons = rows * inputs;
  work.multiplies = rows * (inputs + outputs);
  work.bytes = 2 * kBytes * rows * (inputs + outputs);
  return work;
}

}  // namespace jb::models
