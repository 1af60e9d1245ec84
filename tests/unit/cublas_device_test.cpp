// The real GPU against the fake one, call by call, and the backend on it: only in builds with CUDA,
// skipped where there is no GPU. Run it under compute-sanitizer as well (ci/pack_gpu.sh).

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "backends/cublas/cublaslt_library.h"
#include "tests/fakes/fake_gpu_device.h"

namespace jb {
namespace {

using cublas::DeviceBuffer;
using cublas::Gpu;
using test::FakeGpu;
using test::random_matrix;

using Floats = std::vector<float>;

Floats random_floats(std::int64_t count, std::uint64_t what) {
  const Matrix<float> x = random_matrix(1, count, what);
  return {x.data(), x.data() + count};
}

DeviceBuffer upload(const std::shared_ptr<Gpu>& gpu, const Floats& values) {
  DeviceBuffer buffer(gpu, values.size() * sizeof(float), "test");
  gpu->upload(buffer.data(), values.data(), buffer.bytes());
  return buffer;
}

template <class T>
std::vector<T> download(Gpu& gpu, const DeviceBuffer& buffer) {
  std::vector<T> values(buffer.bytes() / sizeof(T));
  gpu.download(values.data(), buffer.data(), buffer.bytes());
  return values;
}

// Needs the library of the toolkit that this was built with, but no GPU.
TEST(CublasLtLibrary, HasEveryCallThatIsUsed) {
  const cublas::CublasLt& lt = cublas::cublaslt();
  ASSERT_EQ(lt.problem, "");
  EXPECT_EQ(lt.version() / 10000, static_cast<std::size_t>(CUBLAS_VER_MAJOR));
  try {
    lt.check(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmul");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("cublasLtMatmul failed: "), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("code 15"), std::string::npos) << e.what();
  }
}

class CublasDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    const Support support = cublas::gpu_available();
    if (!support) GTEST_SKIP() << support.reason;
    gpu_ = cublas::open_gpu(0);
  }
  [[nodiscard]] bool has(ElementType precision) const {
    const auto device =
        cublas::make_device(load_device(cublas_backend(), "host-gpu"), precision, gpu_);
    return device->supports({1, 1, 1}, OperandMode::stationary, precision).ok;
  }

  // Runs `kernel` on both GPUs over the same input and compares `count` floats of output.
  // Functions of CUDA are within 2 ulp (Programming Guide, "Mathematical Functions"; erfcf 4), and
  // sums of n terms within n / 2 ulp whatever their order: `ulps` says how many of the largest
  // magnitude that enters.
  using Kernel = std::function<void(Gpu&, const float* x, const float* y, float* out)>;
  void compare(const char* name, const Floats& x, const Floats& y, std::size_t count,
               const Kernel& kernel, double ulps, double magnitude) {
    Floats results[2];
    const std::shared_ptr<Gpu> both[2] = {gpu_, fake_};
    for (int i = 0; i < 2; ++i) {
      const DeviceBuffer in = upload(both[i], x);
      const DeviceBuffer other = upload(both[i], y);
      const DeviceBuffer out = upload(both[i], Floats(count, -77.0F));
      kernel(*both[i], in.floats(), other.floats(), out.floats());
      results[i] = download<float>(*both[i], out);
    }
    const double allowed = ulps * std::numeric_limits<float>::epsilon() * magnitude;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_NEAR(results[0][i], results[1][i], allowed) << name << " at " << i;
    }
  }

  std::shared_ptr<Gpu> gpu_;
  std::shared_ptr<FakeGpu> fake_ = std::make_shared<FakeGpu>();
};

TEST_F(CublasDevice, ReportsItself) {
  const cublas::GpuProperties& p = gpu_->properties();
  EXPECT_FALSE(p.name.empty());
  EXPECT_GE(p.compute_capability, 50);
  EXPECT_GT(p.multiprocessors, 0);
  EXPECT_GT(p.memory_bytes, std::int64_t{1} << 30);
  EXPECT_GT(p.l2_bytes, 0);
  EXPECT_EQ(p.library.rfind("cublasLt-", 0), 0U) << p.library;
}

TEST_F(CublasDevice, RoundsAsTheHostDoes) {
  Floats x = random_floats(20000, 1);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = std::ldexp(x[i], static_cast<int>(i % 61) - 30);  // subnormal to overflowing values
  }
  x[0] = 0;
  x[1] = -0.0F;
  for (const ElementType type : {ElementType::f16, ElementType::bf16}) {
    const DeviceBuffer in = upload(gpu_, x);
    const DeviceBuffer out(gpu_, x.size() * 2, "codes");
    gpu_->convert(in.floats(), out.data(), type, static_cast<std::int64_t>(x.size()));
    const auto codes = download<std::uint16_t>(*gpu_, out);
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(codes[i], cublas::encode16(type, x[i])) << name_of(type) << " of " << x[i];
    }
  }
}

