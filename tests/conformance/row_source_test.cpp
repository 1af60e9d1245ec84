// A machine that takes rows as they are made computes and counts what it does with the matrix that
// they make up.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "backends/core/row_source.h"
#include "backends/core/threads.h"
#include "tests/support/conformance.h"

namespace jb::test {
namespace {

using harness::OperandRole;

/// The rows of a matrix, copied when they are read.
class MatrixRows final : public RowSource<float> {
 public:
  explicit MatrixRows(const Matrix<float>& matrix) : matrix_(matrix) {}
  [[nodiscard]] std::int64_t rows() const noexcept override { return matrix_.rows(); }
  [[nodiscard]] std::int64_t cols() const noexcept override { return matrix_.cols(); }
  void read(std::int64_t first, std::int64_t count, float* to) const override {
    std::copy_n(matrix_.data() + first * cols(), count * cols(), to);
  }

 private:
  const Matrix<float>& matrix_;
};

void expect_same(const OperandMoments& x, const OperandMoments& y) {
  EXPECT_EQ(x.mean_square, y.mean_square);
  EXPECT_EQ(x.mean_abs, y.mean_abs);
  EXPECT_EQ(x.max_abs, y.max_abs);
  EXPECT_EQ(x.nonzero_frac, y.nonzero_frac);
}

void expect_same(const Activity& x, const Activity& y) {
  EXPECT_EQ(x.device_time_s, y.device_time_s);
  EXPECT_EQ(x.executed_macs, y.executed_macs);
  ASSERT_EQ(x.rows().size(), y.rows().size());
  for (std::size_t i = 0; i < x.rows().size(); ++i) {
    EXPECT_EQ(x.rows()[i].action, y.rows()[i].action);
    EXPECT_EQ(x.rows()[i].count, y.rows()[i].count) << "row " << i;
  }
}

class RowSources : public testing::TestWithParam<Machine> {
 protected:
  void TearDown() override { set_thread_count(available_threads()); }

  void compare(const GemmShape& shape, OperandMode mode) const {
    const Matrix<float> a = operand<float>(OperandRole::a, shape.m, shape.k);
    const Matrix<float> b = operand<float>(OperandRole::b, shape.k, shape.n);
    const auto device = GetParam().open();
    const auto plan = device->plan(shape, b.view(), mode, PlanOptions{3});
    calibrate_now(*device);
    const Draw draw{2, 5};
    Matrix<float> expected(shape.m, shape.n);
    const Execution whole = plan->execute(a.view(), expected.view(), draw, Direction::forward);
    Matrix<float> got(shape.m, shape.n);
    const auto made = plan->execute_rows(MatrixRows(a), got.view(), draw);
    if (!made) return;  // wants a matrix
    EXPECT_EQ(std::memcmp(got.data(), expected.data(),
                          static_cast<std::size_t>(got.size()) * sizeof(float)),
              0);
    expect_same(made->activity, whole.activity);
    expect_same(made->statistics.a, whole.statistics.a);
    expect_same(made->statistics.b, whole.statistics.b);
    EXPECT_EQ(made->lints, whole.lints);
  }
};

TEST_P(RowSources, AreTheMatrixThatTheyMakeUp) {
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    compare({70, 45, 301}, OperandMode::stationary);
    compare({1, 130, 27}, OperandMode::stationary);  // a row alone, longer than a strip
    compare({33, 7, 9000}, OperandMode::dynamic);    // rows longer than are made at a time
  }
}

TEST_P(RowSources, AreRefusedAsTheMatrixIs) {
  Matrix<float> a = operand<float>(OperandRole::a, 6, 20);
  const Matrix<float> b = operand<float>(OperandRole::b, 20, 9);
  a(4, 7) = std::numeric_limits<float>::quiet_NaN();
  const auto device = GetParam().open();
  const auto plan = device->plan({6, 9, 20}, b.view(), OperandMode::stationary, PlanOptions{});
  Matrix<float> c(6, 9);
  bool refuses = false;
  try {
    plan->execute(a.view(), c.view());
  } catch (const Error&) {
    refuses = true;
  }
  if (!refuses) return;
  try {
    // Nothing: the caller comes with the matrix, and is told then.
    EXPECT_FALSE(plan->execute_rows(MatrixRows(a), c.view(), Draw{}).has_value());
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("NaN"), std::string::npos) << error.what();
  }
}

std::vector<Machine> simulators() {
  std::vector<Machine> all = machines();
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const Machine& machine) { return !machine.simulated(); }),
            all.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(Every, RowSources, testing::ValuesIn(simulators()), machine_name);

/// The machines that the network layer is fast on do take rows.
TEST(RowSource, IsTakenByTheDefaultDevices) {
  for (const char* id : {"crossbar", "photonic"}) {
    const Backend& backend = find_backend(id);
    const auto device = backend.open(load_device(backend, backend.info().default_device), {});
    const Matrix<float> a = operand<float>(OperandRole::a, 6, 20);
    const Matrix<float> b = operand<float>(OperandRole::b, 20, 9);
    const auto plan = device->plan({6, 9, 20}, b.view(), OperandMode::stationary, PlanOptions{});
    Matrix<float> c(6, 9);
    EXPECT_TRUE(plan->execute_rows(MatrixRows(a), c.view(), Draw{}).has_value()) << id;
  }
}

}  // namespace
}  // namespace jb::test
