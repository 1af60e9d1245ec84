// Are counts drawn from the Poisson law, for small and large means, far into the tails?

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "backends/core/kernels.h"
#include "backends/core/random.h"

namespace jb {
namespace {

const RandomStream& stream() {
  static const RandomStream s(42, 3, tag_of("random_poisson_test"), 9);
  return s;
}

std::vector<double> draws(double mean, std::size_t count, std::int64_t row = 0) {
  std::vector<double> k(count, mean);
  stream().poisson(k, k, row, 0, 0);
  return k;
}

double log_probability(double k, double mean) {
  return k * std::log(mean) - mean - std::lgamma(k + 1);
}

/// P(X = k) for k = first, first + 1, ... over the twelve standard deviations around the mean.
struct Law {
  double first = 0;
  std::vector<double> probability;

  explicit Law(double mean) {
    const double reach = 12 * std::sqrt(mean) + 40;
    first = std::max(0.0, std::floor(mean - reach));
    for (double k = first; k <= mean + reach; ++k) {
      probability.push_back(std::exp(log_probability(k, mean)));
    }
  }
};

TEST(RandomPoisson, InversionGivesTheCountOfTheElementsWord) {
  for (const double mean :
       {1e-12, 1e-3, 0.05, 0.7, 3.999, 4.0, 4.7, 6.5, 9.0, 12.0, 17.0, 29.99, 31.0, 80.0, 600.0}) {
    const std::vector<double> k = draws(mean, 20000, 7);
    for (std::size_t i = 0; i < k.size(); ++i) {
      const std::uint32_t word = stream().word(7, static_cast<std::int64_t>(i), 0);
      const long double u = (static_cast<long double>(word) + 0.5L) / 4294967296.0L;
      long double term = std::exp(-static_cast<long double>(mean));  // above 1e-4900
      long double sum = term;
      long double count = 0;
      while (u > sum) {
        count += 1;
        term *= static_cast<long double>(mean) / count;
        sum += term;
      }
      // The sum of doubles is off by less than 1e-13; no u of this test lies so near to a step.
      ASSERT_EQ(k[i], static_cast<double>(count)) << "mean " << mean << ", column " << i;
    }
  }
}

TEST(RandomPoisson, CountsPassAChiSquareTest) {
  for (const double mean : {0.05, 0.7, 4.0, 12.0, 29.9, 30.0, 41.0, 80.0, 250.0, 1000.0}) {
    constexpr std::size_t kDraws = 1000000;
    const Law law(mean);
    std::vector<double> seen(law.probability.size(), 0.0);
    for (const double k : draws(mean, kDraws)) {
      ASSERT_GE(k, law.first);  // P < 1e-30
      ASSERT_LT(k - law.first, static_cast<double>(seen.size()));
      seen[static_cast<std::size_t>(k - law.first)] += 1;
    }
    double sum = 0;
    double cells = 0;
    double pooled_seen = 0;
    double expected = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      expected += static_cast<double>(kDraws) * law.probability[i];
      pooled_seen += seen[i];
      // At least 25 expected counts in a cell, so that its square is chi-square distributed.
      if (expected < 25) continue;
      sum += (pooled_seen - expected) * (pooled_seen - expected) / expected;
      cells += 1;
      pooled_seen = expected = 0;
    }
    const double freedom = cells - 1;
    ASSERT_GT(freedom, 0) << mean;
    // Mean f and variance 2 f: five standard deviations.
    EXPECT_LT(sum, freedom + 5 * std::sqrt(2 * freedom)) << "mean " << mean;
  }
}

TEST(RandomPoisson, TailsHaveTheirShareOnBothSides) {
  constexpr std::size_t kDraws = 1 << 22;
  const auto total = static_cast<double>(kDraws);
  for (const double mean : {0.5, 10.0, 29.9, 30.0, 100.0, 1e4, 1e6}) {
    const Law law(mean);
    const std::vector<double> k = draws(mean, kDraws, 1);
    // Thresholds with about 1e-2, 1e-4 and 1e-5 of the law beyond them.
    for (const double share : {1e-2, 1e-4, 1e-5}) {
      double upper = 0;
      std::size_t i = law.probability.size();
      while (upper + law.probability[i - 1] < share) upper += law.probability[--i];
      const double above = law.first + static_cast<double>(i);
      EXPECT_NEAR(static_cast<double>(
                      std::count_if(k.begin(), k.end(), [&](double x) { return x >= above; })),
                  upper * total, 5 * std::sqrt(upper * total) + 1)
          << "mean " << mean << ", at least " << above;
      double lower = 0;
      std::size_t j = 0;
      while (lower + law.probability[j] < share) lower += law.probability[j++];
      const double below = law.first + static_cast<double>(j);
      EXPECT_NEAR(static_cast<double>(
                      std::count_if(k.begin(), k.end(), [&](double x) { return x < below; })),
                  lower * total, 5 * std::sqrt(lower * total) + 1)
          << "mean " << mean << ", below " << below;
    }
  }
}

TEST(RandomPoisson, MomentsAreThoseOfTheLaw) {
  constexpr std::size_t kDraws = 1 << 21;
  const auto n = static_cast<double>(kDraws);
  for (const double mean : {0.01, 1.0, 29.0, 31.0, 1e3, 1e7, 1e12, 1e18}) {
    double m1 = 0;
    double m2 = 0;
    double m3 = 0;
    for (const double k : draws(mean, kDraws, 2)) {
      const double z = (k - mean) / std::sqrt(mean);
      m1 += z;
      m2 += z * z;
      m3 += z * z * z;
    }
    // z has variance 1, skewness 1/sqrt(mean) and fourth moment 3 + 1/mean; that of z^3 is bounded
    // by E z^6 = 15 + 25/mean + 1/mean^2. Five standard errors.
    EXPECT_NEAR(m1 / n, 0, 5 / std::sqrt(n)) << mean;
    EXPECT_NEAR(m2 / n, 1, 5 * std::sqrt((2 + 1 / mean) / n)) << mean;
    EXPECT_NEAR(m3 / n, 1 / std::sqrt(mean), 5 * std::sqrt((15 + (25 + 1 / mean) / mean) / n))
        << mean;
  }
}

TEST(RandomPoisson, LargeMeansPassAKolmogorovSmirnovTest) {
  constexpr std::size_t kDraws = 1 << 18;
  const auto n = static_cast<double>(kDraws);
  for (const double mean : {1e4, 1e6, 1e9, 1e13}) {
    std::vector<double> k = draws(mean, kDraws, 3);
    std::sort(k.begin(), k.end());
    double distance = 0;
    for (std::size_t i = 0; i < k.size(); ++i) {
      // P(X <= k): Edgeworth's series to its first term, with continuity correction; what is left
      // out is below 1/mean.
      const double z = (k[i] + 0.5 - mean) / std::sqrt(mean);
      const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * 3.14159265358979323846);
      const double cdf =
          0.5 * std::erfc(-z / std::sqrt(2.0)) - density * (z * z - 1) / (6 * std::sqrt(mean));
      // The empirical law at k counts all its equals.
      if (i + 1 < k.size() && k[i + 1] == k[i]) continue;
      distance = std::max(distance, std::fabs(static_cast<double>(i + 1) / n - cdf));
    }
    // P < 1e-5 (Kolmogorov: 2 exp(-2 * 2.5^2)), plus the 1/mean and the step 1/n.
    EXPECT_LT(distance, 2.5 / std::sqrt(n) + 1 / mean + 1 / n) << mean;
  }
}

