#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cfloat>

#include "backends/cublas/cuda_kernels.h"

namespace jb::cublas::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr std::int64_t kMostBlocks = std::int64_t{1} << 20;  // grids walk over what lies beyond

unsigned blocks_for(std::int64_t work_items, std::int64_t per_block) {
  const std::int64_t blocks = (work_items + per_block - 1) / per_block;
  return static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks);
}

__device__ std::int64_t first_index() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ std::int64_t index_step() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
  static __device__ float neutral() { return 0.0F; }
};
struct Largest {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
  static __device__ float neutral() { return -INFINITY; }
};

// Combines one value of every thread of the block, in a fixed order; all threads get the result.
template <class Op>
__device__ float over_block(float value, Op op) {
  __shared__ float of_warp[kThreads / kWarp];
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = op(value, __shfl_down_sync(0xFFFFFFFFU, value, step));
  }
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  float all = Op::neutral();
  for (int i = 0; i < kThreads / kWarp; ++i) all = op(all, of_warp[i]);
  __syncthreads();  // the next call writes of_warp again
  return all;
}

__global__ void convert_f16(const float* x, __half* out, std::int64_t count) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) out[i] = __float2half_rn(x[i]);
}

__global__ void convert_bf16(const float* x, __nv_bfloat16* out, std::int64_t count) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    out[i] = __float2bfloat16_rn(x[i]);
  }
}

template <Code8 kType>
constexpr float kLargestCode = kType == Code8::s8     ? 127.0F
                               : kType == Code8::e4m3 ? 448.0F
                                                      : 57344.0F;

template <Code8 kType>
__device__ std::uint8_t encode(float x) {
  if constexpr (kType == Code8::s8) {
    const float code = fminf(fmaxf(rintf(x), -127.0F), 127.0F);
    return static_cast<std::uint8_t>(static_cast<std::int8_t>(code));
  } else {
    return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, kType == Code8::e4m3 ? __NV_E4M3 : __NV_E5M2);
  }
}

// A block per row; rows beyond the matrix are filled with zeros.
template <Code8 kType>
__global__ void quantise(const float* x, std::int64_t rows, std::int64_t cols, std::uint8_t* out,
                         std::int64_t padded_rows, std::int64_t padded_cols, float* scales) {
  for (std::int64_t row = blockIdx.x; row < padded_rows; row += gridDim.x) {
    std::uint8_t* codes = out + row * padded_cols;
    if (row >= rows) {
      for (std::int64_t j = threadIdx.x; j < padded_cols; j += blockDim.x) codes[j] = 0;
      continue;
    }
    const float* values = x + row * cols;
    float largest = 0;
    for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
      largest = fmaxf(largest, fabsf(values[j]));
    }
    largest = over_block(largest, Largest{});
    float scale = __fdiv_rn(largest, kLargestCode<kType>);
    if (!(scale >= FLT_MIN && scale <= FLT_MAX)) scale = 1.0F;
    if (threadIdx.x == 0) scales[row] = scale;
    for (std::int64_t j = threadIdx.x; j < padded_cols; j += blockDim.x) {
      codes[j] = j < cols ? encode<kType>(__fdiv_rn(values[j], scale)) : std::uint8_t{0};
    }
  }
}

template <class T>
__global__ void rescale_sums(const T* x, std::int64_t leading, const float* row_scales,
                             const float* col_scales, float* out, std::int64_t rows,
                             std::int64_t cols) {
  for (std::int64_t i = first_index(); i < rows * cols; i += index_step()) {
    const std::int64_t row = i / cols;
    const std::int64_t col = i % cols;
    const float sum = static_cast<float>(x[row * leading + col]);
    out[i] = __fmul_rn(__fmul_rn(sum, row_scales[row]), col_scales[col]);
  }
}

__global__ void bias(float* x, const float* values, std::int64_t count, std::int64_t cols) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) x[i] += values[i % cols];
}

template <Unary kOp>
__global__ void apply(const float* x, float* out, std::int64_t count) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const float v = x[i];
    if constexpr (kOp == Unary::relu) {
      out[i] = fmaxf(v, 0.0F);
    } else if constexpr (kOp == Unary::gelu) {
      // 1 + erf(z) = erfc(-z) without cancellation for negative z.
      constexpr float kInvSqrt2 = 0.70710678118654752F;
      out[i] = 0.5F * v * erfcf(-v * kInvSqrt2);
    } else if constexpr (kOp == Unary::sigmoid) {
      out[i] = 1.0F / (1.0F + expf(-v));
    } else {
      out[i] = tanhf(v);
    }
  }
}

template <Binary kOp>
__global__ void combine(const float* x, const float* y, float* out, std::int64_t count) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    out[i] = kOp == Binary::add ? x[i] + y[i] : x[i] * y[i];
  }
}

