#pragma once
// A GPU in host memory: does everything that the seam asks, bit by bit as backends/cublas/
// number_formats.h defines it, and keeps book. It refuses host pointers where device pointers
// belong (and the other way round) and accesses beyond an allocation, can fail at the n-th call and
// run out of memory.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/cublas/gpu_api.h"
#include "tests/fakes/fake_gpu_kernels.h"

namespace jb::test {

/// What went through the seam; to be reset by assignment.
struct GpuBook {
  int allocations = 0;
  int uploads = 0;
  int downloads = 0;
  int fills = 0;
  int products = 0;
  int prepared = 0;
  int kernels = 0;
  std::size_t uploaded_bytes = 0;
  std::size_t downloaded_bytes = 0;
  std::vector<std::string> events;  ///< "fill", "start", "multiply", "stop", in order
};

class FakePrepared final : public cublas::PreparedGemm {
 public:
  explicit FakePrepared(cublas::GemmDescription gemm) : gemm_(gemm) {}
  [[nodiscard]] const cublas::GemmDescription& description() const override { return gemm_; }
  [[nodiscard]] std::string algorithm() const override { return "algo0"; }

 private:
  cublas::GemmDescription gemm_;
};

class FakeGpu final : public cublas::Gpu {
 public:
  FakeGpu() {
    properties_.name = "Fake GPU";
    properties_.library = "fakeblas 1.0";
    properties_.compute_capability = 90;
    properties_.multiprocessors = 132;
    properties_.memory_bytes = std::int64_t{1} << 30;
    properties_.l2_bytes = 1 << 16;
    properties_.clock_Hz = 1.8e9;
    properties_.bandwidth_bytes_per_s = 3e12;
  }
  ~FakeGpu() override = default;

  GpuBook book;
  /// The call (counted from 1 after this is set) that fails; 0: none.
  void fail_call(int number) {
    fail_at_ = number;
    calls_ = 0;
  }
  [[nodiscard]] int calls() const { return calls_; }
  void set_memory(std::int64_t bytes) { properties_.memory_bytes = bytes; }
  void set_capability(int capability) { properties_.compute_capability = capability; }
  /// Seconds that every product takes on the fake's clock.
  void set_product_time(double seconds) { product_s_ = seconds; }
  [[nodiscard]] std::size_t live_allocations() const { return blocks_.size(); }

  [[nodiscard]] const cublas::GpuProperties& properties() const override { return properties_; }

  [[nodiscard]] void* allocate(std::size_t bytes, const char* what) override {
    call("allocate");
    if (bytes == 0) fail_internal("the fake GPU was asked for no bytes for {}", what);
    if (used_ + bytes > static_cast<std::size_t>(properties_.memory_bytes)) {
      fail_internal("allocate failed: {} bytes for {}: out of memory (code 2)", bytes, what);
    }
    // Noise, so that what is read before it is written shows.
    auto block = std::make_unique<unsigned char[]>(bytes);
    std::memset(block.get(), 0x7E, bytes);
    void* data = block.get();
    blocks_.emplace(data, Block{std::move(block), bytes});
    used_ += bytes;
    ++book.allocations;
    return data;
  }
  void free(void* device) noexcept override {
    const auto found = blocks_.find(device);
    if (found == blocks_.end()) std::abort();  // a double free is a defect that no test may survive
    used_ -= found->second.bytes;
    blocks_.erase(found);
  }
  void upload(void* device, const void* host, std::size_t bytes) override {
    call("upload");
    on_device(device, bytes, "upload");
    on_host(host, "upload");
    std::memcpy(device, host, bytes);
    ++book.uploads;
    book.uploaded_bytes += bytes;
  }
  void download(void* host, const void* device, std::size_t bytes) override {
    call("download");
    on_device(device, bytes, "download");
    on_host(host, "download");
    std::memcpy(host, device, bytes);
    ++book.downloads;
    book.downloaded_bytes += bytes;
  }
  void fill(void* device, std::uint8_t byte, std::size_t bytes) override {
    call("fill");
    on_device(device, bytes, "fill");
    std::memset(device, byte, bytes);
    ++book.fills;
    book.events.emplace_back("fill");
  }

