// The seam on CUDA and cuBLASLt.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "backends/cublas/cublaslt_gemm.h"
#include "backends/cublas/cublaslt_library.h"
#include "backends/cublas/cuda_kernels.h"
#include "backends/cublas/gpu_api.h"

namespace jb::cublas {
namespace {

// What NVIDIA recommends for Hopper (cuBLAS documentation, "cublasSetWorkspace").
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  fail_internal("{} failed: {} ({}, code {})", call, cudaGetErrorString(error),
                cudaGetErrorName(error), static_cast<int>(error));
}

int attribute(cudaDeviceAttr name, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, name, device), "cudaDeviceGetAttribute");
  return value;
}

GpuProperties read_properties(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  GpuProperties out;
  out.name = properties.name;
  const auto version = static_cast<int>(cublaslt().version());
  // CUBLAS_VERSION of the header: 10000 major + 100 minor + patch.
  out.library =
      fmt::format("cublasLt-{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  out.compute_capability = 10 * properties.major + properties.minor;
  out.multiprocessors = properties.multiProcessorCount;
  out.memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
  out.l2_bytes = properties.l2CacheSize;
  constexpr double kKilo = 1e3;
  out.clock_Hz = kKilo * attribute(cudaDevAttrClockRate, device);
  // Two transfers per clock of the memory (double data rate).
  constexpr double kBitsPerByte = 8;
  out.bandwidth_bytes_per_s = 2 * kKilo * attribute(cudaDevAttrMemoryClockRate, device) *
                              attribute(cudaDevAttrGlobalMemoryBusWidth, device) / kBitsPerByte;
  return out;
}

// Names of the seam to names of the kernels.
kernels::Code8 code_of(ElementType type) {
  if (type == ElementType::s8) return kernels::Code8::s8;
  if (type == ElementType::f8e4m3) return kernels::Code8::e4m3;
  if (type == ElementType::f8e5m2) return kernels::Code8::e5m2;
  fail_internal("quantise_rows was asked for {}", name_of(type));
}

kernels::Unary unary_of(Elementwise op) {
  switch (op) {
    case Elementwise::relu:
      return kernels::Unary::relu;
    case Elementwise::gelu:
      return kernels::Unary::gelu;
    case Elementwise::sigmoid:
      return kernels::Unary::sigmoid;
    default:
      return kernels::Unary::tanh;
  }
}

class CudaGpu final : public Gpu {
 public:
  explicit CudaGpu(int device) : device_(device) {
    use();
    properties_ = read_properties(device);
    try {
      check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
      check(cudaEventCreate(&start_), "cudaEventCreate");
      check(cudaEventCreate(&stop_), "cudaEventCreate");
      cublaslt().check(cublaslt().create(&handle_), "cublasLtCreate");
      workspace_ = allocate(kWorkspaceBytes, "the workspace of cuBLASLt");
    } catch (...) {
      release();
      throw;
    }
  }
  ~CudaGpu() override { release(); }
  CudaGpu(const CudaGpu&) = delete;
  CudaGpu& operator=(const CudaGpu&) = delete;

  [[nodiscard]] const GpuProperties& properties() const override { return properties_; }

  [[nodiscard]] void* allocate(std::size_t bytes, const char* what) override {
    use();
    void* data = nullptr;
    const cudaError_t error = cudaMalloc(&data, bytes);
    if (error == cudaSuccess) return data;
    static_cast<void>(cudaGetLastError());  // else the next launch would report this error again
    fail_internal("cudaMalloc of {:.3f} GB for {} failed: {} ({}, code {})",
                  static_cast<double>(bytes) * 1e-9, what, cudaGetErrorString(error),
                  cudaGetErrorName(error), static_cast<int>(error));
  }
  void free(void* device) noexcept override {
    // An error here is one of an earlier call, which the next checked call reports again.
    static_cast<void>(cudaSetDevice(device_));
    static_cast<void>(cudaFree(device));
  }
  void upload(void* device, const void* host, std::size_t bytes) override {
    use();
    check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_),
          "cudaMemcpyAsync to the GPU");
    synchronise();
  }
  void download(void* host, const void* device, std::size_t bytes) override {
    use();
    check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_),
          "cudaMemcpyAsync from the GPU");
    synchronise();
  }
  void fill(void* device, std::uint8_t byte, std::size_t bytes) override {
    use();
    check(cudaMemsetAsync(device, byte, bytes, stream_), "cudaMemsetAsync");
  }

  [[nodiscard]] std::unique_ptr<PreparedGemm> prepare(const GemmDescription& gemm) override {
    use();
    return std::make_unique<CublasLtGemm>(handle_, gemm, kWorkspaceBytes);
  }
  void multiply(const PreparedGemm& gemm, const void* a, const void* b, void* c) override {
    use();
    static_cast<const CublasLtGemm&>(gemm).run(handle_, a, b, c, workspace_, kWorkspaceBytes,
                                               stream_);
  }

  void convert(const float* x, void* out, ElementType type, std::int64_t count) override {
    use();
    const bool half = type == ElementType::f16;
    check(kernels::convert(stream_, x, out, half ? kernels::Float16::f16 : kernels::Float16::bf16,
                           count),
          "kernel convert");
  }
  void quantise_rows(const float* x, std::int64_t rows, std::int64_t cols, ElementType type,
                     void* out, std::int64_t padded_rows, std::int64_t padded_cols,
                     float* scales) override {
    use();
    check(kernels::quantise_rows(stream_, x, rows, cols, code_of(type), out, padded_rows,
                                 padded_cols, scales),
          "kernel quantise_rows");
  }
  void rescale(const void* x, ElementType type, std::int64_t leading, const float* row_scales,
               const float* col_scales, float* out, std::int64_t rows, std::int64_t cols) override {
    use();
    const cudaError_t error =
        type == ElementType::s32
            ? kernels::rescale(stream_, static_cast<const std::int32_t*>(x), leading, row_scales,
                               col_scales, out, rows, cols)
            : kernels::rescale(stream_, static_cast<const float*>(x), leading, row_scales,
                               col_scales, out, rows, cols);
    check(error, "kernel rescale");
  }
  void add_bias(float* x, const float* bias, std::int64_t rows, std::int64_t cols) override {
    use();
    check(kernels::add_bias(stream_, x, bias, rows, cols), "kernel add_bias");
  }
  void elementwise(Elementwise op, const float* x, const float* y, float* out,
                   std::int64_t count) override {
    use();
    if (op == Elementwise::add || op == Elementwise::mul) {
      const auto binary = op == Elementwise::add ? kernels::Binary::add : kernels::Binary::mul;
      check(kernels::binary(stream_, binary, x, y, out, count), "kernel binary");
      return;
    }
    check(kernels::unary(stream_, unary_of(op), x, out, count), "kernel unary");
  }
  void softmax(const float* x, float* out, std::int64_t rows, std::int64_t cols) override {
    use();
    check(kernels::softmax(stream_, x, out, rows, cols), "kernel softmax");
  }
  void layer_norm(const float* x, const float* gamma, const float* beta, float epsilon, float* out,
                  std::int64_t rows, std::int64_t cols) override {
    use();
    check(kernels::layer_norm(stream_, x, gamma, beta, epsilon, out, rows, cols),
          "kernel layer_norm");
  }
  void pool(Pooling op, const PoolShape& shape, const float* x, float* out) override {
    use();
    kernels::Windows windows{shape.images * shape.channels, shape.height, shape.width};
    windows.window_h = shape.window;
    windows.window_w = shape.window;
    windows.stride = shape.stride;
    windows.pad = shape.pad;
    windows.out_h = shape.out_h();
    windows.out_w = shape.out_w();
    check(kernels::pool(stream_, op == Pooling::average, windows, x, out), "kernel pool");
  }
  void im2col(const ConvShape& shape, std::int64_t group, const float* x, float* out) override {
    use();
    const std::int64_t group_channels = shape.in_channels / shape.groups;
    const kernels::Windows windows{shape.images * shape.in_channels,
                                   shape.height,
                                   shape.width,
                                   shape.kernel_h,
                                   shape.kernel_w,
                                   shape.stride,
                                   shape.pad,
                                   shape.dilation,
                                   shape.out_h(),
                                   shape.out_w()};
    check(kernels::im2col(stream_, windows, shape.in_channels, group * group_channels,
                          group_channels, x, out),
          "kernel im2col");
  }
  void permute(const Permutation& order, const float* x, float* out) override {
    use();
    kernels::Order plain;
    plain.rank = order.rank;
    std::copy(order.dims.begin(), order.dims.end(), std::begin(plain.dims));
    std::copy(order.strides.begin(), order.strides.end(), std::begin(plain.strides));
    check(kernels::permute(stream_, plain, order.elements(), x, out), "kernel permute");
  }

  void start_clock() override {
    use();
    check(cudaEventRecord(start_, stream_), "cudaEventRecord");
  }
  [[nodiscard]] double stop_clock() override {
    use();
    check(cudaEventRecord(stop_, stream_), "cudaEventRecord");
    check(cudaEventSynchronize(stop_), "cudaEventSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start_, stop_), "cudaEventElapsedTime");
    constexpr double kMilli = 1e-3;
    return static_cast<double>(milliseconds) * kMilli;
  }
  void synchronise() override {
    use();
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
  }

 private:
  // The current device belongs to the calling thread.
  void use() const { check(cudaSetDevice(device_), "cudaSetDevice"); }

  void release() noexcept {
    static_cast<void>(cudaSetDevice(device_));
    if (workspace_ != nullptr) free(workspace_);
    if (handle_ != nullptr) cublaslt().destroy(handle_);
    if (stop_ != nullptr) static_cast<void>(cudaEventDestroy(stop_));
    if (start_ != nullptr) static_cast<void>(cudaEventDestroy(start_));
    if (stream_ != nullptr) static_cast<void>(cudaStreamDestroy(stream_));
  }

  int device_;
  GpuProperties properties_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t stop_ = nullptr;
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
};

