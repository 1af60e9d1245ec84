// Operands: the values are part of the op's definition, so their bits are.

#include "harness/operands.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "backends/core/operand_statistics.h"
#include "backends/core/threads.h"

namespace jb::harness {
namespace {

bool same_bytes(const Matrix<float>& x, const Matrix<float>& y) {
  return x.rows() == y.rows() && x.cols() == y.cols() &&
         std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.size()) * sizeof(float)) == 0;
}

TEST(Operands, QuantileInvertsTheNormalDistribution) {
  // Phi(z) = erfc(-z / sqrt 2) / 2. An error of 1e-15 relative in z moves Phi by |z| phi(z) 1e-15;
  // erfc adds about 1e-15 relative, so 1e-13 relative to min(u, 1 - u) leaves room for z = 6.
  for (const double u :
       {1.2e-10, 1e-6, 0.001, 0.07, 0.075, 0.3, 0.5, 0.7, 0.926, 0.999, 0.999999}) {
    const double z = normal_quantile(u);
    const double low = 0.5 * std::erfc(-z / std::sqrt(2.0));
    const double high = 0.5 * std::erfc(z / std::sqrt(2.0));
    if (u < 0.5) {
      EXPECT_NEAR(low / u, 1, 1e-13) << u;
    } else {
      EXPECT_NEAR(high / (1 - u), 1, 1e-10) << u;  // 1 - u itself is rounded to 2^-53
    }
  }
  EXPECT_EQ(normal_quantile(0.5), 0);
}

TEST(Operands, LogarithmAgreesWithTheLibrary) {
  for (double x = 1e-10; x < 1e10; x *= 1.37) {
    EXPECT_NEAR(portable_log(x), std::log(x), 1e-15 * std::max(1.0, std::abs(std::log(x)))) << x;
  }
}

TEST(Operands, ElementsDoNotDependOnThreadsOrOnTheMatrixAround) {
  const Distribution normal;
  set_thread_count(1);
  const Matrix<float> one = make_operand(OperandRole::a, 300, 317, normal, 7);
  set_thread_count(3);
  const Matrix<float> three = make_operand(OperandRole::a, 300, 317, normal, 7);
  set_thread_count(available_threads());
  EXPECT_TRUE(same_bytes(one, three));
  const Matrix<float> small = make_operand(OperandRole::a, 5, 6, normal, 7);
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) EXPECT_EQ(small(i, j), one(i, j));
  }
  EXPECT_FALSE(same_bytes(small, make_operand(OperandRole::b, 5, 6, normal, 7)));
  EXPECT_FALSE(same_bytes(small, make_operand(OperandRole::a, 5, 6, normal, 8)));
}

TEST(Operands, FollowTheirDistribution) {
  // 400 x 500 elements: the mean of n draws has standard error sigma / sqrt(n), the mean square of
  // normals sqrt(2 / n); five of them are allowed.
  constexpr std::int64_t rows = 400;
  constexpr std::int64_t cols = 500;
  constexpr double n = rows * cols;
  const auto moments = [&](const char* text, OperandRole role) {
    return measure_operand(make_operand(role, rows, cols, distribution_from(text), 3).view());
  };
  EXPECT_NEAR(moments("normal", OperandRole::a).mean_square, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(moments("normal", OperandRole::b).mean_abs, std::sqrt(2 / M_PI),
              5 * std::sqrt((1 - 2 / M_PI) / n));
  // E[x^2] = 1/3 and Var[x^2] = 1/5 - 1/9 for x uniform in (-1, 1).
  EXPECT_NEAR(moments("uniform", OperandRole::a).mean_square, 1.0 / 3,
              5 * std::sqrt((1.0 / 5 - 1.0 / 9) / n));
  EXPECT_LT(moments("uniform", OperandRole::a).max_abs, 1.0 + 1e-7);
  EXPECT_NEAR(moments("relu", OperandRole::a).nonzero_frac, 0.5, 5 * std::sqrt(0.25 / n));
  EXPECT_NEAR(moments("relu", OperandRole::b).nonzero_frac, 1, 5 / n);
  EXPECT_EQ(moments("zeros", OperandRole::a).max_abs, 0);
  EXPECT_NEAR(moments("bits", OperandRole::b).mean_abs, 0.5, 5 * std::sqrt(0.25 / n));
  EXPECT_EQ(moments("bits", OperandRole::b).max_abs, 1);
  EXPECT_NEAR(moments("sparse:0.1", OperandRole::b).nonzero_frac, 0.1, 5 * std::sqrt(0.09 / n));
  EXPECT_EQ(moments("sparse:0", OperandRole::a).nonzero_frac, 0);
  EXPECT_NEAR(moments("sparse:1", OperandRole::a).mean_square, 1, 5 * std::sqrt(2 / n));
}

}  // namespace
}  // namespace jb::harness
