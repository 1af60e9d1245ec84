#pragma once
// The seam between this backend and a GPU: memory, products, kernels, clock, properties. Two
// implementations: gpu_cuda.cpp on CUDA and cuBLASLt, and a host-memory fake in tests/fakes, with
// which plans, networks, errors and residency are tested where there is no GPU.
//
// All calls go to one stream in order. Matrices are row-major; `leading` is the distance of two
// rows in elements. Device pointers come from allocate() and are never read by the host. Every
// failure is a jb::Error (ErrorCode::internal) that names the call and its code.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "backends/core/conv.h"
#include "backends/core/element_type.h"
#include "backends/core/error.h"
#include "backends/core/shape.h"

namespace jb::cublas {

struct GpuProperties {
  std::string name;                  ///< "NVIDIA H200"
  std::string library;               ///< "cuBLASLt 13.1.0"
  int compute_capability = 0;        ///< 10 major + minor: 90 for Hopper
  std::int64_t multiprocessors = 0;  ///< SMs
  std::int64_t memory_bytes = 0;     ///< of the whole GPU
  std::int64_t l2_bytes = 0;         ///< last-level cache
  double clock_Hz = 0;               ///< highest clock of the SMs; 0: not known
  double bandwidth_bytes_per_s = 0;  ///< of the memory, theoretical; 0: not known
};

/// C[m x n] = A[m x k] B[k x n], `batch` times over with the strides given. C is not read.
struct GemmDescription {
  GemmShape shape;
  /// Of A and B: f32, tf32 (stored as f32, rounded by the tensor cores), f16, bf16, s8, or f8e4m3;
  /// f8e5m2 stands for A in e5m2 and B in e4m3, because cuBLASLt multiplies no two e5m2 operands.
  /// C is s32 for s8, f32 for all others; sums are kept in the type of C.
  ElementType precision = ElementType::f32;
  bool b_transposed = false;  ///< B is stored n x k
  std::int64_t a_leading = 0;
  std::int64_t b_leading = 0;
  std::int64_t c_leading = 0;
  std::int64_t batch = 1;
  std::int64_t a_stride = 0;  ///< elements from one product's A to the next's; 0 shares it
  std::int64_t b_stride = 0;
  std::int64_t c_stride = 0;
};

/// A product whose algorithm is chosen; valid for any operands, as long as its Gpu.
class PreparedGemm {
 public:
  virtual ~PreparedGemm() = default;
  [[nodiscard]] virtual const GemmDescription& description() const = 0;
  [[nodiscard]] virtual std::string algorithm() const = 0;  ///< "algo66/tile20/stages35"
};

enum class Elementwise : std::uint8_t { relu, gelu, sigmoid, tanh, add, mul };
enum class Pooling : std::uint8_t {
  max,      ///< padding is left out
  average,  ///< over the elements inside the image (count_include_pad = 0)
};

/// NCHW images, a square window; every window must touch the image (pad < window).
struct PoolShape {
  std::int64_t images = 1;
  std::int64_t channels = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t window = 1;
  std::int64_t stride = 1;
  std::int64_t pad = 0;

  [[nodiscard]] std::int64_t out_h() const noexcept {
    return (height + 2 * pad - window) / stride + 1;
  }
  [[nodiscard]] std::int64_t out_w() const noexcept {
    return (width + 2 * pad - window) / stride + 1;
  }
};

/// How a dense tensor is read in another order of its dimensions: dimension d of the result has
/// `dims[d]` elements that lie `strides[d]` elements apart in the source; 0 repeats one.
struct Permutation {
  static constexpr int kMaxRank = 8;
  int rank = 0;
  std::array<std::int64_t, kMaxRank> dims{};
  std::array<std::int64_t, kMaxRank> strides{};

  [[nodiscard]] std::int64_t elements() const noexcept {
    std::int64_t count = 1;
    for (int d = 0; d < rank; ++d) count *= dims[static_cast<std::size_t>(d)];
    return count;
  }
};

class Gpu {
 public:
  virtual ~Gpu() = default;
  [[nodiscard]] virtual const GpuProperties& properties() const = 0;

