// Are the draws those of Philox4x32-10, keyed by element, and distributed as they say?
#include "backends/core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "backends/core/kernels.h"

namespace jb {
namespace {

const RandomStream& stream() {
  static const RandomStream s(42, 3, tag_of("random_test"), 9);
  return s;
}

std::vector<float> normals(std::size_t count, std::uint64_t call) {
  std::vector<float> z(count);
  stream().normals(z, 5, 0, call);
  return z;
}

double covariance(const std::vector<float>& x, const std::vector<float>& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * y[i];
  return sum / static_cast<double>(x.size());
}

TEST(Random, WordsOfTheVectorKernelsAreRandom123s) {
  // Uniforms are made from one word each; rebuild them from the scalar words of Random123.
  std::vector<float> u(1000);
  const std::int64_t row = (std::int64_t{1} << 33) + 12345;
  const std::uint64_t call = (std::uint64_t{1} << 40) + 77;
  stream().uniforms(u, row, 17, call);
  for (std::size_t i = 0; i < u.size(); ++i) {
    const std::uint32_t word = stream().word(row, static_cast<std::int64_t>(i) + 17, call);
    const double exact = (static_cast<double>(word) + 0.5) / 4294967296.0;
    ASSERT_NEAR(u[i], exact, 6.0e-8) << i;  // one rounding to float
    ASSERT_GT(u[i], 0.0F);
    ASSERT_LT(u[i], 1.0F);
  }
}

/// Floats between x and y, counted through zero.
std::int64_t ulps_between(float x, float y) {
  const auto place = [](float v) {
    const auto bits = std::bit_cast<std::int32_t>(v);
    return bits < 0 ? -static_cast<std::int64_t>(bits & 0x7FFFFFFF) : std::int64_t{bits};
  };
  return std::abs(place(x) - place(y));
}

TEST(Random, EveryInstructionSetDrawsTheSameWordsAndNearlyTheSameNormals) {
  constexpr std::int64_t kBlocks = 1 << 12;
  const kernels::PhiloxBlock block{1, 2, 3, 4, 5, 6};
  constexpr auto kSize = static_cast<std::size_t>(kBlocks * 64);
  std::vector<std::uint32_t> words[3];
  std::vector<float> uniforms[3];
  std::vector<float> z[3];
  const kernels::RandomKernel* const all[3] = {&kernels::baseline::kRandom, &kernels::avx2::kRandom,
                                               &kernels::avx512::kRandom};
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  for (int i = 0; i < 3; ++i) {
    if ((i == 1 && !has_avx2) || (i == 2 && !has_avx512)) continue;
    words[i].resize(kSize);
    uniforms[i].resize(kSize);
    z[i].resize(kSize);
    all[i]->words(block, kBlocks, words[i].data());
    all[i]->uniforms(block, kBlocks, uniforms[i].data());
    all[i]->normals(block, kBlocks, z[i].data());
    ASSERT_EQ(words[0], words[i]);
    ASSERT_EQ(uniforms[0], uniforms[i]);  // one rounding, whatever the instruction
    double apart = 0;                     // in ulps of the larger of 1 and |z|
    std::int64_t beyond_two = 0;
    for (std::size_t j = 0; j < kSize; ++j) {
      const auto one = static_cast<double>(z[0][j]);
      const double ulp = std::ldexp(std::max(1.0, std::fabs(one)), -23);
      apart = std::max(apart, std::fabs(one - static_cast<double>(z[i][j])) / ulp);
      beyond_two += ulps_between(z[0][j], z[i][j]) > 2 ? 1 : 0;
    }
    // Contraction changes the rounding of some steps of the polynomials: an ulp or two. Where z is
    // near 0 its own ulps are smaller than the errors of what it is a product of: 1 in 262,144
    // seen.
    EXPECT_LE(apart, 2) << i;
    EXPECT_LE(beyond_two, static_cast<std::int64_t>(kSize / 10000)) << i;
  }
}

TEST(Random, AnElementsDrawDoesNotDependOnTheCut) {
  std::vector<float> whole(500);
  stream().normals(whole, 11, 0, 2);
  for (std::int64_t col = 0; col < 500; col += 37) {
    EXPECT_EQ(whole[static_cast<std::size_t>(col)], stream().normal(11, col, 2));
  }
  std::vector<float> part(100);
  stream().normals(part, 11, 70, 2);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 70));
}

TEST(Random, NormalsHaveTheMomentsAndTailsOfANormal) {
  const std::size_t n = 1 << 22;
  const std::vector<float> z = normals(n, 0);
  double m1 = 0;
  double m2 = 0;
  double m4 = 0;
  double beyond3 = 0;
  double beyond4 = 0;
  for (const float x : z) {
    const double v = x;
    m1 += v;
    m2 += v * v;
    m4 += v * v * v * v;
    beyond3 += std::fabs(v) > 3 ? 1 : 0;
    beyond4 += std::fabs(v) > 4 ? 1 : 0;
  }
  const auto count = static_cast<double>(n);
  // Five standard errors: of the mean 1, of x^2 sqrt(2), of x^4 sqrt(96), of counts sqrt(n p).
  EXPECT_NEAR(m1 / count, 0, 5 / std::sqrt(count));
  EXPECT_NEAR(m2 / count, 1, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(m4 / count, 3, 5 * std::sqrt(96 / count));
  const double p3 = 2.699796063260207e-3;
  const double p4 = 6.334248366623993e-5;
  EXPECT_NEAR(beyond3, p3 * count, 5 * std::sqrt(p3 * count));
  EXPECT_NEAR(beyond4, p4 * count, 5 * std::sqrt(p4 * count));
}

TEST(Random, StreamsRowsCallsAndKeysAreUncorrelated) {
  const std::size_t n = 1 << 18;
  const double limit = 5 / std::sqrt(static_cast<double>(n));  // five standard errors
  const std::vector<float> z = normals(n, 0);
  EXPECT_LT(std::fabs(covariance(z, normals(n, 1))), limit);
  std::vector<float> other(n);
  stream().normals(other, 6, 0, 0);
  EXPECT_LT(std::fabs(covariance(z, other)), limit);
  const RandomStream keys[] = {{43, 3, tag_of("random_test"), 9},
                               {42, 4, tag_of("random_test"), 9},
                               {42, 3, tag_of("other"), 9},
                               {42, 3, tag_of("random_test"), 10}};
  for (const RandomStream& key : keys) {
    key.normals(other, 5, 0, 0);
    EXPECT_LT(std::fabs(covariance(z, other)), limit);
  }
  std::vector<float> shifted(z.begin() + 1, z.end());
  shifted.push_back(z.front());
  EXPECT_LT(std::fabs(covariance(z, shifted)), limit);
}

TEST(Random, UniformsPassAKolmogorovSmirnovTest) {
  std::vector<float> u(1 << 18);
  stream().uniforms(u, 0, 0, 0);
  std::sort(u.begin(), u.end());
  double distance = 0;
  const auto n = static_cast<double>(u.size());
  for (std::size_t i = 0; i < u.size(); ++i) {
    distance = std::max(distance, std::fabs(u[i] - (static_cast<double>(i) + 0.5) / n));
  }
  EXPECT_LT(distance, 2.5 / std::sqrt(n));  // P < 1e-5 (Kolmogorov: 2 exp(-2 * 2.5^2))
}

}  // namespace
}  // namespace jb
