// Memory of tensors that is used again.

#include "backends/core/tensor_storage.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>

#include "backends/core/tensor.h"

namespace jb {
namespace {

constexpr std::int64_t kLarge = 1 << 20;  // elements: far above what a pool leaves alone

TEST(TensorStorage, FreedMemoryIsTakenAgainInsideTheScope) {
  const StoragePool pool;
  const void* first = nullptr;
  const void* second = nullptr;
  {
    const StoragePool::Scope scope(pool);
    first = Tensor::unwritten(DataType::f32, {kLarge}).raw();
    EXPECT_EQ(Tensor::unwritten(DataType::f32, {kLarge - 5}).raw(), first);
    const Tensor held = Tensor::unwritten(DataType::f32, {kLarge});
    EXPECT_EQ(held.raw(), first);
    second = Tensor::unwritten(DataType::f32, {kLarge}).raw();
    EXPECT_NE(second, first);
    // A piece more than twice as large as needed waits for who needs it.
    EXPECT_NE(Tensor::unwritten(DataType::f32, {kLarge / 4}).raw(), first);
  }
  const StoragePool::Scope again(pool);
  const void* const third = Tensor::unwritten(DataType::f32, {kLarge}).raw();
  EXPECT_TRUE(third == first || third == second);
}

TEST(TensorStorage, TensorsAreZeroedInUsedMemoryToo) {
  const StoragePool pool;
  const StoragePool::Scope scope(pool);
  {
    Tensor tensor(DataType::f32, {kLarge});
    for (float& x : tensor.as_mutable<float>()) x = 7;
  }
  const Tensor tensor(DataType::f32, {kLarge});
  for (const float x : tensor.as<float>()) ASSERT_EQ(x, 0);
}

TEST(TensorStorage, TensorsOutliveScopeAndPoolAndMayEndOnAnotherThread) {
  Tensor kept;
  {
    const StoragePool pool;
    const StoragePool::Scope scope(pool);
    kept = Tensor(DataType::f32, {kLarge});
    kept.as_mutable<float>()[kLarge - 1] = 3;
  }
  std::thread([tensor = std::exchange(kept, Tensor())]() mutable {
    EXPECT_EQ(tensor.as<float>()[kLarge - 1], 3);
    tensor = Tensor();
  }).join();
}

TEST(TensorStorage, SharedTensorsAreCopiedBeforeTheyAreWritten) {
  const StoragePool pool;
  const StoragePool::Scope scope(pool);
  Tensor a(DataType::f32, {kLarge});
  Tensor b = a;
  b.as_mutable<float>()[0] = 1;
  EXPECT_EQ(a.as<float>()[0], 0);
  EXPECT_NE(a.raw(), b.raw());
}

}  // namespace
}  // namespace jb
