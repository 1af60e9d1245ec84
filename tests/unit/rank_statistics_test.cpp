// Statistics against SciPy 1.10.1 (Debian's python3-scipy); the call stands beside each value.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "results/statistics/bootstrap.h"
#include "results/statistics/constants.h"
#include "results/statistics/rank_test.h"
#include "results/statistics/shares.h"
#include "tests/support/sample_record.h"

namespace jb::results {
namespace {

using Sample = std::vector<double>;

Sample range(int n, double step, double first) {
  Sample values;
  for (int i = 0; i < n; ++i) values.push_back(i * step + first);
  return values;
}

TEST(MannWhitney, ExactPValuesAreSciPys) {
  // scipy.stats.mannwhitneyu([1,2,3], [4,5,6], method='exact')
  RankTest test = mann_whitney({1, 2, 3}, {4, 5, 6});
  EXPECT_TRUE(test.exact);
  EXPECT_EQ(test.u, 0);
  EXPECT_NEAR(test.p_value, 0.1, 1e-15);
  // scipy.stats.mannwhitneyu([10.1,...], [10.6,...], method='exact')
  test = mann_whitney({10.1, 10.3, 9.9, 10.2, 10.05, 10.15, 9.95, 10.25, 10.0, 10.12},
                      {10.6, 10.4, 10.55, 10.35, 10.2001, 10.5, 10.45, 10.31, 10.65, 10.11});
  EXPECT_EQ(test.u, 7);
  EXPECT_NEAR(test.p_value, 0.0004871289701011063, 1e-14);
  // scipy.stats.mannwhitneyu([1,5,9,13,2,8,30], [3,4,6,20], method='exact')
  test = mann_whitney({1, 5, 9, 13, 2, 8, 30}, {3, 4, 6, 20});
  EXPECT_EQ(test.u, 15);
  EXPECT_NEAR(test.p_value, 0.9272727272727272, 1e-14);
  // scipy.stats.mannwhitneyu(np.arange(20.), np.arange(20) + 4.5, method='exact')
  test = mann_whitney(range(20, 1, 0), range(20, 1, 4.5));
  EXPECT_TRUE(test.exact);
  EXPECT_NEAR(test.p_value, 0.030411256038764864, 1e-14);
}

TEST(MannWhitney, TiesAndLargeSamplesTakeTheNormalApproximation) {
  // scipy.stats.mannwhitneyu(a, b, method='asymptotic', use_continuity=True)
  RankTest test = mann_whitney({1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30},
                               {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29});
  EXPECT_FALSE(test.exact);
  EXPECT_EQ(test.u, 58);
  EXPECT_NEAR(test.p_value, 0.13291945818531892, 1e-14);
  // scipy.stats.mannwhitneyu(np.arange(25.), np.arange(25) * 1.1 + 0.55, method='asymptotic')
  test = mann_whitney(range(25, 1, 0), range(25, 1.1, 0.55));
  EXPECT_FALSE(test.exact);
  EXPECT_NEAR(test.p_value, 0.44922293322874407, 1e-14);
  EXPECT_EQ(mann_whitney({1, 1}, {1, 1}).p_value, 1);
  EXPECT_EQ(mann_whitney({}, {1, 1}).p_value, 1);
}

TEST(MannWhitney, TheSmallestPValueIsThatOfSeparateSamples) {
  EXPECT_NEAR(least_p_value(10, 10), 2.0 / 184756, 1e-15);  // 20 over 10
  EXPECT_NEAR(least_p_value(3, 3), mann_whitney({1, 2, 3}, {4, 5, 6}).p_value, 1e-15);
}

TEST(Holm, AdjustsAsThePaperDoes) {
  // p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") of R: 0.03 0.06 0.06 0.02
  const Sample adjusted = holm_adjusted({0.01, 0.04, 0.03, 0.005});
  const Sample expected = {0.03, 0.06, 0.06, 0.02};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-15);
  EXPECT_EQ(holm_adjusted({0.6, 0.9}), (Sample{1, 1}));
  EXPECT_TRUE(holm_adjusted({}).empty());
}

TEST(Shares, WilsonIntervalsAreSciPys) {
  struct Case {
    std::int64_t successes, trials;
    double low, high;
  };
  // scipy.stats.binomtest(k, n).proportion_ci(method='wilson')
  for (const Case& c :
       {Case{81, 263, 0.2552885198782742, 0.36620957698280004}, Case{0, 20, 0, 0.16112515805281935},
        Case{1, 29, 0.006113214292762667, 0.17175521879320282},
        Case{9705, 10000, 0.9669987234833, 0.9736399340498934}}) {
    EXPECT_NEAR(wilson_interval(c.successes, c.trials).low, c.low, 1e-12);
    EXPECT_NEAR(wilson_interval(c.successes, c.trials).high, c.high, 1e-12);
  }
}

TEST(Shares, McNemarIsTheExactBinomialTest) {
  // scipy.stats.binomtest(min(g, l), g + l, 0.5).pvalue; lgamma of 270 is good to 1e-13 relative
  EXPECT_NEAR(mcnemar_p_value(1, 9), 0.021484375, 1e-12);
  EXPECT_NEAR(mcnemar_p_value(0, 6), 0.03125, 1e-12);
  EXPECT_NEAR(mcnemar_p_value(11, 29), 0.006426576095691416, 1e-12);
  EXPECT_NEAR(mcnemar_p_value(120, 150), 0.07738939898021883, 1e-12);
  EXPECT_NEAR(mcnemar_p_value(5, 5), 1, 1e-12);
}

// Medians of resamples take few values: a quantile of theirs is off by at most one of these steps,
// and by none where the share of resamples on both sides of the quantile is not near 2.5 %.
TEST(Bootstrap, MedianIntervalsAreSciPys) {
  constexpr std::size_t kResamples = 50000;
  Sample s = {4.1, 4.5, 3.9, 4.2, 4.4, 4.0, 4.3, 5.2, 4.15, 4.35};
  std::sort(s.begin(), s.end());
  // scipy.stats.bootstrap((s,), np.median, n_resamples=100000, method='percentile', axis=0)
  BootstrapInterval interval = bootstrap_median(s, ResamplingPlan(s.size(), kResamples, 1));
  EXPECT_NEAR(interval.low, 4.075, 0.025);
  EXPECT_NEAR(interval.high, 4.425, 0.025);
  const Sample odd = {2, 3, 5, 7, 11, 13, 17};
  interval = bootstrap_median(odd, ResamplingPlan(odd.size(), kResamples, 1));
  EXPECT_EQ(interval.low, 3);
  EXPECT_EQ(interval.high, 13);
}

TEST(Bootstrap, RatiosOfMediansAreSciPys) {
  Sample s = {4.1, 4.5, 3.9, 4.2, 4.4, 4.0, 4.3, 5.2, 4.15, 4.35};
  Sample t = {5.1, 5.5, 4.9, 5.2, 5.4, 5.0, 5.3, 6.2, 5.15, 5.35};
  std::sort(s.begin(), s.end());
  std::sort(t.begin(), t.end());
  ResamplingPlans plans(50000, 1);
  // scipy.stats.bootstrap((s, t), lambda x, y, axis: np.median(y, axis) / np.median(x, axis),
  //                       n_resamples=100000, method='percentile'); the standard error of a
  //                       quantile
  // of 50000 ratios with this density is below 0.001.
  const BootstrapInterval interval =
      bootstrap_median_ratio(s, plans.plan(10, 0), t, plans.plan(10, 1));
  EXPECT_NEAR(interval.low, 1.1704545454545454, 0.004);
  EXPECT_NEAR(interval.high, 1.3048780487804879, 0.004);
}

TEST(Bootstrap, PlansAreTheSameEveryTimeAndDifferBetweenSides) {
  ResamplingPlans plans(500, 7);
  const Sample s = {1, 2, 3, 4, 5, 6};
  const ResamplingPlan again(6, 500, 7);
  std::size_t other = 0;
  for (std::size_t r = 0; r < 500; ++r) {
    EXPECT_EQ(plans.plan(6, 0).median(r, s), again.median(r, s));
    other += plans.plan(6, 0).median(r, s) != plans.plan(6, 1).median(r, s) ? 1 : 0;
  }
  EXPECT_GT(other, 100U);
}

Record with_rows(const std::vector<RecordRow>& rows) {
  Record record;
  record.work.macs = 1;
  record.ledger = rows;
  return record;
}

RecordRow row(const std::string& constant, const std::string& cls, double energy_J) {
  RecordRow r = test::sample_row("part", Category::compute, Boundary::B0, 1, energy_J);
  r.constant = constant;
  r.cls = cls;
  return r;
}

TEST(Constants, ClassesHold95PercentWithinTheirFactor) {
  ConstantDraws draws;
  for (const auto& [cls, factor] :
       {std::pair{"A", 1.1}, std::pair{"B", 1.3}, std::pair{"C", 2.0}, std::pair{"D", 5.0}}) {
    const Sample& drawn = draws.factors(std::string("constant of ") + cls, cls);
    ASSERT_EQ(drawn.size(), ConstantDraws::kDraws);
    const auto inside = std::count_if(drawn.begin(), drawn.end(),
                                      [f = factor](double x) { return x >= 1 / f && x <= f; });
    // Binomial with p = 0.95: four standard deviations are 39 of 2000.
    EXPECT_NEAR(static_cast<double>(inside), 1900, 39) << cls;
  }
  for (const double f : draws.factors("x", "exact")) EXPECT_EQ(f, 1);
}

TEST(Constants, IntervalsOfSumsAreThoseOfTheDistribution) {
  // np.quantile(1.0 * lognormal(ln 5 / 1.96) + 2.0 * lognormal(ln 1.3 / 1.96), [0.025, 0.975]) of
  // 2e6 draws: 2.0212, 7.0499. With 2000 draws the 97.5 % quantile of the heavy tail has a standard
  // error of about 0.3, the 2.5 % quantile one of 0.02.
  Record record = with_rows({row("d", "D", 1), row("b", "B", 2)});
  record.quantities["energy_B0_J_per_mac"] = test::modelled(3);
  ConstantDraws draws;
  add_constant_intervals(record, draws);
  const Quantity& q = record.quantities["energy_B0_J_per_mac"];
  EXPECT_EQ(q.interval_kind, "constants");
  EXPECT_NEAR(q.ci_low.value_or(0), 2.0212, 0.06);
  EXPECT_NEAR(q.ci_high.value_or(0), 7.0499, 0.9);
}

TEST(Constants, RowsThatShareAConstantMoveTogether) {
  ConstantDraws draws;
  const Sample one = drawn_energies(with_rows({row("d", "D", 3)}), Boundary::B0, draws);
  const Sample split =
      drawn_energies(with_rows({row("d", "D", 1), row("d", "D", 2)}), Boundary::B0, draws);
  const Sample other = drawn_energies(with_rows({row("e", "D", 3)}), Boundary::B0, draws);
  std::size_t differs = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(one[i], split[i], 1e-12 * one[i]);
    differs += std::abs(one[i] - other[i]) > 1e-6 ? 1 : 0;
  }
  EXPECT_GT(differs, one.size() * 9 / 10) << "another constant is drawn on its own";
}

TEST(Constants, TornadoPutsTheLongestBarFirst) {
  const std::vector<TornadoBar> bars = tornado(
      with_rows({row("b", "B", 10), row("d", "D", 1), row("d", "D", 1), row("sure", "exact", 100)}),
      Boundary::B0);
  ASSERT_EQ(bars.size(), 2U);
  EXPECT_EQ(bars[0].constant, "d");
  EXPECT_NEAR(bars[0].high_J_per_mac, 112 + 2 * 4, 1e-9);     // 2 J x 5
  EXPECT_NEAR(bars[0].low_J_per_mac, 112 - 2 * 0.8, 1e-9);    // 2 J / 5
  EXPECT_NEAR(bars[1].high_J_per_mac, 112 + 10 * 0.3, 1e-9);  // 10 J x 1.3
  EXPECT_NEAR(bars[1].share, 10.0 / 112, 1e-12);
}

}  // namespace
}  // namespace jb::results
