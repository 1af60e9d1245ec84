// DAC, ADC and drift laws against their definitions.

#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/analog/drift.h"
#include "backends/core/error.h"
#include "backends/core/random.h"

namespace jb::analog {
namespace {

TEST(RoundHalfEven, AgreesWithTheRoundingModeOfTheProcessor) {
  ASSERT_EQ(std::fegetround(), FE_TONEAREST);
  for (const double x : {0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, 1e9 + 0.5, -7.3}) {
    EXPECT_EQ(round_half_even(x), std::nearbyint(x)) << x;
  }
  const RandomStream stream(3, 0, 0, 0);
  for (int i = 0; i < 10000; ++i) {
    const double x = 1e6 * static_cast<double>(stream.normal(i, 0, 0));
    ASSERT_EQ(round_half_even(x), std::nearbyint(x)) << x;
  }
}

TEST(Dac, CodesAreSignAndMagnitude) {
  const Dac dac{4};  // magnitudes 0 ... 7
  EXPECT_EQ(dac.full_code(), 7.0);
  EXPECT_EQ(dac.code(1.0), 7.0);
  EXPECT_EQ(dac.code(-1.0), -7.0);
  EXPECT_EQ(dac.code(2.0), 7.0);
  EXPECT_EQ(dac.code(0.5), 4.0);  // 3.5 rounds to even
  EXPECT_EQ(dac.code(0.0), 0.0);
  EXPECT_EQ(Dac{}.code(3.25), 3.25);
}

TEST(Adc, QuantizerHasEvenlySpacedLevelsAndNoZero) {
  const Adc adc(3, AdcStyle::quantizer, 7.0);  // levels -7, -5, ..., 7: steps of 2
  EXPECT_DOUBLE_EQ(adc.lsb(), 2.0);
  EXPECT_EQ(adc.full_code(), 3.5);
  std::vector<double> levels;
  for (double z = -5; z <= 5; z += 0.125) {
    const double level = adc.convert(z);
    if (levels.empty() || levels.back() != level) levels.push_back(level);
    // Half a step is the largest error inside the range.
    if (std::abs(z) <= 3.5) {
      EXPECT_LE(std::abs(level - z), 0.5);
    }
  }
  EXPECT_EQ(levels, (std::vector<double>{-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5}));
  EXPECT_TRUE(adc.clips(3.6));
  EXPECT_FALSE(adc.clips(-3.5));
}

TEST(Adc, SignMagnitudeHasAnExactZeroAndOneLevelLess) {
  const Adc adc(3, AdcStyle::sign_magnitude, 6.0);
  EXPECT_DOUBLE_EQ(adc.lsb(), 2.0);
  EXPECT_EQ(adc.convert(0.0), 0.0);
  EXPECT_EQ(adc.convert(0.5), 0.0);
  EXPECT_EQ(adc.convert(1.5), 2.0);
  EXPECT_EQ(adc.convert(-9.0), -3.0);
}

TEST(Adc, RefusesARangeOrWordWithoutLevels) {
  EXPECT_THROW(Adc(8, AdcStyle::quantizer, 0.0), Error);
  EXPECT_THROW(Adc(8, AdcStyle::quantizer, -1.0), Error);
  EXPECT_THROW(Adc(8, AdcStyle::quantizer, std::nan("")), Error);
  EXPECT_THROW(Adc(1, AdcStyle::sign_magnitude, 1.0), Error);
  EXPECT_THROW(Adc(25, AdcStyle::quantizer, 1.0), Error);
}

TEST(Drift, LogTimeIsThePowerLaw) {
  // ((t + t0) / t0)^-nu
  const double expected = std::pow((3600.0 + 300.0) / 300.0, -0.05);
  EXPECT_NEAR(std::exp(-0.05 * log_time(3600.0, 300.0)), expected, 1e-15);
  EXPECT_EQ(log_time(0.0, 20.0), 0.0);
}

TEST(Drift, FlickerGrowthHasThePublishedSize) {
  // crossbar reference 2.2: 4.26 at t = 20 s for a read of 250 ns, from sqrt(ln(20 / 5e-7))
  // rounded.
  EXPECT_NEAR(flicker_growth(20.0, 250e-9), std::sqrt(std::log(20.0 / 500e-9)), 1e-8);
  EXPECT_NEAR(flicker_growth(20.0, 250e-9), 4.26, 0.08);
  EXPECT_EQ(flicker_growth(0.0, 250e-9), 0.0);
}

TEST(Drift, MomentsMatchSampling) {
  constexpr int kSamples = 200000;
  constexpr double kMean = 0.06;
  constexpr double kStd = 0.02;
  const double l = log_time(86400.0, 20.0);
  const RandomStream stream(11, 0, 0, 0);
  double sum = 0;
  double squares = 0;
  std::vector<float> z(1000);
  for (int i = 0; i < kSamples / 1000; ++i) {
    stream.normals(z, i, 0, 0);
    for (const float x : z) {
      const double g = 2.0 * std::exp(-(kMean + kStd * static_cast<double>(x)) * l);
      sum += g;
      squares += g * g;
    }
  }
  const double mean = sum / kSamples;
  const double std = std::sqrt(squares / kSamples - mean * mean);
  const Moments expected = drifted_moments(2.0, kMean, kStd, l);
  EXPECT_NEAR(mean, expected.mean, 5 * expected.std / std::sqrt(kSamples));
  // Standard error of a deviation is about std / sqrt(2 N) = 0.16 %; the log-normal's tail doubles
  // it.
  EXPECT_NEAR(std, expected.std, 0.015 * expected.std);
}

TEST(Drift, EpochKeysAreStableDistinctAndSmall) {
  EXPECT_EQ(epoch_key(3600.0), epoch_key(3600.0));
  EXPECT_EQ(epoch_key(0.0), epoch_key(-0.0));
  EXPECT_NE(epoch_key(3600.0), epoch_key(3601.0));
  EXPECT_LT(epoch_key(12345.678), std::uint64_t{1} << 48U);
}

}  // namespace
}  // namespace jb::analog
