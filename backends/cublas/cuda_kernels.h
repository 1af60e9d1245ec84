#pragma once
// Launchers of the CUDA kernels; each returns the error of its launch. Device pointers throughout;
// what each computes is said in gpu_api.h. Plain types only, so that the CUDA compiler sees nothing
// of the rest of the project.

#include <cuda_runtime_api.h>

#include <cstdint>

namespace jb::cublas::kernels {

enum class Float16 : std::uint8_t { f16, bf16 };
enum class Code8 : std::uint8_t { s8, e4m3, e5m2 };
enum class Unary : std::uint8_t { relu, gelu, sigmoid, tanh };
enum class Binary : std::uint8_t { add, mul };

/// Windows over planes of height x width: pooling (a plane per channel) and lowering.
struct Windows {
  std::int64_t planes = 1;  ///< images x channels
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t window_h = 1;
  std::int64_t window_w = 1;
  std::int64_t stride = 1;
  std::int64_t pad = 0;
  std::int64_t dilation = 1;
  std::int64_t out_h = 1;
  std::int64_t out_w = 1;
};

/// A dense tensor in another order of its dimensions (Permutation of gpu_api.h).
struct Order {
  int rank = 0;
  std::int64_t dims[8] = {};
  std::int64_t strides[8] = {};
};

cudaError_t convert(cudaStream_t stream, const float* x, void* out, Float16 type,
                    std::int64_t count);
cudaError_t quantise_rows(cudaStream_t stream, const float* x, std::int64_t rows, std::int64_t cols,
                          Code8 type, void* out, std::int64_t padded_rows, std::int64_t padded_cols,
                          float* scales);
cudaError_t rescale(cudaStream_t stream, const std::int32_t* x, std::int64_t leading,
                    const float* row_scales, const float* col_scales, float* out, std::int64_t rows,
                    std::int64_t cols);
cudaError_t rescale(cudaStream_t stream, const float* x, std::int64_t leading,
                    const float* row_scales, const float* col_scales, float* out, std::int64_t rows,
                    std::int64_t cols);
cudaError_t add_bias(cudaStream_t stream, float* x, const float* bias, std::int64_t rows,
                     std::int64_t cols);
cudaError_t unary(cudaStream_t stream, Unary op, const float* x, float* out, std::int64_t count);
cudaError_t binary(cudaStream_t stream, Binary op, const float* x, const float* y, float* out,
                   std::int64_t count);
cudaError_t softmax(cudaStream_t stream, const float* x, float* out, std::int64_t rows,
                    std::int64_t cols);
cudaError_t layer_norm(cudaStream_t stream, const float* x, const float* gamma, const float* beta,
                       float epsilon, float* out, std::int64_t rows, std::int64_t cols);
cudaError_t pool(cudaStream_t stream, bool average, const Windows& windows, const float* x,
                 float* out);
/// Lowers channels [first_channel, first_channel + group_channels) of each image of `channels`.
cudaError_t im2col(cudaStream_t stream, const Windows& windows, std::int64_t channels,
                   std::int64_t first_channel, std::int64_t group_channels, const float* x,
                   float* out);
cudaError_t permute(cudaStream_t stream, const Order& order, std::int64_t count, const float* x,
                    float* out);

}  // namespace jb::cublas::kernels
