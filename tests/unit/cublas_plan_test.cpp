// Plans of the backend 'cublas' on a fake GPU: products in every precision, what crosses to the GPU
// and back, errors, memory, timing.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "backends/energy/ledger.h"
#include "tests/fakes/fake_gpu_device.h"

namespace jb {
namespace {

using test::FakeMachine;
using test::GpuBook;
using test::product_mismatch;
using test::random_matrix;

std::unique_ptr<Plan> stationary(const FakeMachine& machine, const Matrix<float>& b,
                                 std::int64_t m) {
  return machine.device->plan({m, b.cols(), b.rows()}, b.view(), OperandMode::stationary, {});
}

TEST(CublasPlan, ComputesBothDirectionsInEveryPrecision) {
  for (const ElementType precision : test::cublas_precisions()) {
    const FakeMachine machine(precision);
    for (const GemmShape shape : {GemmShape{1, 1, 1}, GemmShape{3, 17, 33}, GemmShape{16, 32, 48},
                                  GemmShape{5, 10, 100}, GemmShape{40, 3, 7}}) {
      const Matrix<float> b = random_matrix(shape.k, shape.n, 2);
      const auto plan = stationary(machine, b, shape.m);
      const Matrix<float> a = random_matrix(shape.m, shape.k, 1);
      Matrix<float> c(shape.m, shape.n);
      plan->execute(a.view(), c.view());
      EXPECT_EQ(product_mismatch(precision, a.view(), b.view(), c.view()), "") << to_string(shape);

      const Matrix<float> g = random_matrix(shape.m, shape.n, 3);
      Matrix<float> d(shape.m, shape.k);
      plan->execute(g.view(), d.view(), {}, Direction::transposed);
      EXPECT_EQ(product_mismatch(precision, g.view(), b.view().transposed(), d.view()), "")
          << to_string(shape) << " transposed";
      EXPECT_TRUE(plan->resident());
      EXPECT_EQ(plan->implementation(),
                "fakeblas 1.0/" + std::string(name_of(precision)) + "/algo0");
    }
  }
}

// Integers whose largest is 127 are their own codes, so the product is exact.
TEST(CublasPlan, IntegersAreExactInS8) {
  const FakeMachine machine(ElementType::s8);
  Matrix<float> a(3, 40);
  Matrix<float> b(40, 5);
  const auto value = [](std::int64_t i, std::int64_t j) {
    return static_cast<float>((37 * i + 11 * j) % 255 - 127);
  };
  for (std::int64_t p = 0; p < 40; ++p) {
    for (std::int64_t i = 0; i < 3; ++i) a(i, p) = p == 0 ? 127.0F : value(i, p);
    for (std::int64_t j = 0; j < 5; ++j) b(p, j) = p == 0 ? -127.0F : value(p, j);
  }
  Matrix<float> c(3, 5);
  stationary(machine, b, 3)->execute(a.view(), c.view());
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      std::int64_t sum = 0;
      for (std::int64_t p = 0; p < 40; ++p) {
        sum += static_cast<std::int64_t>(a(i, p)) * static_cast<std::int64_t>(b(p, j));
      }
      EXPECT_EQ(c(i, j), static_cast<float>(sum));
    }
  }
}

TEST(CublasPlan, CuttingARowsChangesNothing) {
  for (const ElementType precision : test::cublas_precisions()) {
    const FakeMachine machine(precision);
    const Matrix<float> b = random_matrix(30, 20, 2);
    const Matrix<float> a = random_matrix(9, 30, 1);
    const auto plan = stationary(machine, b, 9);
    Matrix<float> whole(9, 20);
    Matrix<float> parts(9, 20);
    plan->execute(a.view(), whole.view());
    plan->execute(a.view().block(0, 0, 4, 30), parts.view().block(0, 0, 4, 20));
    plan->execute(a.view().block(4, 0, 5, 30), parts.view().block(4, 0, 5, 20));
    for (std::int64_t i = 0; i < whole.size(); ++i) {
      ASSERT_EQ(whole.data()[i], parts.data()[i]) << name_of(precision);
    }
  }
}

TEST(CublasPlan, TakesStridedAndDoubleOperands) {
  const FakeMachine machine;
  const Matrix<float> b = random_matrix(6, 4, 2);
  const auto plan = stationary(machine, b, 3);
  const Matrix<float> a_transposed = random_matrix(6, 3, 1);
  Matrix<float> c_wide(3, 9);
  plan->execute(a_transposed.view().transposed(), c_wide.view().block(0, 2, 3, 4));
  EXPECT_EQ(product_mismatch(ElementType::f32, a_transposed.view().transposed(), b.view(),
                             std::as_const(c_wide).view().block(0, 2, 3, 4)),
            "");
  EXPECT_EQ(c_wide(1, 1), 0) << "written beside C";
  EXPECT_EQ(c_wide(1, 6), 0) << "written beside C";

  const Matrix<double> a64 = copy_as<double>(ConstMatrixRef(a_transposed.view().transposed()));
  Matrix<double> c64(3, 4);
  plan->execute(a64.view(), c64.view());
  for (std::int64_t j = 0; j < 4; ++j) {
    EXPECT_EQ(c64(2, j), static_cast<double>(c_wide(2, 2 + j)));
  }
}

