// Does the product routine compute the product, and the same bytes however it is cut?
#include "backends/core/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "backends/core/random.h"
#include "backends/core/threads.h"

namespace jb {
namespace {

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t call) {
  const RandomStream stream(7, 0, tag_of("gemm_test"), 0);
  std::vector<float> row(static_cast<std::size_t>(cols));
  Matrix<T> x(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    stream.normals(row, i, 0, call);
    for (std::int64_t j = 0; j < cols; ++j) x(i, j) = row[static_cast<std::size_t>(j)];
  }
  return x;
}

template <class T>
void expect_product(std::int64_t m, std::int64_t n, std::int64_t k) {
  const Matrix<T> a = random_matrix<T>(m, k, 1);
  const Matrix<T> b = random_matrix<T>(k, n, 2);
  Matrix<T> c(m, n);
  gemm(a.view(), b.view(), c.view());
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      long double sum = 0;
      long double magnitude = 0;
      for (std::int64_t p = 0; p < k; ++p) {
        const long double term = static_cast<long double>(a(i, p)) * b(p, j);
        sum += term;
        magnitude += std::fabs(term);
      }
      // Any order of summation: error at most k eps times the sum of magnitudes (Higham, 3.1).
      const long double bound =
          static_cast<long double>(k + 1) * std::numeric_limits<T>::epsilon() * magnitude;
      ASSERT_NEAR(static_cast<double>(c(i, j)), static_cast<double>(sum),
                  static_cast<double>(bound))
          << m << "," << n << "," << k << " at " << i << "," << j;
    }
  }
}

TEST(Gemm, ComputesTheProductOfManyShapes) {
  const std::int64_t shapes[][3] = {{1, 1, 1},    {1, 100, 784}, {7, 1, 13},    {31, 37, 41},
                                    {64, 64, 64}, {97, 33, 300}, {15, 129, 513}};
  for (const auto& s : shapes) {
    expect_product<float>(s[0], s[1], s[2]);
    expect_product<double>(s[0], s[1], s[2]);
  }
}

TEST(Gemm, ClearsCForAnEmptySumAndKeepsItWhenAccumulating) {
  Matrix<float> a(3, 0);
  Matrix<float> b(0, 4);
  Matrix<float> c(3, 4);
  c(1, 2) = 5;
  gemm<float>(a.view(), b.view(), c.view(), true);
  EXPECT_EQ(c(1, 2), 5);
  gemm<float>(a.view(), b.view(), c.view());
  EXPECT_EQ(c(1, 2), 0);
}

TEST(Gemm, TakesStridedAndTransposedViews) {
  const Matrix<double> a = random_matrix<double>(40, 23, 1);
  const Matrix<double> b = random_matrix<double>(23, 19, 2);
  Matrix<double> plain(40, 19);
  gemm(a.view(), b.view(), plain.view());

  Matrix<double> a_t(23, 40);
  for (std::int64_t i = 0; i < 40; ++i) {
    for (std::int64_t j = 0; j < 23; ++j) a_t(j, i) = a(i, j);
  }
  Matrix<double> c_t(19, 40);
  const MatrixView<const double> a_view = std::as_const(a_t).view().transposed();
  gemm(a_view, b.view(), c_t.view().transposed());
  for (std::int64_t i = 0; i < 40; ++i) {
    for (std::int64_t j = 0; j < 19; ++j) ASSERT_EQ(plain(i, j), c_t(j, i));
  }
}

TEST(Gemm, GivesTheSameBytesForAnyThreadCountAndRowCut) {
  const Matrix<float> a = random_matrix<float>(213, 700, 1);
  const Matrix<float> b = random_matrix<float>(700, 301, 2);
  const PackedMatrix<float> packed(b.view());
  set_thread_count(1);
  Matrix<float> one(213, 301);
  gemm(a.view(), packed, one.view());
  for (const int threads : {2, 3}) {
    set_thread_count(threads);
    Matrix<float> many(213, 301);
    gemm(a.view(), packed, many.view());
    EXPECT_EQ(0, std::memcmp(one.data(), many.data(), sizeof(float) * 213 * 301));
  }
  Matrix<float> cut(213, 301);
  for (std::int64_t row = 0; row < 213; row += 17) {
    const std::int64_t height = std::min<std::int64_t>(17, 213 - row);
    gemm(a.view().block(row, 0, height, 700), packed, cut.view().block(row, 0, height, 301));
  }
  EXPECT_EQ(0, std::memcmp(one.data(), cut.data(), sizeof(float) * 213 * 301));
  set_thread_count(available_threads());
}

TEST(Gemm, MultipliesBytesExactlyAndWraps) {
  // 140,000 products of (-128)(-128) pass 2^31 and wrap: 140000 * 16384 - 2^32 = -2001207296.
  const std::int64_t k = 140000;
  Matrix<std::int8_t> a(1, k);
  Matrix<std::int8_t> b(k, 2);
  for (std::int64_t p = 0; p < k; ++p) {
    a(0, p) = -128;
    b(p, 0) = -128;
    b(p, 1) = p < 1000 ? std::int8_t{127} : std::int8_t{0};
  }
  Matrix<std::int32_t> c(1, 2);
  gemm<std::int8_t>(a.view(), b.view(), c.view());
  EXPECT_EQ(c(0, 0), static_cast<std::int32_t>(140000LL * 16384 - 4294967296LL));
  EXPECT_EQ(c(0, 1), -128 * 127 * 1000);
}

}  // namespace
}  // namespace jb