__global__ void softmax_rows(const float* x, float* out, std::int64_t rows, std::int64_t cols) {
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* in = x + row * cols;
    float largest = -INFINITY;
    for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) largest = fmaxf(largest, in[j]);
    largest = over_block(largest, Largest{});
    float sum = 0;
    for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) sum += expf(in[j] - largest);
    sum = over_block(sum, Sum{});
    for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
      out[row * cols + j] = expf(in[j] - largest) / sum;
    }
  }
}

__global__ void layer_norm_rows(const float* x, const float* gamma, const float* beta,
                                float epsilon, float* out, std::int64_t rows, std::int64_t cols) {
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* in = x + row * cols;
    float sum = 0;
    for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) sum += in[j];
    const float mean = over_block(sum, Sum{}) / static_cast<float>(cols);
    // Squares of differences, not the difference of squares, which cancels.
    float squares = 0;
    for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
      const float d = in[j] - mean;
      squares += d * d;
    }
    const float variance = over_block(squares, Sum{}) / static_cast<float>(cols);
    const float scale = 1.0F / sqrtf(variance + epsilon);
    for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
      out[row * cols + j] = (in[j] - mean) * scale * gamma[j] + beta[j];
    }
  }
}

template <bool kAverage>
__global__ void pool_windows(Windows w, const float* x, float* out) {
  const std::int64_t count = w.planes * w.out_h * w.out_w;
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const std::int64_t q = i % w.out_w;
    const std::int64_t p = i / w.out_w % w.out_h;
    const float* plane = x + i / (w.out_w * w.out_h) * w.height * w.width;
    float result = kAverage ? 0.0F : -INFINITY;
    int inside = 0;
    for (std::int64_t r = 0; r < w.window_h; ++r) {
      const std::int64_t row = p * w.stride - w.pad + r;
      if (row < 0 || row >= w.height) continue;
      for (std::int64_t s = 0; s < w.window_w; ++s) {
        const std::int64_t col = q * w.stride - w.pad + s;
        if (col < 0 || col >= w.width) continue;
        const float value = plane[row * w.width + col];
        result = kAverage ? result + value : fmaxf(result, value);
        ++inside;
      }
    }
    out[i] = kAverage ? result / static_cast<float>(inside) : result;
  }
}

__global__ void lower(Windows w, std::int64_t channels, std::int64_t first_channel,
                      std::int64_t depth, const float* x, float* out) {
  const std::int64_t rows = w.planes / channels * w.out_h * w.out_w;
  for (std::int64_t i = first_index(); i < rows * depth; i += index_step()) {
    const std::int64_t row = i / depth;
    const std::int64_t col = i % depth;
    const std::int64_t q = row % w.out_w;
    const std::int64_t p = row / w.out_w % w.out_h;
    const std::int64_t image = row / (w.out_w * w.out_h);
    const std::int64_t s = col % w.window_w;
    const std::int64_t r = col / w.window_w % w.window_h;
    const std::int64_t channel = first_channel + col / (w.window_w * w.window_h);
    const std::int64_t y = p * w.stride - w.pad + r * w.dilation;
    const std::int64_t z = q * w.stride - w.pad + s * w.dilation;
    const bool inside = y >= 0 && y < w.height && z >= 0 && z < w.width;
    out[i] = inside ? x[((image * channels + channel) * w.height + y) * w.width + z] : 0.0F;
  }
}

__global__ void reorder(Order order, std::int64_t count, const float* x, float* out) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    std::int64_t rest = i;
    std::int64_t at = 0;
    for (int d = order.rank - 1; d >= 0; --d) {
      at += rest % order.dims[d] * order.strides[d];
      rest /= order.dims[d];
    }
    out[i] = x[at];
  }
}

}  // namespace

cudaError_t convert(cudaStream_t stream, const float* x, void* out, Float16 type,
                    std::int64_t count) {
  const unsigned blocks = blocks_for(count, kThreads);
  if (type == Float16::f16) {
    convert_f16<<<blocks, kThreads, 0, stream>>>(x, static_cast<__half*>(out), count);
  } else {
    convert_bf16<<<blocks, kThreads, 0, stream>>>(x, static_cast<__nv_bfloat16*>(out), count);
  }
  return cudaGetLastError();
}

cudaError_t quantise_rows(cudaStream_t stream, const float* x, std::int64_t rows, std::int64_t cols,
                          Code8 type, void* out, std::int64_t padded_rows, std::int64_t padded_cols,
                          float* scales) {
  const unsigned blocks = blocks_for(padded_rows, 1);
  auto* codes = static_cast<std::uint8_t*>(out);
  switch (type) {
    case Code8::s8:
      quantise<Code8::s8>
          <<<blocks, kThreads, 0, stream>>>(x, rows, cols, codes, padded_rows, padded_cols, scales);
      break;
    case Code8::e4m3:
      quantise<Code8::e4m3>
          <<<blocks, kThreads, 0, stream>>>(x, rows, cols, codes, padded_rows, padded_cols, scales);
      break;
    case Code8::e5m2:
      quantise<Code8::e5m2>
          <<<blocks, kThreads, 0, stream>>>(x, rows, cols, codes, padded_rows, padded_cols, scales);
      break;
  }
  return cudaGetLastError();
}

