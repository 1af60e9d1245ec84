// The float64 reference: right, and the same bytes however the work is cut.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/core/threads.h"

namespace jb {
namespace {

Matrix<double> random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t what) {
  Matrix<double> x(rows, cols);
  const RandomStream stream(7, 0, what, 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) x(i, j) = static_cast<double>(stream.normal(i, j, 0));
  }
  return x;
}

class ReferenceTest : public ::testing::Test {
 protected:
  void TearDown() override { set_thread_count(available_threads()); }

  std::unique_ptr<Plan> plan(const Matrix<double>& b) {
    return device_->plan({1, b.cols(), b.rows()}, b.view(), OperandMode::stationary, {});
  }

  const Backend& backend_ = find_backend("reference");
  std::unique_ptr<Device> device_ = backend_.open(load_device(backend_, "host"), {});
};

// Rounding of a sum of k products, Higham, Accuracy and Stability (2002), Eq. 3.13: k u / (1 - k u)
// times the sum of magnitudes, twice because the two sums compared both round.
double tolerance(double magnitude, std::int64_t k) {
  const double u = std::numeric_limits<double>::epsilon() / 2;
  return 2 * static_cast<double>(k + 1) * u * magnitude * 1.01;
}

TEST_F(ReferenceTest, ComputesTheProductForAnyShape) {
  for (const auto& [m, n, k] : std::vector<std::tuple<int, int, int>>{{1, 1, 1},
                                                                      {1, 17, 5},
                                                                      {13, 1, 31},
                                                                      {7, 11, 13},
                                                                      {130, 520, 3},
                                                                      {33, 65, 129},
                                                                      {4, 4, 0}}) {
    const Matrix<double> a = random_matrix(m, k, 1);
    const Matrix<double> b = random_matrix(k, n, 2);
    Matrix<double> c(m, n);
    for (double* x = c.data(); x != c.data() + c.size(); ++x) *x = 99;
    const Execution run = plan(b)->execute(a.view(), c.view());
    EXPECT_EQ(run.activity.executed_macs, static_cast<double>(m) * n * k);
    EXPECT_TRUE(run.activity.rows().empty());
    for (int i = 0; i < m; ++i) {
      for (int j = 0; j < n; ++j) {
        double sum = 0;
        double magnitude = 0;
        for (int p = 0; p < k; ++p) {
          sum += a(i, p) * b(p, j);
          magnitude += std::abs(a(i, p) * b(p, j));
        }
        EXPECT_NEAR(c(i, j), sum, tolerance(magnitude, k)) << m << "x" << n << "x" << k;
      }
    }
  }
}

TEST_F(ReferenceTest, SameBytesForAnyThreadsAndAnyCutOfRows) {
  const Matrix<double> a = random_matrix(301, 777, 1);
  const Matrix<double> b = random_matrix(777, 603, 2);
  const auto product = plan(b);
  Matrix<double> whole(301, 603);
  set_thread_count(1);
  product->execute(a.view(), whole.view());
  const auto bytes = static_cast<std::size_t>(whole.size()) * sizeof(double);
  for (const int threads : {2, 3}) {
    set_thread_count(threads);
    Matrix<double> again(301, 603);
    product->execute(a.view(), again.view());
    EXPECT_EQ(std::memcmp(whole.data(), again.data(), bytes), 0) << threads << " threads";
  }
  Matrix<double> cut(301, 603);
  std::int64_t row = 0;
  for (const std::int64_t rows : {1, 2, 5, 16, 77, 200}) {
    product->execute(a.view().block(row, 0, rows, 777), cut.view().block(row, 0, rows, 603));
    row += rows;
  }
  ASSERT_EQ(row, 301);
  EXPECT_EQ(std::memcmp(whole.data(), cut.data(), bytes), 0);
}

TEST_F(ReferenceTest, StridesTransposesAndFloats) {
  const Matrix<double> a = random_matrix(9, 20, 1);
  const Matrix<double> b = random_matrix(20, 12, 2);
  Matrix<double> c(9, 12);
  const auto product = plan(b);
  product->execute(a.view(), c.view());

  const Matrix<double> a_t = copy_as<double>(ConstMatrixRef(a.view()).transposed());
  Matrix<double> c_t(12, 9);
  product->execute(a_t.view().transposed(), c_t.view().transposed());
  for (int i = 0; i < 9; ++i) {
    for (int j = 0; j < 12; ++j) EXPECT_EQ(c_t(j, i), c(i, j));
  }

  const Matrix<double> b_t = copy_as<double>(ConstMatrixRef(b.view()).transposed());
  Matrix<double> from_transposed(9, 12);
  plan(b_t)->execute(a.view(), from_transposed.view(), {}, Direction::transposed);
  for (int i = 0; i < 9; ++i) {
    for (int j = 0; j < 12; ++j) EXPECT_EQ(from_transposed(i, j), c(i, j));
  }

  // Float inputs are widened exactly, the result is rounded once.
  const Matrix<float> a_f = copy_as<float>(a.view());
  const Matrix<double> a_w = copy_as<double>(a_f.view());
  Matrix<float> c_f(9, 12);
  Matrix<double> c_w(9, 12);
  product->execute(a_f.view(), c_f.view());
  product->execute(a_w.view(), c_w.view());
  for (int i = 0; i < 9; ++i) {
    for (int j = 0; j < 12; ++j) EXPECT_EQ(c_f(i, j), static_cast<float>(c_w(i, j)));
  }
}

TEST_F(ReferenceTest, UpdateAddsToTheStoredOperand) {
  const Matrix<double> b = random_matrix(5, 4, 2);
  const Matrix<double> delta = random_matrix(5, 4, 3);
  Matrix<double> sum(5, 4);
  for (int i = 0; i < 20; ++i) sum.data()[i] = b.data()[i] + delta.data()[i];
  const Matrix<double> a = random_matrix(3, 5, 1);
  Matrix<double> updated(3, 4);
  Matrix<double> direct(3, 4);
  const auto product = plan(b);
  product->update(delta.view());
  product->execute(a.view(), updated.view());
  plan(sum)->execute(a.view(), direct.view());
  EXPECT_EQ(std::memcmp(updated.data(), direct.data(), 12 * sizeof(double)), 0);
}

TEST_F(ReferenceTest, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(device_->prices().has_energy);
  EXPECT_TRUE(device_->supports({1, 1, 1}, OperandMode::stationary, ElementType::f64).ok);
  const Support f32 = device_->supports({1, 1, 1}, OperandMode::stationary, ElementType::f32);
  EXPECT_FALSE(f32.ok);
  EXPECT_NE(f32.reason.find("f64"), std::string::npos);
  const Matrix<double> b = random_matrix(5, 4, 2);
  const auto product = plan(b);
  Matrix<double> a(3, 6);
  Matrix<double> c(3, 4);
  EXPECT_THROW(product->execute(a.view(), c.view()), Error);
  EXPECT_THROW(device_->plan({1, 5, 4}, b.view(), OperandMode::stationary, {}), Error);
  EXPECT_THROW(device_->calibrate("gdc"), Error);
  EXPECT_TRUE(device_->calibrate("none").rows().empty());
}

}  // namespace
}  // namespace jb
