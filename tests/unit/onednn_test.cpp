// Products through oneDNN, and the sentences it answers with. Counts are tested in
// onednn_model_test.cpp, which needs no oneDNN.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "backends/backend.h"
#include "backends/core/threads.h"
#include "backends/energy/ledger.h"

namespace jb {
namespace {

Matrix<float> random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t what) {
  Matrix<float> x(rows, cols);
  const RandomStream stream(13, 0, what, 0);
  for (std::int64_t i = 0; i < rows; ++i)
    stream.normals({&x(i, 0), static_cast<std::size_t>(cols)}, i, 0, 0);
  return x;
}

// Every element within the rounding of a float sum of k products in any order: (k + 1) u times the
// sum of magnitudes (Higham 2002, Eq. 3.13), one more u for rounding the float64 comparison to f32.
template <class A, class B, class C>
void expect_product(const A& a, const B& b, const C& c, const std::string& what) {
  const double u = std::numeric_limits<float>::epsilon() / 2;
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t j = 0; j < c.cols; ++j) {
      double sum = 0;
      double magnitude = 0;
      for (std::int64_t p = 0; p < a.cols; ++p) {
        const double term = static_cast<double>(a(i, p)) * static_cast<double>(b(p, j));
        sum += term;
        magnitude += std::abs(term);
      }
      const double allowed = static_cast<double>(a.cols + 2) * u * magnitude;
      ASSERT_NEAR(static_cast<double>(c(i, j)), sum, allowed) << what << " at " << i << ", " << j;
    }
  }
}

class OnednnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Support support = backend_.available();
    if (!support) GTEST_SKIP() << support.reason;
    device_ = backend_.open(load_device(backend_, "host"), {});
  }
  void TearDown() override { set_thread_count(available_threads()); }

  std::unique_ptr<Plan> plan(const Matrix<float>& b, std::int64_t m) {
    return device_->plan({m, b.cols(), b.rows()}, b.view(), OperandMode::stationary, {});
  }

  const Backend& backend_ = find_backend("onednn");
  std::unique_ptr<Device> device_;
};

TEST_F(OnednnTest, ComputesTheProductForAnyShape) {
  for (const int threads : {1, 2}) {
    set_thread_count(threads);
    for (const auto& [m, n, k] : std::vector<std::tuple<int, int, int>>{
             {1, 1, 1}, {1, 100, 784}, {64, 100, 784}, {17, 1, 31}, {7, 13, 127}, {128, 96, 64}}) {
      const Matrix<float> a = random_matrix(m, k, 1);
      const Matrix<float> b = random_matrix(k, n, 2);
      Matrix<float> c(m, n);
      const auto product = plan(b, m);
      const Execution run = product->execute(a.view(), c.view());
      expect_product(a.view(), b.view(), c.view(), product->implementation());
      EXPECT_FALSE(product->implementation().empty());
      EXPECT_TRUE(run.lints.empty() || product->implementation().find("ref") != std::string::npos);
      EXPECT_TRUE(product->resident());
    }
  }
}

TEST_F(OnednnTest, RowsMayChangeBetweenExecutions) {
  const Matrix<float> b = random_matrix(50, 70, 2);
  const auto product = plan(b, 64);
  // More different counts than primitives are kept, some twice.
  for (const std::int64_t m : {64, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 1, 64}) {
    const Matrix<float> a = random_matrix(m, 50, static_cast<std::uint64_t>(m));
    Matrix<float> c(m, 70);
    product->execute(a.view(), c.view());
    expect_product(a.view(), b.view(), c.view(), "m = " + std::to_string(m));
  }
}

TEST_F(OnednnTest, StridedAndTransposedViews) {
  const Matrix<float> b_t = random_matrix(31, 45, 2);
  const auto b = b_t.view().transposed();  // 45 x 31
  const Matrix<float> a_wide = random_matrix(20, 100, 1);
  const auto a = a_wide.view().block(2, 3, 10, 45);
  Matrix<float> c_t(31, 10);
  device_->plan({10, 31, 45}, b, OperandMode::stationary, {})->execute(a, c_t.view().transposed());
  expect_product(a, b, MatrixView<const float>(c_t.view()).transposed(), "strided");
}

