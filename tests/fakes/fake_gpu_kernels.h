#pragma once
// Arithmetic of the fake GPU (fake_gpu.h), written plainly, in float64 where sums are formed.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "backends/core/gemm.h"
#include "backends/cublas/gpu_api.h"
#include "backends/cublas/number_formats.h"

namespace jb::test::fake {

/// Elements from the first to the last of a rows x cols matrix that starts at `start`.
inline std::size_t extent(std::int64_t start, std::int64_t rows, std::int64_t leading,
                          std::int64_t cols) {
  return static_cast<std::size_t>(start + (rows - 1) * leading + cols);
}

inline const void* offset(const void* pointer, std::int64_t bytes) {
  return static_cast<const unsigned char*>(pointer) + bytes;
}
inline void* offset(void* pointer, std::int64_t bytes) {
  return static_cast<unsigned char*>(pointer) + bytes;
}

/// What cuBLASLt asks of a product: leading dimensions that hold a row, and whole 16-byte words and
/// a transposed B for byte-sized operands.
inline void check_description(const cublas::GemmDescription& gemm) {
  const GemmShape& s = gemm.shape;
  if (s.m < 1 || s.n < 1 || s.k < 1 || gemm.batch < 1) fail_internal("prepare: an empty product");
  const std::int64_t b_row = gemm.b_transposed ? s.k : s.n;
  if (gemm.a_leading < s.k || gemm.b_leading < b_row || gemm.c_leading < s.n) {
    fail_internal("prepare: a leading dimension is shorter than its row");
  }
  if (!cublas::is_scaled(gemm.precision)) return;
  constexpr std::int64_t kWord = 16;
  const bool words = s.m % kWord == 0 && s.n % kWord == 0 && s.k % kWord == 0 &&
                     gemm.a_leading % kWord == 0 && gemm.b_leading % kWord == 0;
  if (!gemm.b_transposed || !words) {
    fail_internal("prepare: no algorithm for this layout of byte-sized operands (code 15)");
  }
}

/// Element i of a stored operand as a number.
inline float element(const void* data, ElementType type, std::int64_t i) {
  switch (type) {
    case ElementType::f32:
      return static_cast<const float*>(data)[i];
    case ElementType::tf32:
      return cublas::round_tf32(static_cast<const float*>(data)[i]);
    case ElementType::f16:
    case ElementType::bf16:
      return cublas::decode16(type, static_cast<const std::uint16_t*>(data)[i]);
    default:
      return cublas::decode8(type, static_cast<const std::uint8_t*>(data)[i]);
  }
}

/// One product; sums in float64 (exact for s8), rounded once to the type of C.
inline void multiply(const cublas::GemmDescription& d, const void* a, const void* b, void* c) {
  const GemmShape& s = d.shape;
  Matrix<double> left(s.m, s.k);
  Matrix<double> right(s.k, s.n);
  for (std::int64_t i = 0; i < s.m; ++i) {
    for (std::int64_t p = 0; p < s.k; ++p) {
      left(i, p) = static_cast<double>(element(a, d.precision, i * d.a_leading + p));
    }
  }
  const ElementType b_type = cublas::weight_type(d.precision);
  for (std::int64_t p = 0; p < s.k; ++p) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      const std::int64_t at = d.b_transposed ? j * d.b_leading + p : p * d.b_leading + j;
      right(p, j) = static_cast<double>(element(b, b_type, at));
    }
  }
  Matrix<double> product(s.m, s.n);
  gemm<double>(left.view(), right.view(), product.view());
  for (std::int64_t i = 0; i < s.m; ++i) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      const std::int64_t at = i * d.c_leading + j;
      if (d.precision == ElementType::s8) {
        static_cast<std::int32_t*>(c)[at] = static_cast<std::int32_t>(product(i, j));
      } else {
        static_cast<float*>(c)[at] = static_cast<float>(product(i, j));
      }
    }
  }
}

inline void quantise_rows(const float* x, std::int64_t rows, std::int64_t cols, ElementType type,
                          std::uint8_t* out, std::int64_t padded_rows, std::int64_t padded_cols,
                          float* scales) {
  std::fill(out, out + padded_rows * padded_cols, std::uint8_t{0});
  for (std::int64_t i = 0; i < rows; ++i) {
    float largest = 0;
    for (std::int64_t j = 0; j < cols; ++j) largest = std::max(largest, std::abs(x[i * cols + j]));
    scales[i] = cublas::scale_of(type, largest);
    for (std::int64_t j = 0; j < cols; ++j) {
      out[i * padded_cols + j] = cublas::encode8(type, x[i * cols + j] / scales[i]);
    }
  }
}