  /// `bytes` (at least 1) of device memory, 256-byte aligned. `what` names its use in the error.
  [[nodiscard]] virtual void* allocate(std::size_t bytes, const char* what) = 0;
  virtual void free(void* device) noexcept = 0;
  /// Host memory may be reused, or read, when these return.
  virtual void upload(void* device, const void* host, std::size_t bytes) = 0;
  virtual void download(void* host, const void* device, std::size_t bytes) = 0;
  /// Sets every byte.
  virtual void fill(void* device, std::uint8_t byte, std::size_t bytes) = 0;

  /// Chooses the algorithm by the library's heuristics. Internal error when it has none.
  [[nodiscard]] virtual std::unique_ptr<PreparedGemm> prepare(const GemmDescription& gemm) = 0;
  virtual void multiply(const PreparedGemm& gemm, const void* a, const void* b, void* c) = 0;

  /// `count` floats rounded to f16 or bf16 (nearest, ties to even).
  virtual void convert(const float* x, void* out, ElementType type, std::int64_t count) = 0;
  /// Row i of x (rows x cols, contiguous) divided by scale i and rounded to `type` (s8, f8e4m3 or
  /// f8e5m2); out is padded_rows x padded_cols with zeros outside. number_formats.h defines scale
  /// and rounding; scales holds `rows` floats.
  virtual void quantise_rows(const float* x, std::int64_t rows, std::int64_t cols, ElementType type,
                             void* out, std::int64_t padded_rows, std::int64_t padded_cols,
                             float* scales) = 0;
  /// out(i, j) = x(i, j) row_scales[i] col_scales[j]; x is s32 or f32 with `leading` columns, out
  /// is rows x cols, contiguous.
  virtual void rescale(const void* x, ElementType type, std::int64_t leading,
                       const float* row_scales, const float* col_scales, float* out,
                       std::int64_t rows, std::int64_t cols) = 0;

  /// x(i, j) += bias[j], in place.
  virtual void add_bias(float* x, const float* bias, std::int64_t rows, std::int64_t cols) = 0;
  /// out = op(x) or op(x, y), `count` elements; y is null for operations of one operand. gelu is
  /// the exact one, x Phi(x) (Hendrycks & Gimpel, arXiv:1606.08415).
  virtual void elementwise(Elementwise op, const float* x, const float* y, float* out,
                           std::int64_t count) = 0;
  /// Of each row, shifted by its largest element.
  virtual void softmax(const float* x, float* out, std::int64_t rows, std::int64_t cols) = 0;
  /// (x - mean) / sqrt(variance + epsilon) gamma + beta of each row, biased variance (Ba et al.,
  /// arXiv:1607.06450); gamma and beta hold `cols` values.
  virtual void layer_norm(const float* x, const float* gamma, const float* beta, float epsilon,
                          float* out, std::int64_t rows, std::int64_t cols) = 0;
  virtual void pool(Pooling op, const PoolShape& shape, const float* x, float* out) = 0;
  /// The lowered A of one group (ConvLowering of backends/core/conv.h), contiguous.
  virtual void im2col(const ConvShape& shape, std::int64_t group, const float* x, float* out) = 0;
  /// out, contiguous, takes the elements of x in the order of `order`. out is not x.
  virtual void permute(const Permutation& order, const float* x, float* out) = 0;

  /// The GPU's own clock: marks a moment in the stream; a second mark ends the interval.
  virtual void start_clock() = 0;
  /// Marks the end, waits for it, and returns the seconds since start_clock().
  [[nodiscard]] virtual double stop_clock() = 0;
  /// Waits until everything has ended.
  virtual void synchronise() = 0;
};

/// Whether GPU 0 can be used, with the reason when not: no CUDA in this build, no driver, no GPU.
Support gpu_available();

/// Opens GPU number `index`. ErrorCode::not_available with the reason when there is none.
std::shared_ptr<Gpu> open_gpu(int index);

}  // namespace jb::cublas