TEST(CublasPlan, WeightsAreUploadedOnceAndStay) {
  for (const ElementType precision : test::cublas_precisions()) {
    const FakeMachine machine(precision);
    const Matrix<float> b = random_matrix(64, 48, 2);
    const auto plan = stationary(machine, b, 8);
    EXPECT_GE(machine.gpu->book.uploaded_bytes,
              static_cast<std::size_t>(64 * 48 * bytes_of(precision)));
    const Matrix<float> a = random_matrix(8, 64, 1);
    Matrix<float> c(8, 48);
    for (int i = 0; i < 3; ++i) {
      machine.gpu->book = {};
      plan->execute(a.view(), c.view());
      // A goes up and C comes down, as f32, and nothing else.
      EXPECT_EQ(machine.gpu->book.uploads, 1) << name_of(precision);
      EXPECT_EQ(machine.gpu->book.uploaded_bytes, 8U * 64 * 4) << name_of(precision);
      EXPECT_EQ(machine.gpu->book.downloaded_bytes, 8U * 48 * 4) << name_of(precision);
      EXPECT_EQ(machine.gpu->book.prepared, 0) << "the algorithm is chosen with the plan";
      if (i > 0) {
        EXPECT_EQ(machine.gpu->book.allocations, 0) << name_of(precision);
      }
    }
  }
}

TEST(CublasPlan, UpdateAddsToTheStoredOperandInBothDirections) {
  for (const ElementType precision : {ElementType::f32, ElementType::bf16, ElementType::s8}) {
    const FakeMachine machine(precision);
    Matrix<float> b = random_matrix(12, 7, 2);
    const auto plan = stationary(machine, b, 4);
    const Matrix<float> g = random_matrix(4, 7, 1);
    Matrix<float> d(4, 12);
    plan->execute(g.view(), d.view(), {}, Direction::transposed);
    const Matrix<float> delta = random_matrix(12, 7, 5);
    const Activity cost = plan->update(delta.view());
    EXPECT_GT(price(cost, machine.device->prices()).dram_bytes(), 0);
    for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] += delta.data()[i];
    plan->execute(g.view(), d.view(), {}, Direction::transposed);
    EXPECT_EQ(product_mismatch(precision, g.view(), b.view().transposed(), d.view()), "");
    const Matrix<float> a = random_matrix(4, 12, 1);
    Matrix<float> c(4, 7);
    plan->execute(a.view(), c.view());
    EXPECT_EQ(product_mismatch(precision, a.view(), b.view(), c.view()), "");
  }
}

TEST(CublasPlan, EmptyOperandsNeedNoGpu) {
  const FakeMachine machine;
  const auto deep =
      machine.device->plan({2, 3, 0}, Matrix<float>(0, 3).view(), OperandMode::stationary, {});
  Matrix<float> c(2, 3);
  c(1, 2) = 7;
  deep->execute(Matrix<float>(2, 0).view(), c.view());
  EXPECT_EQ(c(1, 2), 0) << "a sum of no terms";
  const auto wide = stationary(machine, random_matrix(4, 3, 2), 2);
  Matrix<float> none(0, 3);
  EXPECT_NO_THROW(wide->execute(Matrix<float>(0, 4).view(), none.view()));
  EXPECT_EQ(machine.gpu->book.products, 0);
}

TEST(CublasPlan, CountsAreThoseOfTheEstimate) {
  const FakeMachine machine(ElementType::f16);
  const Matrix<float> b = random_matrix(20, 10, 2);
  for (const OperandMode mode : {OperandMode::stationary, OperandMode::dynamic}) {
    const GemmShape shape{6, 10, 20};
    const auto plan = machine.device->plan(shape, b.view(), mode, {});
    Matrix<float> c(6, 10);
    const Matrix<float> a = random_matrix(6, 20, 1);
    const Execution run = plan->execute(a.view(), c.view());
    const PriceTable& prices = machine.device->prices();
    EXPECT_EQ(price(run.activity, prices).total_J(),
              price(machine.device->estimate(shape, mode, {}), prices).total_J());
    EXPECT_EQ(price(plan->setup(), prices).total_J(),
              price(machine.device->estimate_setup(shape, mode), prices).total_J());
    EXPECT_EQ(plan->resident(), mode == OperandMode::stationary);
  }
}