inline void rescale(const void* x, ElementType type, std::int64_t leading, const float* row_scales,
                    const float* col_scales, float* out, std::int64_t rows, std::int64_t cols) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      const std::int64_t at = i * leading + j;
      const float sum = type == ElementType::s32
                            ? static_cast<float>(static_cast<const std::int32_t*>(x)[at])
                            : static_cast<const float*>(x)[at];
      out[i * cols + j] = sum * row_scales[i] * col_scales[j];
    }
  }
}

inline float elementwise(cublas::Elementwise op, float x, float y) {
  const auto wide = static_cast<double>(x);
  switch (op) {
    case cublas::Elementwise::relu:
      return std::max(x, 0.0F);
    case cublas::Elementwise::gelu:
      return static_cast<float>(0.5 * wide * (1 + std::erf(wide / std::sqrt(2.0))));
    case cublas::Elementwise::sigmoid:
      return static_cast<float>(1 / (1 + std::exp(-wide)));
    case cublas::Elementwise::tanh:
      return static_cast<float>(std::tanh(wide));
    case cublas::Elementwise::add:
      return x + y;
    case cublas::Elementwise::mul:
      return x * y;
  }
  return std::numeric_limits<float>::quiet_NaN();
}

inline void softmax_row(const float* x, float* out, std::int64_t cols) {
  const auto largest = static_cast<double>(*std::max_element(x, x + cols));
  double sum = 0;
  for (std::int64_t j = 0; j < cols; ++j) sum += std::exp(static_cast<double>(x[j]) - largest);
  for (std::int64_t j = 0; j < cols; ++j) {
    out[j] = static_cast<float>(std::exp(static_cast<double>(x[j]) - largest) / sum);
  }
}

inline void layer_norm_row(const float* x, const float* gamma, const float* beta, float epsilon,
                           float* out, std::int64_t cols) {
  const auto n = static_cast<double>(cols);
  double mean = 0;
  for (std::int64_t j = 0; j < cols; ++j) mean += static_cast<double>(x[j]);
  mean /= n;
  double variance = 0;
  for (std::int64_t j = 0; j < cols; ++j) {
    const double d = static_cast<double>(x[j]) - mean;
    variance += d * d;
  }
  const double scale = 1 / std::sqrt(variance / n + static_cast<double>(epsilon));
  for (std::int64_t j = 0; j < cols; ++j) {
    const double normal = (static_cast<double>(x[j]) - mean) * scale;
    out[j] =
        static_cast<float>(normal * static_cast<double>(gamma[j]) + static_cast<double>(beta[j]));
  }
}

inline void pool(cublas::Pooling op, const cublas::PoolShape& s, const float* x, float* out) {
  for (std::int64_t plane = 0; plane < s.images * s.channels; ++plane) {
    const float* image = x + plane * s.height * s.width;
    for (std::int64_t p = 0; p < s.out_h(); ++p) {
      for (std::int64_t q = 0; q < s.out_w(); ++q) {
        double sum = 0;
        double largest = -std::numeric_limits<double>::infinity();
        int count = 0;
        for (std::int64_t r = 0; r < s.window; ++r) {
          for (std::int64_t t = 0; t < s.window; ++t) {
            const std::int64_t y = p * s.stride - s.pad + r;
            const std::int64_t z = q * s.stride - s.pad + t;
            if (y < 0 || z < 0 || y >= s.height || z >= s.width) continue;
            const auto value = static_cast<double>(image[y * s.width + z]);
            sum += value;
            largest = std::max(largest, value);
            ++count;
          }
        }
        *out++ = static_cast<float>(op == cublas::Pooling::max ? largest : sum / count);
      }
    }
  }
}

/// Counts through the result's coordinates like an odometer.
inline void permute(const cublas::Permutation& order, const float* x, float* out) {
  std::array<std::int64_t, cublas::Permutation::kMaxRank> at{};
  std::int64_t from = 0;
  const std::int64_t count = order.elements();
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = x[from];
    for (int d = order.rank - 1; d >= 0; --d) {
      const auto k = static_cast<std::size_t>(d);
      from += order.strides[k];
      if (++at[k] < order.dims[k]) break;
      from -= order.strides[k] * order.dims[k];
      at[k] = 0;
    }
  }
}

}  // namespace jb::test::fake