cudaError_t rescale(cudaStream_t stream, const std::int32_t* x, std::int64_t leading,
                    const float* row_scales, const float* col_scales, float* out, std::int64_t rows,
                    std::int64_t cols) {
  rescale_sums<<<blocks_for(rows * cols, kThreads), kThreads, 0, stream>>>(
      x, leading, row_scales, col_scales, out, rows, cols);
  return cudaGetLastError();
}

cudaError_t rescale(cudaStream_t stream, const float* x, std::int64_t leading,
                    const float* row_scales, const float* col_scales, float* out, std::int64_t rows,
                    std::int64_t cols) {
  rescale_sums<<<blocks_for(rows * cols, kThreads), kThreads, 0, stream>>>(
      x, leading, row_scales, col_scales, out, rows, cols);
  return cudaGetLastError();
}

cudaError_t add_bias(cudaStream_t stream, float* x, const float* values, std::int64_t rows,
                     std::int64_t cols) {
  bias<<<blocks_for(rows * cols, kThreads), kThreads, 0, stream>>>(x, values, rows * cols, cols);
  return cudaGetLastError();
}

cudaError_t unary(cudaStream_t stream, Unary op, const float* x, float* out, std::int64_t count) {
  const unsigned blocks = blocks_for(count, kThreads);
  switch (op) {
    case Unary::relu:
      apply<Unary::relu><<<blocks, kThreads, 0, stream>>>(x, out, count);
      break;
    case Unary::gelu:
      apply<Unary::gelu><<<blocks, kThreads, 0, stream>>>(x, out, count);
      break;
    case Unary::sigmoid:
      apply<Unary::sigmoid><<<blocks, kThreads, 0, stream>>>(x, out, count);
      break;
    case Unary::tanh:
      apply<Unary::tanh><<<blocks, kThreads, 0, stream>>>(x, out, count);
      break;
  }
  return cudaGetLastError();
}

cudaError_t binary(cudaStream_t stream, Binary op, const float* x, const float* y, float* out,
                   std::int64_t count) {
  const unsigned blocks = blocks_for(count, kThreads);
  if (op == Binary::add) {
    combine<Binary::add><<<blocks, kThreads, 0, stream>>>(x, y, out, count);
  } else {
    combine<Binary::mul><<<blocks, kThreads, 0, stream>>>(x, y, out, count);
  }
  return cudaGetLastError();
}

cudaError_t softmax(cudaStream_t stream, const float* x, float* out, std::int64_t rows,
                    std::int64_t cols) {
  softmax_rows<<<blocks_for(rows, 1), kThreads, 0, stream>>>(x, out, rows, cols);
  return cudaGetLastError();
}

cudaError_t layer_norm(cudaStream_t stream, const float* x, const float* gamma, const float* beta,
                       float epsilon, float* out, std::int64_t rows, std::int64_t cols) {
  layer_norm_rows<<<blocks_for(rows, 1), kThreads, 0, stream>>>(x, gamma, beta, epsilon, out, rows,
                                                                cols);
  return cudaGetLastError();
}

cudaError_t pool(cudaStream_t stream, bool average, const Windows& windows, const float* x,
                 float* out) {
  const unsigned blocks = blocks_for(windows.planes * windows.out_h * windows.out_w, kThreads);
  if (average) {
    pool_windows<true><<<blocks, kThreads, 0, stream>>>(windows, x, out);
  } else {
    pool_windows<false><<<blocks, kThreads, 0, stream>>>(windows, x, out);
  }
  return cudaGetLastError();
}

cudaError_t im2col(cudaStream_t stream, const Windows& windows, std::int64_t channels,
                   std::int64_t first_channel, std::int64_t group_channels, const float* x,
                   float* out) {
  const std::int64_t depth = group_channels * windows.window_h * windows.window_w;
  const std::int64_t rows = windows.planes / channels * windows.out_h * windows.out_w;
  lower<<<blocks_for(rows * depth, kThreads), kThreads, 0, stream>>>(windows, channels,
                                                                     first_channel, depth, x, out);
  return cudaGetLastError();
}

cudaError_t permute(cudaStream_t stream, const Order& order, std::int64_t count, const float* x,
                    float* out) {
  reorder<<<blocks_for(count, kThreads), kThreads, 0, stream>>>(order, count, x, out);
  return cudaGetLastError();
}

}  // namespace jb::cublas::kernels
