// Fidelity against float64: closed forms, sampled rows, and bounds on rounding.

#include "harness/verification.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "backends/core/gemm.h"
#include "harness/operands.h"

namespace jb::harness {
namespace {

struct Product {
  Matrix<float> a, b;
  Matrix<double> c;
};

Product exact_product(const GemmShape& shape) {
  Product p{make_operand(OperandRole::a, shape.m, shape.k, {}, 1),
            make_operand(OperandRole::b, shape.k, shape.n, {}, 1),
            Matrix<double>(shape.m, shape.n)};
  const Matrix<double> a = copy_as<double>(std::as_const(p.a).view());
  const Matrix<double> b = copy_as<double>(std::as_const(p.b).view());
  gemm<double>(a.view(), b.view(), p.c.view());
  return p;
}

Fidelity verify(const Product& p, const GemmShape& shape, const std::vector<std::int64_t>& rows) {
  Fidelity fidelity;
  verify_product(
      fidelity, shape,
      [&](std::span<const std::int64_t> names, MatrixView<double> out) {
        for (std::size_t i = 0; i < names.size(); ++i) {
          for (std::int64_t j = 0; j < shape.k; ++j) {
            out(static_cast<std::int64_t>(i), j) = static_cast<double>(p.a(names[i], j));
          }
        }
      },
      std::as_const(p.b).view(), std::as_const(p.c).view(), rows);
  return fidelity;
}

TEST(Verification, MeasuresAKnownError) {
  const GemmShape shape{300, 7, 11};  // more rows than one block holds
  Product p = exact_product(shape);
  const auto all = rows_to_verify(shape, 1e12, 1);
  ASSERT_EQ(all.size(), 300U);
  EXPECT_EQ(verify(p, shape, all).relative_error(), 0);
  EXPECT_FALSE(verify(p, shape, all).sqnr_dB().has_value());
  double norm2 = 0;
  for (std::int64_t i = 0; i < shape.m; ++i) {
    for (std::int64_t j = 0; j < shape.n; ++j) norm2 += p.c(i, j) * p.c(i, j);
  }
  p.c(299, 6) += 0.5;
  p.c(0, 0) -= 0.25;
  const Fidelity fidelity = verify(p, shape, all);
  const double relative = std::sqrt((0.25 + 0.0625) / norm2);
  EXPECT_NEAR(*fidelity.relative_error(), relative, 1e-12 * relative);  // sums of 2100 doubles
  EXPECT_NEAR(*fidelity.sqnr_dB(), -20 * std::log10(relative), 1e-10);
  EXPECT_NEAR(fidelity.max_abs_error, 0.5, 1e-14);
  EXPECT_TRUE(fidelity.finite);
  p.c(5, 5) = std::nan("");
  EXPECT_FALSE(verify(p, shape, all).finite);
}

TEST(Verification, ZeroReferenceHasNoRelativeError) {
  Fidelity fidelity;
  EXPECT_EQ(fidelity.relative_error(), 0);
  fidelity.error_squares = 1;
  EXPECT_FALSE(fidelity.relative_error().has_value());
  EXPECT_FALSE(fidelity.sqnr_dB().has_value());
}

TEST(Verification, SampledRowsCoverAllStrata) {
  const GemmShape shape{1003, 10, 10};
  const auto rows = rows_to_verify(shape, 100 * 100, 5);  // 100 rows
  ASSERT_EQ(rows.size(), 100U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // 1003 rows in 100 strata: three of 11 rows, then 97 of 10.
    const auto index = static_cast<std::int64_t>(i);
    const std::int64_t begin = index * 10 + std::min<std::int64_t>(index, 3);
    EXPECT_GE(rows[i], begin);
    EXPECT_LT(rows[i], begin + (i < 3 ? 11 : 10));
  }
  EXPECT_NE(rows, rows_to_verify(shape, 100 * 100, 6));
  EXPECT_EQ(rows, rows_to_verify(shape, 100 * 100, 5));
  EXPECT_EQ(rows_to_verify(shape, 1, 5).size(), 1U);
  const Json json = verification_json(verify(exact_product(shape), shape, rows), std::nullopt);
  EXPECT_EQ(json.at("rows_verified").get<int>(), 100);
  EXPECT_EQ(json.at("rows").get<int>(), 1003);
  EXPECT_NE(json.at("method").get<std::string>(), "every element");
}

TEST(Verification, BoundsFollowFromTheFormats) {
  // gamma_k = k u / (1 - k u), plus the rounding of the result to float32.
  const double u = std::ldexp(1.0, -24);
  const auto f32 = rounding_of(ElementType::f32, ElementType::f32);
  ASSERT_TRUE(f32.has_value());
  const double gamma = 100 * u / (1 - 100 * u);
  EXPECT_NEAR(relative_error_bound(*f32, 100), (1 + gamma) * (1 + u) - 1, 1e-15);
  const auto f64 = rounding_of(ElementType::f64, ElementType::f64);
  EXPECT_LT(relative_error_bound(*f64, 100), 1.2e-14);
  EXPECT_GT(relative_error_bound(*rounding_of(ElementType::bf16, ElementType::f32), 100),
            relative_error_bound(*f32, 100));
  EXPECT_FALSE(rounding_of(ElementType::s8, ElementType::f32).has_value());
}

}  // namespace
}  // namespace jb::harness
