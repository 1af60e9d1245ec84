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
  const std::int64_t shapes[][3] = {{1, 1, 1},
                                    {1, 100, 784},
                                    {7, 1, 13},
                                    {31, 37, 41},
                                    {64, 64, 64},
                                    {97, 33, 300},
                                    {15, 129, 513},
                                    // Deeper than a packed block, and every height of a last tile.
                                    {5, 40, 2100},
                                    {2, 70, 5},
                                    {3, 70, 5},
                                    {4, 70, 5},
                                    {6, 70, 5},
                                    {8, 70, 5},
                                    {9, 70, 5},
                                    {10, 70, 5},
                                    {11, 70, 5},
                                    {12, 70, 5},
                                    {13, 70, 5},
                                    {14, 70, 5}};
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

TEST(Gemm, DoesNotRoundDifferentlyWhereATileIsCut) {
  // Rows alone, in pairs and all together: an element's sum is formed in one order.
  const Matrix<float> a = random_matrix<float>(29, 1500, 1);
  const Matrix<float> b = random_matrix<float>(1500, 75, 2);
  const PackedMatrix<float> packed(b.view());
  Matrix<float> whole(29, 75);
  gemm(a.view(), packed, whole.view());
  for (const std::int64_t height : {1, 2, 14, 15}) {
    Matrix<float> cut(29, 75);
    for (std::int64_t row = 0; row < 29; row += height) {
      const std::int64_t rows = std::min<std::int64_t>(height, 29 - row);
      gemm(a.view().block(row, 0, rows, 1500), packed, cut.view().block(row, 0, rows, 75));
    }
    EXPECT_EQ(0, std::memcmp(whole.data(), cut.data(), sizeof(float) * 29 * 75)) << height;
  }
}

/// Collects strips into one matrix per segment and counts how often each element came.
template <class T>
struct Collected {
  std::vector<Matrix<SumOf<T>>> sums;
  std::vector<Matrix<int>> times;

  Collected(MatrixView<const T> a, const std::vector<PackedMatrix<T>>& segments) {
    const std::int64_t n = segments[0].cols();
    for (std::size_t s = 0; s < segments.size(); ++s) {
      sums.emplace_back(a.rows, n);
      times.emplace_back(a.rows, n);
    }
    gemm_segments<T>(a, segments, [&](const SumStrip<T>& strip) {
      EXPECT_LE(strip.sums.rows, kStripRows);
      EXPECT_LE(strip.sums.cols, kStripCols);
      EXPECT_EQ(strip.col % kStripCols, 0);
      const auto s = static_cast<std::size_t>(strip.segment);
      for (std::int64_t i = 0; i < strip.sums.rows; ++i) {
        for (std::int64_t j = 0; j < strip.sums.cols; ++j) {
          sums[s](strip.row + i, strip.col + j) = strip.sums(i, j);
          ++times[s](strip.row + i, strip.col + j);
          // Segments of a strip follow each other: the one before is there already.
          if (s > 0) {
            EXPECT_EQ(times[s - 1](strip.row + i, strip.col + j), 1);
          }
        }
      }
    });
  }
};

template <class T>
void expect_segments_are_products(MatrixView<const T> a, MatrixView<const T> b,
                                  const std::vector<std::int64_t>& lengths) {
  // Packed together, or each alone: the sums are the same.
  const std::vector<PackedMatrix<T>> together = pack_segments<T>(b, lengths);
  std::vector<PackedMatrix<T>> segments;
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    segments.emplace_back(b.block(begin, 0, length, b.cols));
    begin += length;
  }
  ASSERT_EQ(begin, b.rows);
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    const Collected<T> collected(a, threads == 2 ? segments : together);
    begin = 0;
    for (std::size_t s = 0; s < segments.size(); ++s) {
      Matrix<SumOf<T>> product(a.rows, b.cols);
      gemm<T>(a.block(0, begin, a.rows, lengths[s]), segments[s], product.view());
      begin += lengths[s];
      for (std::int64_t i = 0; i < product.size(); ++i) {
        ASSERT_EQ(collected.times[s].data()[i], 1) << "segment " << s << " element " << i;
        ASSERT_EQ(collected.sums[s].data()[i], product.data()[i])
            << "segment " << s << " element " << i;
      }
    }
  }
  set_thread_count(available_threads());
}

TEST(GemmSegments, HandsOverTheSumsOfGemmOnceEach) {
  const Matrix<float> a = random_matrix<float>(123, 1333, 1);
  const Matrix<float> b = random_matrix<float>(1333, 201, 2);
  expect_segments_are_products<float>(a.view(), b.view(), {128, 128, 0, 1077});
  expect_segments_are_products<float>(a.view(), b.view(), {1333});
  const Matrix<double> a64 = random_matrix<double>(37, 300, 1);
  const Matrix<double> b64 = random_matrix<double>(300, 90, 2);
  expect_segments_are_products<double>(a64.view(), b64.view(), {100, 100, 100});
  // Few rows: threads share the columns.
  expect_segments_are_products<double>(a64.view().block(0, 0, 3, 300), b64.view(), {150, 150});
}

TEST(GemmSegments, TakesBytesAndTransposedViews) {
  Matrix<std::int8_t> a(45, 300);
  Matrix<std::int8_t> b(300, 70);
  for (std::int64_t i = 0; i < a.size(); ++i) {
    a.data()[i] = static_cast<std::int8_t>(i * 37 % 256 - 128);
  }
  for (std::int64_t i = 0; i < b.size(); ++i) {
    b.data()[i] = static_cast<std::int8_t>(i * 91 % 256 - 128);
  }
  expect_segments_are_products<std::int8_t>(std::as_const(a).view(), std::as_const(b).view(),
                                            {99, 201});
  const Matrix<float> a_t = random_matrix<float>(64, 45, 1);
  const Matrix<float> b_t = random_matrix<float>(70, 64, 2);
  expect_segments_are_products<float>(a_t.view().transposed(), b_t.view().transposed(), {30, 34});
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
