// Cells against the statistics that the published fits give: programming, drift, read noise.

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "backends/analog/drift.h"
#include "backends/crossbar/cell_array.h"
#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

using crossbar::CellArray;
using crossbar::clock_at;
using crossbar::Config;
using crossbar::config_from;

constexpr std::int64_t kRows = 400;
constexpr std::int64_t kCols = 300;
constexpr double kSamples = kRows * kCols;  // 120,000

/// Mean and deviation over the positive cells of an array of equal targets, relative to g_max.
class Population {
 public:
  Population(const Config& config, double target)
      : config_(config), cells_(config_, {.seed = 7}, 0), weights_(kRows, kCols) {
    std::fill(weights_.data(), weights_.data() + weights_.size(), target);
    cells_.program(std::as_const(weights_).view(), 1.0, 0);
  }

  [[nodiscard]] analog::Moments at(double age_s) const {
    const crossbar::CellClock clock = clock_at(config_.cell, age_s);
    std::vector<double> g(static_cast<std::size_t>(2 * kCols));
    double sum = 0;
    double squares = 0;
    for (std::int64_t row = 0; row < kRows; ++row) {
      cells_.conductances(std::as_const(weights_).view(), row, clock, g);
      for (std::size_t i = 0; i < g.size(); i += 2) {
        sum += g[i];
        squares += g[i] * g[i];
      }
    }
    const double mean = sum / kSamples;
    return {mean, std::sqrt(squares / kSamples - mean * mean)};
  }

 private:
  Config config_;
  CellArray cells_;
  Matrix<double> weights_;
};

Config config_of(const std::string& model, bool read_noise = true) {
  DeviceSpec spec = crossbar_spec("ideal", {{"cell.model", model.c_str()}});
  if (!read_noise) spec.set("read.scale", "0");
  return config_from(spec);
}

struct Age {
  const char* name;
  double seconds;
};
constexpr Age kAges[] = {
    {"1s", 1}, {"1h", 3600}, {"1day", 86400}, {"30days", 2592000}, {"1year", 31536000}};

/// Published mean and deviation in uS (aihwkit 1.1, 400,000 samples) at one age.
struct Published {
  double target_uS;
  const char* age;
  double seconds;
  double mean_uS;
  double std_uS;
};

void expect_statistics(const analog::Moments& seen, double g_max_uS, double mean_uS, double std_uS,
                       double rounding_uS, const std::string& what) {
  // Five standard errors of both samples; deviations within 2 %.
  const double error = 5 * std_uS * std::sqrt(1 / kSamples + 1 / 400000.0) + rounding_uS;
  EXPECT_NEAR(seen.mean * g_max_uS, mean_uS, error) << what;
  EXPECT_NEAR(seen.std * g_max_uS, std_uS, 0.02 * std_uS + rounding_uS) << what;
}

TEST(CrossbarCells, HermesTwoDevicesDriftAsPublished) {
  // Le Gallo et al. 2023 fit, two devices per polarity, g_max 20.7 uS.
  const Published published[] = {
      {10.35, "1 s", 1, 10.347, 1.252},       {10.35, "1 h", 3600, 8.959, 1.129},
      {10.35, "1 d", 86400, 7.531, 1.035},    {10.35, "30 d", 2592000, 6.231, 0.963},
      {10.35, "1 y", 31536000, 5.424, 0.923}, {20.7, "1 s", 1, 20.699, 1.563},
      {20.7, "1 h", 3600, 19.799, 1.566},     {20.7, "1 d", 86400, 18.766, 1.604},
      {20.7, "30 d", 2592000, 17.701, 1.677}, {20.7, "1 y", 31536000, 16.954, 1.742}};
  const Config config = config_of("pcm-hermes-2dev");
  const Population half(config, 0.5);
  const Population full(config, 1.0);
  for (const Published& p : published) {
    const Population& cells = p.target_uS < 20 ? half : full;
    expect_statistics(cells.at(p.seconds), 20.7, p.mean_uS, p.std_uS, 0.0005,
                      fmt::format("{} uS at {}", p.target_uS, p.age));
  }
  // As programmed, before drift and read noise.
  const Config quiet = config_of("pcm-hermes-2dev", false);
  expect_statistics(Population(quiet, 0.5).at(0), 20.7, 10.349, 0.991, 0.0005, "programmed 10.35");
  expect_statistics(Population(quiet, 1.0).at(0), 20.7, 20.701, 1.094, 0.0005, "programmed 20.7");
}