  [[nodiscard]] std::unique_ptr<cublas::PreparedGemm> prepare(
      const cublas::GemmDescription& gemm) override {
    call("prepare");
    ++book.prepared;
    fake::check_description(gemm);
    return std::make_unique<FakePrepared>(gemm);
  }
  void multiply(const cublas::PreparedGemm& gemm, const void* a, const void* b, void* c) override {
    call("multiply");
    const cublas::GemmDescription& d = gemm.description();
    const auto each = static_cast<std::size_t>(bytes_of(d.precision));
    const std::int64_t last = d.batch - 1;
    on_device(a, each * fake::extent(last * d.a_stride, d.shape.m, d.a_leading, d.shape.k), "A");
    on_device(b,
              each * (d.b_transposed
                          ? fake::extent(last * d.b_stride, d.shape.n, d.b_leading, d.shape.k)
                          : fake::extent(last * d.b_stride, d.shape.k, d.b_leading, d.shape.n)),
              "B");
    on_device(c, 4 * fake::extent(last * d.c_stride, d.shape.m, d.c_leading, d.shape.n), "C");
    for (std::int64_t i = 0; i < d.batch; ++i) {
      fake::multiply(d, fake::offset(a, i * d.a_stride * bytes_of(d.precision)),
                     fake::offset(b, i * d.b_stride * bytes_of(d.precision)),
                     fake::offset(c, i * d.c_stride * 4));
    }
    ++book.products;
    book.events.emplace_back("multiply");
    now_s_ += product_s_;
  }

  void convert(const float* x, void* out, ElementType type, std::int64_t count) override {
    kernel("convert");
    floats(x, count);
    on_device(out, static_cast<std::size_t>(count) * 2, "convert");
    auto* codes = static_cast<std::uint16_t*>(out);
    for (std::int64_t i = 0; i < count; ++i) codes[i] = cublas::encode16(type, x[i]);
  }
  void quantise_rows(const float* x, std::int64_t rows, std::int64_t cols, ElementType type,
                     void* out, std::int64_t padded_rows, std::int64_t padded_cols,
                     float* scales) override {
    kernel("quantise_rows");
    floats(x, rows * cols);
    floats(scales, rows);
    on_device(out, static_cast<std::size_t>(padded_rows * padded_cols), "quantise_rows");
    fake::quantise_rows(x, rows, cols, type, static_cast<std::uint8_t*>(out), padded_rows,
                        padded_cols, scales);
  }
  void rescale(const void* x, ElementType type, std::int64_t leading, const float* row_scales,
               const float* col_scales, float* out, std::int64_t rows, std::int64_t cols) override {
    kernel("rescale");
    on_device(x, 4 * fake::extent(0, rows, leading, cols), "rescale");
    floats(row_scales, rows);
    floats(col_scales, cols);
    floats(out, rows * cols);
    fake::rescale(x, type, leading, row_scales, col_scales, out, rows, cols);
  }
  void add_bias(float* x, const float* bias, std::int64_t rows, std::int64_t cols) override {
    kernel("add_bias");
    floats(x, rows * cols);
    floats(bias, cols);
    for (std::int64_t i = 0; i < rows * cols; ++i) x[i] += bias[i % cols];
  }
  void elementwise(cublas::Elementwise op, const float* x, const float* y, float* out,
                   std::int64_t count) override {
    kernel("elementwise");
    floats(x, count);
    floats(out, count);
    if (y != nullptr) floats(y, count);
    for (std::int64_t i = 0; i < count; ++i) {
      out[i] = fake::elementwise(op, x[i], y != nullptr ? y[i] : 0);
    }
  }
  void softmax(const float* x, float* out, std::int64_t rows, std::int64_t cols) override {
    kernel("softmax");
    floats(x, rows * cols);
    floats(out, rows * cols);
    for (std::int64_t i = 0; i < rows; ++i) fake::softmax_row(x + i * cols, out + i * cols, cols);
  }
  void layer_norm(const float* x, const float* gamma, const float* beta, float epsilon, float* out,
                  std::int64_t rows, std::int64_t cols) override {
    kernel("layer_norm");
    floats(x, rows * cols);
    floats(gamma, cols);
    floats(beta, cols);
    floats(out, rows * cols);
    for (std::int64_t i = 0; i < rows; ++i) {
      fake::layer_norm_row(x + i * cols, gamma, beta, epsilon, out + i * cols, cols);
    }
  }
  void pool(cublas::Pooling op, const cublas::PoolShape& s, const float* x, float* out) override {
    kernel("pool");
    floats(x, s.images * s.channels * s.height * s.width);
    floats(out, s.images * s.channels * s.out_h() * s.out_w());
    fake::pool(op, s, x, out);
  }
  void im2col(const ConvShape& shape, std::int64_t group, const float* x, float* out) override {
    kernel("im2col");
    floats(x, shape.images * shape.in_channels * shape.height * shape.width);
    const ConvLowering<float> lowering(shape, x, group);
    floats(out, lowering.rows() * lowering.cols());
    lowering.gather(0, {out, lowering.rows(), lowering.cols(), lowering.cols(), 1});
  }
  void permute(const cublas::Permutation& order, const float* x, float* out) override {
    kernel("permute");
    std::int64_t last = 0;  // the furthest element that is read
    for (int d = 0; d < order.rank; ++d) {
      const auto i = static_cast<std::size_t>(d);
      last += (order.dims[i] - 1) * order.strides[i];
    }
    floats(x, last + 1);
    floats(out, order.elements());
    fake::permute(order, x, out);
  }