TEST_F(OnednnTest, TransposedUseOfTheStoredOperand) {
  const Matrix<float> b = random_matrix(23, 40, 2);
  const Matrix<float> a = random_matrix(9, 40, 1);
  Matrix<float> c(9, 23);
  const auto product = plan(b, 9);
  product->execute(a.view(), c.view(), {}, Direction::transposed);
  expect_product(a.view(), b.view().transposed(), c.view(), "transposed");
}

TEST_F(OnednnTest, UpdateAddsInPlaceForBothDirections) {
  Matrix<float> b = random_matrix(12, 15, 2);
  const Matrix<float> delta = random_matrix(12, 15, 3);
  const Matrix<float> a = random_matrix(4, 12, 1);
  const Matrix<float> g = random_matrix(4, 15, 4);
  const auto product = plan(b, 4);
  Matrix<float> c(4, 15);
  Matrix<float> back(4, 12);
  product->execute(g.view(), back.view(), {}, Direction::transposed);
  const Activity charged = product->update(delta.view());
  EXPECT_EQ(price(charged, device_->prices()).dram_bytes(), 3 * 12 * 15 * 4);
  for (int i = 0; i < 180; ++i) b.data()[i] += delta.data()[i];
  product->execute(a.view(), c.view());
  product->execute(g.view(), back.view(), {}, Direction::transposed);
  expect_product(a.view(), b.view(), c.view(), "updated");
  expect_product(g.view(), b.view().transposed(), back.view(), "updated, transposed");
}

TEST_F(OnednnTest, EmptyProductsNeedNoLibrary) {
  Matrix<float> c(3, 4);
  for (int i = 0; i < 12; ++i) c.data()[i] = 7;
  const Matrix<float> no_depth(0, 4);
  const Matrix<float> a(3, 0);
  plan(no_depth, 3)->execute(a.view(), c.view());
  for (int i = 0; i < 12; ++i) EXPECT_EQ(c.data()[i], 0);
  const Matrix<float> b = random_matrix(5, 4, 2);
  const Matrix<float> no_rows(0, 5);
  Matrix<float> nothing(0, 4);
  EXPECT_EQ(plan(b, 1)->execute(no_rows.view(), nothing.view()).activity.executed_macs, 0);
}

TEST_F(OnednnTest, DoublesAreRefusedAsPrecisionButConvertedAsTensors) {
  const Support refused = device_->supports({1, 1, 1}, OperandMode::stationary, ElementType::f64);
  ASSERT_FALSE(refused.ok);
  EXPECT_NE(refused.reason.find("f32"), std::string::npos);
  EXPECT_TRUE(device_->supports({1, 1, 1}, OperandMode::stationary, ElementType::f32).ok);
  const Matrix<float> a_f = random_matrix(6, 9, 1);
  const Matrix<float> b_f = random_matrix(9, 8, 2);
  const Matrix<double> a = copy_as<double>(a_f.view());
  const Matrix<double> b = copy_as<double>(b_f.view());
  Matrix<double> c(6, 8);
  device_->plan({6, 8, 9}, b.view(), OperandMode::stationary, {})->execute(a.view(), c.view());
  expect_product(a.view(), b.view(), c.view(), "f64 tensors");
}

TEST_F(OnednnTest, WrongShapesAreRefused) {
  const Matrix<float> b = random_matrix(5, 4, 2);
  const auto product = plan(b, 3);
  const Matrix<float> a(3, 6);
  Matrix<float> c(3, 4);
  EXPECT_THROW(product->execute(a.view(), c.view()), Error);
  const Matrix<double> wide(3, 5);
  EXPECT_THROW(product->execute(wide.view(), c.view()), Error) << "types of A and C differ";
  EXPECT_THROW(product->update(a.view()), Error);
}

TEST_F(OnednnTest, ANamedMachineIsEstimatedAndNotRun) {
  const auto server = backend_.open(load_device(backend_, "xeon-server"), {});
  const Matrix<float> b = random_matrix(5, 4, 2);
  try {
    server->plan({1, 4, 5}, b.view(), OperandMode::stationary, {});
    FAIL() << "planned";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::usage);
    EXPECT_NE(std::string(e.what()).find("estimate"), std::string::npos) << e.what();
  }
  EXPECT_GT(server->estimate({1, 4, 5}, OperandMode::stationary, {}).device_time_s, 0);
}

}  // namespace
}  // namespace jb