TEST(RandomPoisson, EveryInstructionSetDrawsTheSameCounts) {
  const kernels::PhiloxBlock block{1, 2, 3, 4, 5, 6};
  const kernels::PoissonKernel* const all[3] = {
      &kernels::baseline::kPoisson, &kernels::avx2::kPoisson, &kernels::avx512::kPoisson};
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  constexpr int kBlocks = 200;
  std::vector<double> small(kBlocks * 64);
  std::vector<double> large(small.size());
  std::vector<std::uint32_t> columns(small.size());
  std::vector<std::uint32_t> words(small.size());
  for (std::size_t i = 0; i < small.size(); ++i) {
    const auto col = static_cast<std::int64_t>(i);
    small[i] = 30.5 * static_cast<double>(stream().uniform(0, col, 5));
    large[i] = 30 * std::exp(40 * static_cast<double>(stream().uniform(1, col, 5)));
    columns[i] = static_cast<std::uint32_t>(i);
    words[i] = stream().word(2, col, 5);
  }
  std::vector<double> first_small, first_large;
  for (int isa = 0; isa < 3; ++isa) {
    if ((isa == 1 && !has_avx2) || (isa == 2 && !has_avx512)) continue;
    std::vector<double> counts(small.size());
    std::vector<double> attempts(large.size());
    for (std::size_t i = 0; i < large.size(); i += 16) {
      all[isa]->invert(words.data() + i, small.data() + i, counts.data() + i);
      all[isa]->attempt(block, columns.data() + i, large.data() + i, attempts.data() + i);
    }
    if (isa == 0) {
      first_small = counts;
      first_large = attempts;
    }
    EXPECT_EQ(counts, first_small);
    EXPECT_EQ(attempts, first_large);
  }
  const auto rejected = static_cast<double>(
      std::count(first_large.begin(), first_large.end(), kernels::kPoissonRejected));
  // PTRS accepts one attempt in 1.1 to 1.2 at these means (Hoermann 1993, section 4).
  EXPECT_GT(rejected, 0.03 * static_cast<double>(large.size()));
  EXPECT_LT(rejected, 0.20 * static_cast<double>(large.size()));
}