  void start_clock() override {
    call("start_clock");
    started_s_ = now_s_;
    book.events.emplace_back("start");
  }
  [[nodiscard]] double stop_clock() override {
    call("stop_clock");
    book.events.emplace_back("stop");
    return now_s_ - started_s_;
  }
  void synchronise() override { call("synchronise"); }

 private:
  struct Block {
    std::unique_ptr<unsigned char[]> data;
    std::size_t bytes = 0;
  };

  void call(const char* name) {
    if (++calls_ == fail_at_) fail_internal("{} failed: made to fail (code 999)", name);
  }
  void kernel(const char* name) {
    call(name);
    ++book.kernels;
  }
  void floats(const float* x, std::int64_t count) const {
    on_device(x, static_cast<std::size_t>(count) * sizeof(float), "a kernel");
  }
  // Whether the allocation that `pointer` lies in holds `bytes` from there.
  void on_device(const void* pointer, std::size_t bytes, const char* what) const {
    const auto* p = static_cast<const unsigned char*>(pointer);
    for (const auto& [base, block] : blocks_) {
      const auto* start = static_cast<const unsigned char*>(base);
      if (p < start || p >= start + block.bytes) continue;
      if (bytes <= block.bytes - static_cast<std::size_t>(p - start)) return;
      fail_internal("{}: {} bytes go beyond the device allocation", what, bytes);
    }
    fail_internal("{}: no device pointer", what);
  }
  void on_host(const void* pointer, const char* what) const {
    const auto* p = static_cast<const unsigned char*>(pointer);
    for (const auto& [base, block] : blocks_) {
      const auto* start = static_cast<const unsigned char*>(base);
      if (p >= start && p < start + block.bytes) fail_internal("{}: no host pointer", what);
    }
  }

  cublas::GpuProperties properties_;
  std::map<void*, Block> blocks_;
  std::size_t used_ = 0;
  int calls_ = 0;
  int fail_at_ = 0;
  double now_s_ = 0;
  double started_s_ = 0;
  double product_s_ = 1e-5;
};

}  // namespace jb::test
