// Timing through Google Benchmark, and the intervals of its results.

#include "harness/timing.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <utility>

namespace jb::harness {
namespace {

TEST(Timing, ReportsEachRepetition) {
  if (!timing_available()) GTEST_SKIP() << timing_available().reason;
  std::int64_t calls = 0;
  const auto wait = [&] {
    ++calls;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    while (std::chrono::steady_clock::now() < end) {
    }
  };
  const Timing timing = time_repeatedly(wait, {0.005, 0.002, 3});
  ASSERT_EQ(timing.times_s.size(), 3U);
  EXPECT_GE(timing.iterations, 1);
  EXPECT_GE(calls, 3 * timing.iterations);
  for (const double time : timing.times_s) EXPECT_GE(time, 0.001);  // the body waits that long
  EXPECT_EQ(timing.engine.rfind("google-benchmark ", 0), 0U);
}

TEST(Timing, PassesExceptionsOnAndStaysUsable) {
  if (!timing_available()) GTEST_SKIP() << timing_available().reason;
  const TimingOptions quick{0.001, 0.001, 1};
  EXPECT_THROW(time_repeatedly([] { throw std::runtime_error("broken"); }, quick),
               std::runtime_error);
  EXPECT_EQ(time_repeatedly([] {}, quick).times_s.size(), 1U);
}

TEST(Timing, PrintsNothing) {
  if (!timing_available()) GTEST_SKIP() << timing_available().reason;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  time_repeatedly([] {}, {0.001, 0.001, 2});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// What a rule says of these times, each taking one second.
std::pair<StopReason, int> stopped_by(const TimingOptions& options,
                                      const std::function<double(int)>& time) {
  StoppingRule rule(options);
  int taken = 0;
  while (!rule.stop() && taken < 10000) {
    ++taken;
    rule.take(time(taken), taken);
  }
  return {rule.reason(), taken};
}

TEST(Stopping, ByCountIntervalNoiseAndTime) {
  const auto scatter = [](int i) { return 1 + 0.1 * (((i * 37) % 100) / 100.0 - 0.5); };
  EXPECT_EQ(stopped_by({0.1, 0, 6, 0, 1e9}, scatter), (std::pair{StopReason::count, 6}));
  EXPECT_EQ(stopped_by({0.1, 0, 6, 0.01, 1e9}, [](int) { return 1.0; }),
            (std::pair{StopReason::interval, 6}));
  // Independent scatter of 10 %: the interval becomes narrow with more samples.
  const auto [narrow, samples] = stopped_by({0.1, 0, 6, 0.02, 1e9}, scatter);
  EXPECT_EQ(narrow, StopReason::interval);
  EXPECT_GT(samples, 6);
  // A clock that goes up and down ever more slowly: the interval stays as wide as it was.
  const auto wandering = [](int i) { return 1 + 0.2 * std::sin(3 * std::log(i + 1.0)); };
  EXPECT_EQ(stopped_by({0.1, 0, 6, 0.001, 1e9}, wandering).first, StopReason::noise_floor);
  EXPECT_EQ(stopped_by({0.1, 0, 6, 1e-6, 12}, scatter), (std::pair{StopReason::time, 12}));
}

TEST(Statistics, MedianIntervalIsThatOfOrderStatistics) {
  // Conover, Practical Nonparametric Statistics: n = 6 -> [x1, x6] (96.9 %), n = 10 -> [x2, x9]
  // (97.9 %), n = 20 -> [x6, x15] (95.9 %); below six values no interval reaches 95 %.
  const auto ramp = [](int n) {
    std::vector<double> values;
    for (int i = n; i >= 1; --i) values.push_back(i);
    return values;
  };
  EXPECT_FALSE(median_interval(ramp(5)).low.has_value());
  EXPECT_EQ(median_interval(ramp(5)).median, 3);
  EXPECT_EQ(median_interval(ramp(6)).median, 3.5);
  EXPECT_EQ(median_interval(ramp(6)).low, 1);
  EXPECT_EQ(median_interval(ramp(6)).high, 6);
  EXPECT_EQ(median_interval(ramp(10)).low, 2);
  EXPECT_EQ(median_interval(ramp(10)).high, 9);
  EXPECT_EQ(median_interval(ramp(20)).low, 6);
  EXPECT_EQ(median_interval(ramp(20)).high, 15);
}

TEST(Statistics, StudentMatchesItsTable) {
  // Two-sided 5 % points of any table of Student's t; four decimals printed.
  EXPECT_NEAR(student_t975(1), 12.7062, 1e-3);
  EXPECT_NEAR(student_t975(8), 2.3060, 1e-3);
  EXPECT_NEAR(student_t975(9), 2.2622, 1e-3);
  EXPECT_NEAR(student_t975(30), 2.0423, 1e-3);
  EXPECT_NEAR(student_t975(1000), 1.9623, 1e-3);
  for (std::int64_t v = 1; v < 40; ++v) EXPECT_GT(student_t975(v), student_t975(v + 1));
}

TEST(Statistics, MeanIntervalOfTwoValues) {
  // Mean 2, standard error sqrt(2) / sqrt(2) = 1: half width t(1) = 12.7062.
  const MeanInterval interval = mean_interval({1, 3});
  EXPECT_EQ(interval.mean, 2);
  EXPECT_NEAR(*interval.low, 2 - 12.7062, 1e-3);
  EXPECT_NEAR(*interval.high, 2 + 12.7062, 1e-3);
  EXPECT_FALSE(mean_interval({1}).low.has_value());
}

TEST(Statistics, WilsonInterval) {
  // Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3: 81 of 263 -> 0.2553 to
  // 0.3662; 0 of 20 -> 0 to 0.1611; 1 of 29 -> 0.0061 to 0.1718.
  EXPECT_NEAR(wilson_interval(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson_interval(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson_interval(0, 20).low, 0, 1e-15);
  EXPECT_NEAR(wilson_interval(0, 20).high, 0.1611, 5e-5);
  EXPECT_NEAR(wilson_interval(1, 29).low, 0.0061, 5e-5);
  EXPECT_NEAR(wilson_interval(1, 29).high, 0.1718, 5e-5);
}

}  // namespace
}  // namespace jb::harness