TEST(CrossbarCells, DriftFollowsItsClosedForm) {
  // At u = 1 the exponent is N(0.0174, 0.0048): the fold at 0 is 3.6 deviations away and
  // programming errors are independent of it, so mean and variance factor.
  const Config config = config_of("pcm-hermes-2dev", false);
  const Population cells(config, 1.0);
  const analog::Moments start = cells.at(0);
  const double mu = 0.0736 - 0.0126 - 0.0436;
  const double sigma = 0.0073 + 0.0093 - 0.0118;
  for (const Age& age : kAges) {
    const analog::Moments factor =
        analog::drifted_moments(1.0, mu, sigma, analog::log_time(age.seconds, 300));
    const analog::Moments seen = cells.at(age.seconds);
    const double mean = start.mean * factor.mean;
    const double second = (start.std * start.std + start.mean * start.mean) *
                          (factor.std * factor.std + factor.mean * factor.mean);
    // Programming errors are shared with `start`; what is left is the sampling of the exponents.
    EXPECT_NEAR(seen.mean, mean, 5 * factor.std / std::sqrt(kSamples) + 1e-5) << age.name;
    EXPECT_NEAR(seen.std, std::sqrt(second - mean * mean), 0.02 * seen.std) << age.name;
  }
}

TEST(CrossbarCells, OneCellKeepsItsExponentForLife) {
  const Config config = config_of("pcm-hermes-2dev", false);
  CellArray cells(config, {.seed = 3}, 0);
  Matrix<double> weights(1, 200);
  std::fill(weights.data(), weights.data() + 200, 0.7);
  const auto exponents = [&](double early_s, double late_s) {
    std::vector<double> early(400);
    std::vector<double> late(400);
    cells.conductances(std::as_const(weights).view(), 0, clock_at(config.cell, early_s), early);
    cells.conductances(std::as_const(weights).view(), 0, clock_at(config.cell, late_s), late);
    std::vector<double> nu;
    const double l = analog::log_time(late_s, 300) - analog::log_time(early_s, 300);
    for (std::size_t i = 0; i < 400; i += 2) nu.push_back(std::log(early[i] / late[i]) / l);
    return nu;
  };
  cells.program(std::as_const(weights).view(), 1.0, 0);
  const std::vector<double> young = exponents(10, 1000);
  const std::vector<double> old = exponents(1e5, 1e7);
  cells.program(std::as_const(weights).view(), 1.0, 1);  // programmed again: new errors, same cell
  const std::vector<double> again = exponents(10, 1000);
  double spread = 0;
  for (std::size_t i = 0; i < young.size(); ++i) {
    // Conductances are floats (relative error 6e-8, exponentials 2e-7) over log times of 1.4 and
    // 8.1 to either side of the difference.
    EXPECT_NEAR(young[i], old[i], 1e-6);
    EXPECT_NEAR(young[i], again[i], 1e-6);
    spread = std::fmax(spread, std::fabs(young[i] - young[0]));
  }
  EXPECT_GT(spread, 0.005);  // and cells differ from each other
}

TEST(CrossbarCells, GenericModelHoldsTheCoefficientsOfItsFile) {
  // State-independent model: programming error 0.2 uS at g_max 25 uS, nu ~ |N(0.1, 0.05)|.
  const Config config = config_from(crossbar_spec("ideal", {{"cell.model", "generic"},
                                                            {"cell.g_max_uS", "25"},
                                                            {"program.c0", "0.2"},
                                                            {"drift.nu_mean", "0.1"},
                                                            {"drift.nu_std", "0.02"},
                                                            {"drift.t0_s", "20"}}));
  const Population cells(config, 0.5);
  const analog::Moments start = cells.at(0);
  EXPECT_NEAR(start.mean * 25, 12.5, 5 * 0.2 / std::sqrt(kSamples));
  EXPECT_NEAR(start.std * 25, 0.2, 0.02 * 0.2);
  const analog::Moments expected =
      analog::drifted_moments(0.5, 0.1, 0.02, analog::log_time(86400, 20));
  const analog::Moments seen = cells.at(86400);
  EXPECT_NEAR(seen.mean, expected.mean, 5 * seen.std / std::sqrt(kSamples));
  const double programming = 0.2 / 25 * expected.mean / 0.5;
  EXPECT_NEAR(seen.std, std::hypot(expected.std, programming), 0.02 * seen.std);
}

}  // namespace
}  // namespace jb::test
