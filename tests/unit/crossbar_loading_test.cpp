// A crossbar's operand that does not stay: each loading draws programming errors of its own, and
// the steps of a recurrence find those of the loading before the first, while each pays for one.

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

constexpr GemmShape kShape{3, 20, 40};

Matrix<float> product(Plan& plan, const Draw& draw, Activity* activity = nullptr) {
  const Matrix<float> a = normal_matrix<float>(kShape.m, kShape.k, 1);
  Matrix<float> c(kShape.m, kShape.n);
  const Execution done = plan.execute(a.view(), c.view(), draw, Direction::forward);
  if (activity != nullptr) *activity = done.activity;
  return c;
}

bool same_bytes(const Matrix<float>& x, const Matrix<float>& y) {
  return std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.size()) * sizeof(float)) == 0;
}

TEST(CrossbarLoading, StepsShareTheErrorsOfOne) {
  const auto device = crossbar_device("pcm-hermes");  // reads without noise of their own
  const Matrix<float> b = normal_matrix<float>(kShape.k, kShape.n, 2);
  const auto plan = device->plan(kShape, b.view(), OperandMode::dynamic, {});
  Activity first;
  Activity later;
  const Matrix<float> start = product(*plan, {.call = 7}, &first);
  EXPECT_TRUE(same_bytes(start, product(*plan, {.call = 8, .since_loading = 1}, &later)));
  EXPECT_FALSE(same_bytes(start, product(*plan, {.call = 8})));
  EXPECT_TRUE(same_bytes(start, product(*plan, {.call = 7}))) << "the same loading comes back";
  // Loading is counted at each step: the machine has no room to keep it.
  ASSERT_EQ(first.rows().size(), later.rows().size());
  for (const ActivityRow& row : first.rows()) EXPECT_EQ(row.count, later.count(row.action));
}

}  // namespace
}  // namespace jb::test
