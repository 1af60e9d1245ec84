// Codes of 8 bits are those of division in double precision, whichever way they are computed: also
// where a quotient lies on the middle between two codes, or one unit in the last place beside it.

#include "backends/core/quantise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include "backends/core/threads.h"

namespace jb {
namespace {

/// Numbers on and beside all middles between codes of that scale, some at random, and the largest.
std::vector<float> hard_row(double scale, double largest, std::uint32_t seed) {
  std::vector<float> row = {static_cast<float>(largest), static_cast<float>(-largest), 0.0F, -0.0F,
                            std::numeric_limits<float>::denorm_min()};
  for (int code = -260; code < 260; ++code) {
    const auto middle = static_cast<float>((code + 0.5) * scale);
    row.push_back(middle);
    row.push_back(std::nextafter(middle, -INFINITY));
    row.push_back(std::nextafter(middle, INFINITY));
  }
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, static_cast<float>(largest / 3));
  for (int i = 0; i < 1000; ++i) row.push_back(normal(random));
  for (float& x : row) {
    x = std::clamp(x, static_cast<float>(-largest), static_cast<float>(largest));
  }
  return row;
}

TEST(Quantise, SignedCodesAreThoseOfDivision) {
  // Largest magnitudes over the range of floats; beyond 1e37 and below 1e-35 no float holds the
  // inverse of the scale.
  for (const double largest : {127.0, 1.0, 3.7, 1e-3, 5e20, 1e-36, 1e-39, 3e38}) {
    const auto exact = static_cast<double>(static_cast<float>(largest));
    const double scale = exact / 127;
    const std::vector<float> row = hard_row(scale, exact, 7);
    const auto n = static_cast<std::int64_t>(row.size());
    InputCodes<std::int8_t> codes;
    quantise_inputs(MatrixView<const float>{row.data(), 1, n, n, 1}, InputScale::per_row, {},
                    codes);
    ASSERT_EQ(codes.scales.at(0), scale);
    for (std::int64_t i = 0; i < n; ++i) {
      const double x = static_cast<double>(row[static_cast<std::size_t>(i)]);
      ASSERT_EQ(codes.codes(0, i), std::nearbyint(x / scale)) << largest << " " << x;
    }
  }
}

TEST(Quantise, UnsignedCodesAreThoseOfDivision) {
  for (const double largest : {1.0, 6.3, 1e-4}) {
    const auto exact = static_cast<double>(static_cast<float>(largest));
    const double scale = (exact + exact) / 255;
    const double zero = std::nearbyint(exact / scale);
    const std::vector<float> row = hard_row(scale, exact, 8);
    const auto n = static_cast<std::int64_t>(row.size());
    InputCodes<std::uint8_t> codes;
    quantise_inputs(MatrixView<const float>{row.data(), 1, n, n, 1}, InputScale::per_row, {},
                    codes);
    ASSERT_EQ(codes.scales.at(0), scale);
    ASSERT_EQ(codes.zero_points.at(0), zero);
    for (std::int64_t i = 0; i < n; ++i) {
      const double x = static_cast<double>(row[static_cast<std::size_t>(i)]);
      ASSERT_EQ(codes.codes(0, i), std::clamp(std::nearbyint(x / scale) + zero, 0.0, 255.0)) << x;
    }
  }
}

TEST(Quantise, RangesLeaveOutWhatIsNoNumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> row = {1.0F, nan, -2.0F, -nan, 0.5F};
  InputCodes<std::int8_t> codes;
  quantise_inputs(MatrixView<const float>{row.data(), 1, 5, 5, 1}, InputScale::per_row, {}, codes);
  EXPECT_EQ(codes.scales.at(0), 2.0 / 127);
  EXPECT_EQ(codes.codes(0, 0), 64);  // 63.5 to even
  EXPECT_EQ(codes.codes(0, 2), -127);
}

// Rows that are cut into pieces for threads have the codes of whole ones.
TEST(Quantise, LongRowsGiveTheSameOnAnyNumberOfThreads) {
  constexpr std::int64_t kLong = 100003;
  std::vector<float> row(kLong);
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (float& x : row) x = normal(random);
  row.back() = 6.5F;
  const MatrixView<const float> one{row.data(), 1, kLong, kLong, 1};
  const int before = thread_count();
  for (const std::optional<double>& range : {std::optional<double>(), std::optional(2.0)}) {
    InputCodes<std::int8_t> alone;
    InputCodes<std::int8_t> shared;
    set_thread_count(1);
    quantise_inputs(one, InputScale::per_row, range, alone);
    set_thread_count(3);
    quantise_inputs(one, InputScale::per_row, range, shared);
    EXPECT_EQ(alone.scales, shared.scales);
    EXPECT_EQ(alone.saturated, shared.saturated);
    EXPECT_EQ(alone.saturated > 0, range.has_value());
    for (std::int64_t i = 0; i < kLong; ++i) {
      ASSERT_EQ(alone.codes(0, i), shared.codes(0, i)) << i;
    }
  }
  set_thread_count(before);
}

TEST(Quantise, RangesOfDoublesAndOfOneSign) {
  const std::vector<double> positive = {0.25, 3.5, 1.0};
  InputCodes<std::uint8_t> codes;
  quantise_inputs(MatrixView<const double>{positive.data(), 1, 3, 3, 1}, InputScale::per_row, {},
                  codes);
  EXPECT_EQ(codes.scales.at(0), 3.5 / 255);
  EXPECT_EQ(codes.zero_points.at(0), 0);
  const std::vector<double> negative = {-0.25, -3.5, -1e-300};
  quantise_inputs(MatrixView<const double>{negative.data(), 1, 3, 3, 1}, InputScale::per_row, {},
                  codes);
  EXPECT_EQ(codes.scales.at(0), 3.5 / 255);
  EXPECT_EQ(codes.zero_points.at(0), 255);
}

}  // namespace
}  // namespace jb