TEST(RandomPoisson, QuickInversionIsRightOrUnsureOnEveryInstructionSet) {
  const kernels::PhiloxBlock block{1, 2, 3, 4, 5, 6};
  const kernels::RandomKernel* const all[3] = {&kernels::baseline::kRandom, &kernels::avx2::kRandom,
                                               &kernels::avx512::kRandom};
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  constexpr int kBlocks = 2000;
  std::vector<double> mean(kBlocks * 64);
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const auto col = static_cast<std::int64_t>(i);
    // From 0.01 to 30, the whole range of searches and the worst of expansions.
    mean[i] = 0.01 * std::pow(3000.0, static_cast<double>(stream().uniform(6, col, 5)));
  }
  std::vector<std::uint32_t> words(mean.size());
  kernels::baseline::kRandom.words(block, kBlocks, words.data());
  std::vector<double> exact(mean.size());
  for (std::size_t i = 0; i < mean.size(); i += 16) {
    kernels::baseline::kPoisson.invert(words.data() + i, mean.data() + i, exact.data() + i);
  }
  for (int isa = 0; isa < 3; ++isa) {
    if ((isa == 1 && !has_avx2) || (isa == 2 && !has_avx512)) continue;
    std::vector<double> quick(mean.size());
    std::vector<std::uint64_t> bits(kBlocks);
    all[isa]->poisson(block, kBlocks, mean.data(), quick.data(), bits.data());
    double unsure = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      ASSERT_EQ((bits[i / 64] >> (i % 64)) & 1U, quick[i] == kernels::kPoissonUnsure ? 1U : 0U);
      if (quick[i] == kernels::kPoissonUnsure) {
        unsure += 1 / static_cast<double>(mean.size());
      } else {
        ASSERT_EQ(quick[i], exact[i]) << "mean " << mean[i] << ", word " << words[i];
      }
    }
    EXPECT_LT(unsure, 0.02) << "instruction set " << isa;
  }
}

TEST(RandomPoisson, AnElementsDrawDependsOnItsMeanAndCoordinatesAlone) {
  constexpr std::size_t kSize = 1000;
  std::vector<double> mean(kSize);
  for (std::size_t i = 0; i < kSize; ++i) {
    mean[i] = 100 * static_cast<double>(stream().uniform(4, static_cast<std::int64_t>(i), 6));
  }
  std::vector<double> whole(kSize);
  const std::int64_t row = (std::int64_t{1} << 33) + 5;
  const std::uint64_t call = (std::uint64_t{1} << 40) + 3;
  stream().poisson(whole, mean, row, 13, call);
  for (std::size_t i = 0; i < kSize; i += 7) {
    EXPECT_EQ(whole[i], stream().poisson(mean[i], row, static_cast<std::int64_t>(i) + 13, call));
  }
  for (const std::size_t size : {1U, 63U, 64U, 255U, 256U, 257U, 700U}) {
    for (const std::size_t first : {0U, 1U, 51U, 243U, 300U}) {
      std::vector<double> part(mean.begin() + static_cast<std::ptrdiff_t>(first),
                               mean.begin() + static_cast<std::ptrdiff_t>(first + size));
      stream().poisson(part, part, row, 13 + static_cast<std::int64_t>(first), call);  // in place
      EXPECT_TRUE(
          std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)))
          << first << " + " << size;
    }
  }
}

TEST(RandomPoisson, ElementsRowsAndCallsAreUncorrelated) {
  constexpr std::size_t kSize = 1 << 18;
  for (const double mean : {3.0, 300.0}) {
    const std::vector<double> k = draws(mean, kSize);
    std::vector<double> call(kSize, mean);
    stream().poisson(call, call, 0, 0, 1);
    std::vector<double> neighbour(k.begin() + 1, k.end());
    neighbour.push_back(k.front());
    for (const std::vector<double>& other : {draws(mean, kSize, 1), call, neighbour}) {
      double sum = 0;
      for (std::size_t i = 0; i < kSize; ++i) sum += (k[i] - mean) * (other[i] - mean) / mean;
      // Products of independent standardised counts have variance 1: five standard errors.
      EXPECT_LT(std::fabs(sum), 5 * std::sqrt(static_cast<double>(kSize))) << mean;
    }
  }
}

TEST(RandomPoisson, OddMeansAreHarmless) {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double none : {0.0, -0.0, -1.0, -inf, nan, 1e-300, 5e-324}) {
    for (std::int64_t col = 0; col < 100; ++col) EXPECT_EQ(stream().poisson(none, 8, col, 0), 0.0);
  }
  for (const double huge : {1e100, 1e200, inf}) {
    const double k = stream().poisson(huge, 8, 0, 0);
    EXPECT_TRUE(std::isfinite(k));
    EXPECT_GE(k, 0.999e100);
  }
  std::vector<double> nothing;
  stream().poisson(nothing, nothing, 0, 0, 0);
  // Among others a NaN changes nobody's count.
  std::vector<double> mixed(100, 50.0);
  mixed[50] = nan;
  mixed[51] = 2.0;
  stream().poisson(mixed, mixed, 9, 0, 0);
  EXPECT_EQ(mixed[50], 0.0);
  EXPECT_EQ(mixed[51], stream().poisson(2.0, 9, 51, 0));
  EXPECT_EQ(mixed[52], stream().poisson(50.0, 9, 52, 0));
}

}  // namespace
}  // namespace jb