TEST_F(CublasDevice, QuantisesAndRescalesAsTheHostDoes) {
  constexpr std::int64_t kRows = 7;
  constexpr std::int64_t kCols = 1001;
  Floats x = random_floats(kRows * kCols, 2);
  for (std::int64_t j = 0; j < kCols; ++j) x[static_cast<std::size_t>(3 * kCols + j)] = 0;
  for (const ElementType type : {ElementType::s8, ElementType::f8e4m3, ElementType::f8e5m2}) {
    std::vector<std::uint8_t> codes[2];
    Floats scales[2];
    const std::shared_ptr<Gpu> both[2] = {gpu_, fake_};
    for (int i = 0; i < 2; ++i) {
      const DeviceBuffer in = upload(both[i], x);
      const DeviceBuffer out(both[i], 16 * 1008, "codes");
      const DeviceBuffer row_scales(both[i], kRows * sizeof(float), "scales");
      both[i]->quantise_rows(in.floats(), kRows, kCols, type, out.data(), 16, 1008,
                             row_scales.floats());
      codes[i] = download<std::uint8_t>(*both[i], out);
      scales[i] = download<float>(*both[i], row_scales);
    }
    EXPECT_EQ(codes[0], codes[1]) << name_of(type);
    EXPECT_EQ(scales[0], scales[1]) << name_of(type);
  }
  // Sums that floats hold exactly, so both round the same products.
  const Floats sums = {1, 2, 3, -4, 5, 6};
  const Floats scale = {0.1F, 0.7F, 3.3F};
  compare(
      "rescale", sums, scale, 4,
      [](Gpu& gpu, const float* s, const float* f, float* out) {
        gpu.rescale(s, ElementType::f32, 3, f, f + 1, out, 2, 2);
      },
      0, 1);
}

TEST_F(CublasDevice, KernelsAgreeWithTheFake) {
  constexpr std::int64_t kRows = 37;
  constexpr std::int64_t kCols = 1003;
  constexpr std::int64_t kCount = kRows * kCols;
  const Floats x = random_floats(kCount, 3);
  const Floats y = random_floats(kCount, 4);
  const std::size_t count = kCount;
  using cublas::Elementwise;
  for (const Elementwise op : {Elementwise::relu, Elementwise::add, Elementwise::mul,
                               Elementwise::gelu, Elementwise::sigmoid, Elementwise::tanh}) {
    const bool two = op == Elementwise::add || op == Elementwise::mul;
    const bool exact = two || op == Elementwise::relu;
    compare(
        "elementwise", x, y, count,
        [&](Gpu& gpu, const float* a, const float* b, float* out) {
          gpu.elementwise(op, a, two ? b : nullptr, out, kCount);
        },
        exact ? 0 : 8, 8);  // |x| < 6.8 bounds gelu
  }
  compare(
      "softmax", x, y, count,
      [](Gpu& gpu, const float* a, const float*, float* out) { gpu.softmax(a, out, kRows, kCols); },
      kCols, 1e-1);
  compare(
      "layer_norm", x, y, count,
      [](Gpu& gpu, const float* a, const float* b, float* out) {
        gpu.layer_norm(a, b, b + kCols, 1e-5F, out, kRows, kCols);
      },
      kCols, 8);
  compare(
      "add_bias", y, y, count,
      [](Gpu& gpu, const float* a, const float* b, float* out) {
        gpu.elementwise(Elementwise::add, a, b, out, kCount);
        gpu.add_bias(out, b, kRows, kCols);
      },
      0, 1);
}

TEST_F(CublasDevice, PoolingAndLoweringAgreeWithTheFake) {
  const cublas::PoolShape pool{2, 3, 13, 11, 3, 2, 1};
  const Floats x = random_floats(2 * 4 * 13 * 11, 5);
  const auto pooled = static_cast<std::size_t>(6 * pool.out_h() * pool.out_w());
  for (const auto op : {cublas::Pooling::max, cublas::Pooling::average}) {
    compare(
        "pool", x, x, pooled,
        [&](Gpu& gpu, const float* a, const float*, float* out) { gpu.pool(op, pool, a, out); },
        op == cublas::Pooling::max ? 0 : 9, 8);
  }
  ConvShape conv;
  conv.images = 2;
  conv.in_channels = 4;
  conv.height = 13;
  conv.width = 11;
  conv.out_channels = 6;
  conv.kernel_h = 3;
  conv.kernel_w = 2;
  conv.stride = 2;
  conv.pad = 2;
  conv.dilation = 2;
  conv.groups = 2;
  const GemmShape gemm = conv.gemm();
  for (const std::int64_t group : {0, 1}) {
    compare(
        "im2col", x, x, static_cast<std::size_t>(gemm.m * gemm.k),
        [&](Gpu& gpu, const float* a, const float*, float* out) {
          gpu.im2col(conv, group, a, out);
        },
        0, 1);
  }
}

