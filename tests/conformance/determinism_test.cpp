// The same seed gives the same bytes, however many threads work and however A is cut.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "backends/core/threads.h"
#include "tests/support/conformance.h"

namespace jb::test {
namespace {

using harness::OperandRole;

constexpr GemmShape kShape{70, 45, 301};

class Determinism : public testing::TestWithParam<Machine> {
 protected:
  void TearDown() override { set_thread_count(available_threads()); }

  /// C by a fresh device, A given in pieces that end at `cuts`.
  [[nodiscard]] Matrix<float> run(const std::vector<std::int64_t>& cuts,
                                  DeviceInstance instance = {}) const {
    const Matrix<float> a = operand<float>(OperandRole::a, kShape.m, kShape.k);
    const Matrix<float> b = operand<float>(OperandRole::b, kShape.k, kShape.n);
    Matrix<float> c(kShape.m, kShape.n);
    const auto device = GetParam().open(instance);
    const auto plan = device->plan(kShape, b.view(), OperandMode::stationary, PlanOptions{3});
    calibrate_now(*device);
    std::int64_t row = 0;
    for (const std::int64_t end : cuts) {
      const auto a_rows = a.view().block(row, 0, end - row, kShape.k);
      const auto c_rows = c.view().block(row, 0, end - row, kShape.n);
      plan->execute(ConstMatrixRef(a_rows), MatrixRef(c_rows), Draw{2, row}, Direction::forward);
      row = end;
    }
    return c;
  }

  static bool same_bytes(const Matrix<float>& x, const Matrix<float>& y) {
    return std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.size()) * sizeof(float)) == 0;
  }
};

TEST_P(Determinism, ThreadsDoNotChangeAByte) {
  set_thread_count(1);
  const Matrix<float> one = run({kShape.m});
  for (const int threads : {2, 3}) {
    set_thread_count(threads);
    EXPECT_TRUE(same_bytes(one, run({kShape.m}))) << threads << " threads";
  }
}

TEST_P(Determinism, CuttingADoesNotChangeAByte) {
  const Matrix<float> whole = run({kShape.m});
  EXPECT_TRUE(same_bytes(whole, run({1, 8, 9, 40, kShape.m})));
  std::vector<std::int64_t> rows;
  for (std::int64_t end = 1; end <= kShape.m; ++end) rows.push_back(end);
  EXPECT_TRUE(same_bytes(whole, run(rows))) << "row by row";
}

TEST_P(Determinism, TheSameDeviceComesBack) {
  EXPECT_TRUE(same_bytes(run({kShape.m}, {5, 2}), run({kShape.m}, {5, 2})));
}

/// Real hardware is left out: its library chooses kernels by shape and threads.
std::vector<Machine> cut_invariant_machines() {
  std::vector<Machine> all = machines();
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const Machine& machine) { return !machine.cut_invariant(); }),
            all.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(Every, Determinism, testing::ValuesIn(cut_invariant_machines()),
                         machine_name);

}  // namespace
}  // namespace jb::test