// GPUs that CUDA sees; the reason when there is none.
Support count_gpus(int& count) {
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    count = 0;
    return Support::no(fmt::format("no CUDA device: {} (cudaGetDeviceCount: {}, code {})",
                                   cudaGetErrorString(error), cudaGetErrorName(error),
                                   static_cast<int>(error)));
  }
  if (count < 1) return Support::no("no CUDA device: CUDA sees none");
  return Support::yes();
}

}  // namespace

Support gpu_available() {
  int count = 0;
  if (Support gpus = count_gpus(count); !gpus) return gpus;
  if (!cublaslt().problem.empty()) return Support::no(cublaslt().problem);
  return Support::yes();
}

std::shared_ptr<Gpu> open_gpu(int index) {
  int count = 0;
  if (const Support gpus = count_gpus(count); !gpus) {
    throw Error(ErrorCode::not_available, "backend 'cublas' has no GPU: " + gpus.reason);
  }
  if (index < 0 || index >= count) {
    throw Error(
        ErrorCode::not_available,
        fmt::format("there is no GPU {}: this computer has {} (0 to {})", index, count, count - 1));
  }
  if (!cublaslt().problem.empty()) {
    throw Error(ErrorCode::not_available,
                "backend 'cublas' has no cuBLASLt: " + cublaslt().problem);
  }
  return std::make_shared<CudaGpu>(index);
}

}  // namespace jb::cublas
