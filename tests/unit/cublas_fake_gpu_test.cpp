// The fake GPU itself: what it must refuse for the other tests to mean something, the products of a
// strided batch, and its kernels against values worked out by hand.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/fakes/fake_gpu_device.h"

namespace jb {
namespace {

using cublas::DeviceBuffer;
using test::FakeGpu;

DeviceBuffer upload(const std::shared_ptr<FakeGpu>& gpu, const std::vector<float>& values) {
  DeviceBuffer buffer(gpu, values.size() * sizeof(float), "test");
  gpu->upload(buffer.data(), values.data(), buffer.bytes());
  return buffer;
}

std::vector<float> download(FakeGpu& gpu, const DeviceBuffer& buffer, std::size_t count) {
  std::vector<float> values(count);
  gpu.download(values.data(), buffer.data(), count * sizeof(float));
  return values;
}

class FakeGpuTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakeGpu> gpu_ = std::make_shared<FakeGpu>();
};

TEST_F(FakeGpuTest, RefusesPointersOfTheOtherSideAndAccessesBeyondAnAllocation) {
  const DeviceBuffer buffer = upload(gpu_, {1, 2, 3, 4});
  std::vector<float> host(8);
  EXPECT_THROW(gpu_->upload(host.data(), host.data(), 4), Error);
  EXPECT_THROW(gpu_->upload(buffer.data(), buffer.data(), 4), Error);
  EXPECT_THROW(gpu_->download(host.data(), host.data(), 4), Error);
  EXPECT_THROW(gpu_->download(host.data(), buffer.data(), 17), Error);
  EXPECT_THROW(gpu_->add_bias(buffer.floats(), host.data(), 2, 2), Error);
  EXPECT_THROW(
      gpu_->elementwise(cublas::Elementwise::relu, buffer.floats(), nullptr, buffer.floats(), 5),
      Error);
  EXPECT_NO_THROW(gpu_->download(host.data(), buffer.data(), 16));
}

TEST_F(FakeGpuTest, FailsAtTheCallThatItIsToldToAndRunsOutOfMemory) {
  gpu_->fail_call(2);
  DeviceBuffer first(gpu_, 16, "test");
  EXPECT_THROW(DeviceBuffer(gpu_, 16, "test"), Error);
  EXPECT_NO_THROW(DeviceBuffer(gpu_, 16, "test"));
  gpu_->set_memory(20);
  EXPECT_THROW(DeviceBuffer(gpu_, 5, "test"), Error);
  EXPECT_EQ(gpu_->live_allocations(), 1U);
}

TEST_F(FakeGpuTest, RefusesByteSizedProductsThatCublasLtRefuses) {
  cublas::GemmDescription gemm;
  gemm.shape = {16, 16, 20};
  gemm.precision = ElementType::s8;
  gemm.b_transposed = true;
  gemm.a_leading = gemm.b_leading = 20;
  gemm.c_leading = 16;
  EXPECT_THROW(static_cast<void>(gpu_->prepare(gemm)), Error);
}

// Three products of 2 x 2 with A shared: C_i = A B_i.
TEST_F(FakeGpuTest, AStridedBatchIsManyProductsInOneCall) {
  cublas::GemmDescription gemm;
  gemm.shape = {2, 2, 2};
  gemm.a_leading = gemm.b_leading = gemm.c_leading = 2;
  gemm.batch = 3;
  gemm.a_stride = 0;
  gemm.b_stride = gemm.c_stride = 4;
  const DeviceBuffer a = upload(gpu_, {1, 2, 3, 4});
  const DeviceBuffer b = upload(gpu_, {1, 0, 0, 1, 0, 1, 1, 0, 2, 0, 0, 3});
  const DeviceBuffer c(gpu_, 12 * sizeof(float), "C");
  const auto prepared = gpu_->prepare(gemm);
  gpu_->multiply(*prepared, a.data(), b.data(), c.data());
  EXPECT_EQ(download(*gpu_, c, 12), (std::vector<float>{1, 2, 3, 4, 2, 1, 4, 3, 2, 6, 6, 12}));
  EXPECT_EQ(gpu_->book.products, 1);
}

TEST_F(FakeGpuTest, KernelsByHand) {
  const DeviceBuffer x = upload(gpu_, {-1, 0, 2, 3});
  const DeviceBuffer y = upload(gpu_, {10, 20, 30, 40});
  const DeviceBuffer out(gpu_, 4 * sizeof(float), "out");
  gpu_->elementwise(cublas::Elementwise::relu, x.floats(), nullptr, out.floats(), 4);
  EXPECT_EQ(download(*gpu_, out, 4), (std::vector<float>{0, 0, 2, 3}));
  gpu_->elementwise(cublas::Elementwise::add, x.floats(), y.floats(), out.floats(), 4);
  EXPECT_EQ(download(*gpu_, out, 4), (std::vector<float>{9, 20, 32, 43}));
  gpu_->elementwise(cublas::Elementwise::mul, x.floats(), y.floats(), out.floats(), 4);
  EXPECT_EQ(download(*gpu_, out, 4), (std::vector<float>{-10, 0, 60, 120}));
  gpu_->softmax(x.floats(), out.floats(), 2, 2);
  const float low = 1 / (1 + std::exp(1.0F));
  const std::vector<float> soft = download(*gpu_, out, 4);
  EXPECT_FLOAT_EQ(soft[0], low);
  EXPECT_FLOAT_EQ(soft[3], 1 - low);
  // Rows of two values -1 and 0, 2 and 3: normalised to -1 and 1, then times 10 and 20, plus y.
  gpu_->layer_norm(x.floats(), y.floats(), y.floats(), 0, out.floats(), 2, 2);
  EXPECT_EQ(download(*gpu_, out, 4), (std::vector<float>{0, 40, 0, 40}));
  const cublas::PoolShape window{1, 1, 2, 2, 2, 1, 1};  // 3 x 3 windows of which corners see one
  const DeviceBuffer pooled(gpu_, 9 * sizeof(float), "out");
  gpu_->pool(cublas::Pooling::max, window, x.floats(), pooled.floats());
  EXPECT_EQ(download(*gpu_, pooled, 9), (std::vector<float>{-1, 0, 0, 2, 3, 3, 2, 3, 3}));
  gpu_->pool(cublas::Pooling::average, window, x.floats(), pooled.floats());
  EXPECT_EQ(download(*gpu_, pooled, 9),
            (std::vector<float>{-1, -0.5F, 0, 0.5F, 1, 1.5F, 2, 2.5F, 3}));
}

}  // namespace
}  // namespace jb