TEST_F(CublasDevice, ReordersAsTheHostDoes) {
  const Floats x = random_floats(2 * 3 * 5 * 7, 9);
  cublas::Permutation order;  // (2, 3, 5, 7) read as (5, 2, 7, 3)
  order.rank = 4;
  order.dims = {5, 2, 7, 3};
  order.strides = {7, 105, 1, 35};
  compare(
      "permute", x, x, x.size(),
      [&](Gpu& gpu, const float* a, const float*, float* out) { gpu.permute(order, a, out); }, 0,
      1);
}

TEST_F(CublasDevice, ProductsInEveryPrecisionAndDirection) {
  for (const ElementType precision : test::cublas_precisions()) {
    if (!has(precision)) continue;
    const auto device =
        cublas::make_device(load_device(cublas_backend(), "host-gpu"), precision, gpu_);
    for (const GemmShape shape : {GemmShape{1, 1, 1}, GemmShape{3, 17, 33}, GemmShape{64, 100, 784},
                                  GemmShape{129, 257, 511}}) {
      const Matrix<float> a = random_matrix(shape.m, shape.k, 1);
      const Matrix<float> b = random_matrix(shape.k, shape.n, 2);
      const Matrix<float> g = random_matrix(shape.m, shape.n, 3);
      const auto plan = device->plan(shape, b.view(), OperandMode::stationary, {});
      Matrix<float> c(shape.m, shape.n);
      plan->execute(a.view(), c.view());
      EXPECT_EQ(test::product_mismatch(precision, a.view(), b.view(), c.view()), "")
          << to_string(shape) << " by " << plan->implementation();
      Matrix<float> d(shape.m, shape.k);
      plan->execute(g.view(), d.view(), {}, Direction::transposed);
      EXPECT_EQ(test::product_mismatch(precision, g.view(), b.view().transposed(), d.view()), "")
          << to_string(shape) << " transposed by " << plan->implementation();
    }
  }
}

// 50 small products in one call, strides that break the 256-byte alignment.
TEST_F(CublasDevice, AStridedBatchAgreesWithTheFake) {
  cublas::GemmDescription gemm;
  gemm.shape = {5, 3, 7};
  gemm.a_leading = 7;
  gemm.b_leading = gemm.c_leading = 3;
  gemm.batch = 50;
  gemm.a_stride = 5 * 7;
  gemm.b_stride = 7 * 3;
  gemm.c_stride = 5 * 3;
  const Floats a = random_floats(50 * 35, 6);
  const Floats b = random_floats(50 * 21, 7);
  // Sums of 7 products of normals below 6.8.
  compare(
      "batch", a, b, 50 * 15,
      [&](Gpu& gpu, const float* x, const float* y, float* out) {
        gpu.multiply(*gpu.prepare(gemm), x, y, out);
      },
      7, 7 * 6.8 * 6.8);
}

TEST_F(CublasDevice, TimesWarmAndColdProducts) {
  const auto device =
      cublas::make_device(load_device(cublas_backend(), "host-gpu"), ElementType::f32, gpu_);
  const GemmShape shape{256, 512, 512};
  const Matrix<float> a = random_matrix(shape.m, shape.k, 1);
  const Matrix<float> b = random_matrix(shape.k, shape.n, 2);
  Matrix<float> c(shape.m, shape.n);
  const auto plan = device->plan(shape, b.view(), OperandMode::stationary, {});
  plan->execute(a.view(), c.view());
  for (const bool cold : {false, true}) {
    const auto times = plan->time_on_device({1e-3, 1e-3, 3, cold});
    ASSERT_TRUE(times.has_value());
    ASSERT_EQ(times->times_s.size(), 3U);
    for (const double t : times->times_s) EXPECT_GT(t, 0);
  }
}

TEST_F(CublasDevice, ErrorsNameTheCallAndItsCode) {
  const auto more = static_cast<std::size_t>(gpu_->properties().memory_bytes) * 2;
  try {
    const DeviceBuffer buffer(gpu_, more, "a test");
    FAIL() << "allocated twice the memory there is";
  } catch (const Error& e) {
    const std::string text = e.what();
    EXPECT_EQ(e.code(), ErrorCode::internal);
    EXPECT_NE(text.find("cudaMalloc"), std::string::npos) << text;
    EXPECT_NE(text.find("code 2"), std::string::npos) << text;
  }
  EXPECT_NO_THROW(gpu_->synchronise()) << "the error must not stay behind";
  EXPECT_THROW(cublas::open_gpu(10000), Error);
}

}  // namespace
}  // namespace jb