// Each call in turn fails: the error names it, nothing is left on the GPU, and the next try works.
TEST(CublasPlan, EveryFailingCallIsReportedAndLeavesNothingBehind) {
  for (const ElementType precision : {ElementType::f32, ElementType::f16, ElementType::f8e4m3}) {
    FakeMachine machine(precision);
    const Matrix<float> b = random_matrix(20, 10, 2);
    const Matrix<float> a = random_matrix(4, 20, 1);
    Matrix<float> c(4, 10);
    int failures = 0;
    for (int n = 1;; ++n) {
      machine.gpu->fail_call(n);
      try {
        stationary(machine, b, 4)->execute(a.view(), c.view());
        break;
      } catch (const Error& e) {
        ++failures;
        EXPECT_EQ(e.code(), ErrorCode::internal);
        EXPECT_NE(std::string(e.what()).find("failed: made to fail (code 999)"), std::string::npos)
            << e.what();
      }
      ASSERT_EQ(machine.gpu->live_allocations(), 0U) << "after call " << n;
      ASSERT_LT(n, 100);
    }
    // At least: allocate and upload B, prepare, allocate and upload A, allocate C, multiply,
    // download.
    EXPECT_GE(failures, 8);
    EXPECT_EQ(product_mismatch(precision, a.view(), b.view(), c.view()), "");
    EXPECT_EQ(machine.gpu->live_allocations(), 0U);
  }
}

// A plan survives an execute that failed.
TEST(CublasPlan, ComputesAgainAfterAFailedExecute) {
  FakeMachine machine(ElementType::s8);
  const Matrix<float> b = random_matrix(20, 10, 2);
  const Matrix<float> a = random_matrix(4, 20, 1);
  Matrix<float> c(4, 10);
  const auto plan = stationary(machine, b, 4);
  for (int n = 1; n < 100; ++n) {
    machine.gpu->fail_call(n);
    try {
      plan->execute(a.view(), c.view());
      ASSERT_GT(n, 3);
      break;
    } catch (const Error&) {
      EXPECT_FALSE(plan->time_on_device({0, 0, 1, false}).has_value()) << "after call " << n;
    }
  }
  machine.gpu->fail_call(0);
  plan->execute(a.view(), c.view());
  EXPECT_EQ(product_mismatch(ElementType::s8, a.view(), b.view(), c.view()), "");
}

TEST(CublasPlan, WhatDoesNotFitIsRefusedBeforeItIsTried) {
  const auto gpu = std::make_shared<test::FakeGpu>();
  gpu->set_memory(4096);
  const auto device =
      cublas::make_device(load_device(cublas_backend(), "host-gpu"), ElementType::f32, gpu);
  const GemmShape shape{32, 32, 32};  // 3 x 4 KiB
  const Support support = device->supports(shape, OperandMode::stationary, ElementType::f32);
  EXPECT_FALSE(support.ok);
  EXPECT_NE(support.reason.find("memory"), std::string::npos) << support.reason;
  EXPECT_THROW(device->plan(shape, Matrix<float>(32, 32).view(), OperandMode::stationary, {}),
               Error);
  EXPECT_EQ(gpu->book.allocations, 0);
}

// Memory that others hold: the allocation itself fails, and says for what.
TEST(CublasPlan, RunningOutOfMemoryNamesTheCallAndItsUse) {
  FakeMachine machine;
  constexpr std::size_t kAll = 1 << 16;
  machine.gpu->set_memory(kAll);  // after the device was opened, which saw more
  const cublas::DeviceBuffer others(machine.gpu, kAll - 1024, "others");
  try {
    stationary(machine, random_matrix(32, 32, 2), 1);
    FAIL() << "planned";
  } catch (const Error& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("allocate failed"), std::string::npos) << text;
    EXPECT_NE(text.find("the weights"), std::string::npos) << text;
  }
  EXPECT_EQ(machine.gpu->live_allocations(), 1U);
}

TEST(CublasPlan, PrecisionsNeedTheirComputeCapability) {
  const GemmShape shape{1, 1, 1};
  const auto supports = [&](int capability, ElementType precision) {
    const auto gpu = std::make_shared<test::FakeGpu>();
    gpu->set_capability(capability);
    const auto device =
        cublas::make_device(load_device(cublas_backend(), "host-gpu"), precision, gpu);
    return device->supports(shape, OperandMode::stationary, precision);
  };
  EXPECT_TRUE(supports(70, ElementType::f16).ok);
  EXPECT_FALSE(supports(70, ElementType::bf16).ok);
  EXPECT_FALSE(supports(75, ElementType::tf32).ok);
  EXPECT_TRUE(supports(75, ElementType::s8).ok);
  EXPECT_TRUE(supports(80, ElementType::tf32).ok);
  const Support fp8 = supports(80, ElementType::f8e4m3);
  EXPECT_FALSE(fp8.ok);
  EXPECT_NE(fp8.reason.find("8.9"), std::string::npos) << fp8.reason;
  EXPECT_TRUE(supports(89, ElementType::f8e4m3).ok);
}

TEST(CublasPlan, S8SumsStayWithin32Bits) {
  const FakeMachine machine(ElementType::s8);
  const auto ok = [&](std::int64_t k) {
    return machine.device->supports({1, 1, k}, OperandMode::stationary, ElementType::s8).ok;
  };
  EXPECT_TRUE(ok(133144));  // 133144 x 127^2 = 2147479576 < 2^31
  EXPECT_FALSE(ok(133145));
}

TEST(CublasPlan, RefusesWrongShapesAndWhatTheFormatCannotHold) {
  const FakeMachine machine(ElementType::f16);
  Matrix<float> b(2, 2);
  b(1, 1) = 1e6F;
  try {
    stationary(machine, b, 1);
    FAIL() << "planned";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::usage);
    EXPECT_NE(std::string(e.what()).find("65504"), std::string::npos) << e.what();
  }
  const auto plan = stationary(machine, random_matrix(4, 3, 2), 2);
  Matrix<float> c(2, 3);
  EXPECT_THROW(plan->execute(Matrix<float>(2, 5).view(), c.view()), Error);
  EXPECT_THROW(plan->update(Matrix<float>(3, 4).view()), Error);
  EXPECT_EQ(machine.gpu->book.products, 0);
}

class CublasTiming : public ::testing::Test {
 protected:
  CublasTiming() {
    machine_.gpu->set_memory(1 << 20);
    plan_ = stationary(machine_, random_matrix(8, 8, 2), 4);
  }
  void run() {
    const Matrix<float> a = random_matrix(4, 8, 1);
    Matrix<float> c(4, 8);
    plan_->execute(a.view(), c.view());
    machine_.gpu->book = {};
  }
  FakeMachine machine_;
  std::unique_ptr<Plan> plan_;
};

TEST_F(CublasTiming, NeedsAProductThatHasRun) {
  EXPECT_FALSE(plan_->time_on_device({}).has_value());
  run();
  EXPECT_TRUE(plan_->time_on_device({}).has_value());
  plan_->update(Matrix<float>(8, 8).view());
  EXPECT_FALSE(plan_->time_on_device({}).has_value());
}

TEST_F(CublasTiming, WarmProductsFollowEachOtherBetweenTwoEvents) {
  run();
  machine_.gpu->set_product_time(1e-3);
  const auto times = plan_->time_on_device({0.0042, 0.002, 3, false});
  ASSERT_TRUE(times.has_value());
  EXPECT_EQ(times->iterations, 5);  // 4.2 ms hold more than four products of 1 ms
  ASSERT_EQ(times->times_s.size(), 3U);
  // The fake's clock counts in multiples of 1 ms; differences of its doubles round.
  for (const double t : times->times_s) EXPECT_NEAR(t, 1e-3, 1e-12);
  const GpuBook& book = machine_.gpu->book;
  EXPECT_EQ(book.fills, 0);
  EXPECT_EQ(book.products, 1 + 2 + 3 * 5);  // warm-up of 1 and 2, then three repetitions
  EXPECT_EQ(book.uploads + book.downloads, 0) << "operands stay on the GPU";
  const std::vector<std::string> expected = {"start",    "multiply", "stop", "start",
                                             "multiply", "multiply", "stop"};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), book.events.begin()));
}

TEST_F(CublasTiming, ColdProductsEachFollowAFlushOutsideTheInterval) {
  run();
  machine_.gpu->set_product_time(1e-3);
  const auto times = plan_->time_on_device({0.002, 0, 2, true});
  ASSERT_TRUE(times.has_value());
  const GpuBook& book = machine_.gpu->book;
  EXPECT_EQ(book.fills, 1 + 2 * 2);
  EXPECT_EQ(book.products, book.fills);
  for (std::size_t i = 0; i + 3 < book.events.size(); i += 4) {
    EXPECT_EQ(book.events[i], "fill");
    EXPECT_EQ(book.events[i + 1], "start");
    EXPECT_EQ(book.events[i + 2], "multiply");
    EXPECT_EQ(book.events[i + 3], "stop");
  }
  EXPECT_NE(times->clock.find("emptied"), std::string::npos);
}

TEST_F(CublasTiming, AClockThatStandsStillEndsAllTheSame) {
  run();
  machine_.gpu->set_product_time(1e-9);
  const auto times = plan_->time_on_device({0, 1e-7, 1, false});
  ASSERT_TRUE(times.has_value());
  EXPECT_EQ(times->iterations, 1);
  EXPECT_THROW(plan_->time_on_device({0.1, 0.1, 0, false}), Error);
}

}  // namespace
}  // namespace jb
