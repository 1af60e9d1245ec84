// Windows become joules with an interval; coefficients of energy by non-negative least squares;
// jobs that take turns.

#include "harness/meter/energy_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backends/core/error.h"
#include "harness/energy_fit.h"
#include "harness/meter/turn.h"
#include "harness/nnls.h"
#include "harness/timing.h"

namespace jb::harness {
namespace {

using meter::EnergySeries;
using meter::EnergyStatistics;

/// Three windows of 10 s and 1000 executions: 50, 51 and 52 W; 20 W idle.
EnergySeries three_windows() {
  EnergySeries series;
  series.joules = {500, 510, 520};
  series.seconds = {10, 10, 10};
  series.executions = {1000, 1000, 1000};
  series.idle_before_W = 20;
  series.idle_after_W = 20;
  series.idle_s = 10;
  return series;
}

TEST(EnergyStatistics, GrossNetAndPower) {
  const EnergyStatistics s = meter::energy_statistics(three_windows());
  EXPECT_DOUBLE_EQ(s.gross_J.value, 0.510);
  EXPECT_DOUBLE_EQ(s.net_J.value, 0.510 - 20 * 0.010);
  EXPECT_DOUBLE_EQ(s.power_W.value, 51);
  EXPECT_DOUBLE_EQ(s.idle_W, 20);
  EXPECT_DOUBLE_EQ(s.idle_drift_frac, 0);
  EXPECT_NEAR(s.cv_frac, 1.0 / 51, 1e-12);  // s = 1 W
}

TEST(EnergyStatistics, ScatterAloneGivesStudentsInterval) {
  // n = 3, s = 0.01 J: t(0.975, 2) s / sqrt(3) = 4.3027 x 5.7735e-3.
  const EnergyStatistics s = meter::energy_statistics(three_windows());
  EXPECT_NEAR(s.gross_J.half_width, 4.3027 * 0.01 / std::sqrt(3.0), 1e-6);
  EXPECT_NEAR(s.net_J.half_width, s.gross_J.half_width, 1e-9);  // the idle power is exact here
}

TEST(EnergyStatistics, MeterAndUpdatesAddInSquares) {
  EnergySeries series = three_windows();
  series.joules = {510, 510, 510};  // no scatter: many degrees of freedom, 1.96 standard deviations
  series.meter_frac = 0.04;
  series.update_period_s = 0.1;
  const EnergyStatistics s = meter::energy_statistics(series);
  const double updates = 0.1 / (std::sqrt(6.0) * 10);
  EXPECT_NEAR(s.quantisation_frac, updates, 1e-15);
  EXPECT_NEAR(s.gross_J.half_width, 1.95996 * 0.51 * std::hypot(0.04, updates), 1e-5);
}

TEST(EnergyStatistics, TheKnownPartRaisesTheDegreesOfFreedom) {
  // Welch-Satterthwaite: the more of the variance is known, the nearer to 1.96.
  EnergySeries series = three_windows();
  series.meter_frac = 0.05;  // 25.5 mJ against a scatter of 5.77 mJ
  const EnergyStatistics s = meter::energy_statistics(series);
  const double scatter = 0.01 / std::sqrt(3.0);
  const double total = std::hypot(scatter, 0.05 * 0.51);
  const double degrees = std::floor(2 * std::pow(total / scatter, 4));
  EXPECT_NEAR(s.gross_J.half_width, student_t975(static_cast<std::int64_t>(degrees)) * total,
              1e-12);
}

TEST(EnergyStatistics, IdleDriftWidensTheNetInterval) {
  EnergySeries series = three_windows();
  series.joules = {510, 510, 510};
  series.idle_before_W = 19;
  series.idle_after_W = 21;
  const EnergyStatistics s = meter::energy_statistics(series);
  EXPECT_DOUBLE_EQ(s.idle_drift_frac, 0.1);
  EXPECT_DOUBLE_EQ(s.gross_J.half_width, 0);
  EXPECT_NEAR(s.net_J.half_width, 1.95996 * 2 / std::sqrt(12.0) * 0.010, 1e-6);
}

TEST(EnergyStatistics, TheIntervalCoversTheTruth) {
  // 1000 series of 4 windows with 2 % scatter and a meter whose gain is off by 3 % (one standard
  // deviation): the 95 % interval must cover the truth about 950 times. Binomial with p = 0.95:
  // standard deviation 6.9, so 920 to 980 is beyond 4 of them.
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  int covered = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    EnergySeries series;
    const double gain = 1 + 0.03 * normal(random);
    for (int i = 0; i < 4; ++i) {
      series.joules.push_back(100 * gain * (1 + 0.02 * normal(random)));
      series.seconds.push_back(5);
      series.executions.push_back(100);
    }
    series.meter_frac = 0.03;
    const EnergyStatistics s = meter::energy_statistics(series);
    covered += std::abs(s.gross_J.value - 1) <= s.gross_J.half_width;
  }
  EXPECT_GE(covered, 920);
  EXPECT_LE(covered, 985);
}

TEST(Nnls, FindsWhatLeastSquaresFindsWhereThatIsPositive) {
  Eigen::MatrixXd a(4, 2);
  a << 1, 0, 0, 1, 1, 1, 2, 1;
  const Eigen::VectorXd x = Eigen::Vector2d(3, 5);
  EXPECT_LT((nonnegative_least_squares(a, a * x) - x).norm(), 1e-12);
}

TEST(Nnls, KeepsCoefficientsAtZeroThatWantToBeNegative) {
  // min (x1 - 1)^2 + (x1 + x2)^2 over x >= 0: without the bound (1, -1); with it (1/2, 0).
  Eigen::MatrixXd a(2, 2);
  a << 1, 0, 1, 1;
  const Eigen::VectorXd x = nonnegative_least_squares(a, Eigen::Vector2d(1, 0));
  EXPECT_NEAR(x(0), 0.5, 1e-12);
  EXPECT_EQ(x(1), 0);
  EXPECT_EQ(nonnegative_least_squares(a, Eigen::Vector2d(-1, -1)).norm(), 0);
}

TEST(Nnls, MeetsTheConditionsOfItsOptimum) {
  // Karush-Kuhn-Tucker: gradient zero where x > 0, not positive where x = 0.
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  for (int trial = 0; trial < 50; ++trial) {
    Eigen::MatrixXd a(12, 5);
    Eigen::VectorXd b(12);
    for (double& v : a.reshaped()) v = normal(random);
    for (double& v : b.reshaped()) v = normal(random);
    const Eigen::VectorXd x = nonnegative_least_squares(a, b);
    const Eigen::VectorXd gradient = a.transpose() * (b - a * x);
    for (Eigen::Index j = 0; j < 5; ++j) {
      EXPECT_GE(x(j), 0);
      EXPECT_LE(gradient(j), 1e-10);
      if (x(j) > 0) {
        EXPECT_GE(gradient(j), -1e-10);
      }
    }
  }
}

/// Products of a machine whose energies are known.
std::vector<FitSample> known_samples(std::size_t count) {
  constexpr std::array<double, kFitCoefficients> kTrue = {2e-12, 1e-12, 4e-12, 9e-12, 120e-12};
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(-2, 0);
  std::vector<FitSample> samples;
  for (std::size_t i = 0; i < count; ++i) {
    FitSample sample;
    sample.name = std::to_string(i);
    sample.x[0] = 1e9;
    for (std::size_t j = 1; j < kFitCoefficients; ++j) {
      sample.x[j] = 1e9 * std::pow(10, uniform(random));
    }
    for (std::size_t j = 0; j < kFitCoefficients; ++j) {
      sample.net_J += kTrue[j] * sample.x[j];
      sample.modelled_J[j] = 2 * kTrue[j] * sample.x[j];
    }
    samples.push_back(sample);
  }
  return samples;
}

TEST(EnergyFit, RecoversFiveCoefficients) {
  const EnergyFit fit = fit_energy(known_samples(10));
  EXPECT_NEAR(fit.coefficients[0].value, 2e-12, 1e-18);
  EXPECT_NEAR(fit.coefficients[1].value, 1e-12, 1e-18);
  EXPECT_NEAR(fit.coefficients[2].value, 4e-12, 1e-18);
  EXPECT_NEAR(fit.coefficients[3].value, 9e-12, 1e-18);
  EXPECT_NEAR(fit.coefficients[4].value, 120e-12, 1e-17);
  EXPECT_NEAR(fit.coefficients[4].modelled, 240e-12, 1e-20);
  EXPECT_LT(fit.left_out_most_frac, 1e-9);
}

TEST(EnergyFit, TheLeftOutResidualSeesWhatTheFitHides) {
  std::vector<FitSample> samples = known_samples(10);
  samples[4].net_J *= 1.3;  // one shape that the model does not describe
  const EnergyFit fit = fit_energy(samples);
  EXPECT_GT(std::abs(fit.left_out_frac[4]), std::abs(fit.residual_frac[4]));
  // Predicted from the others, which are exact: 1 / 1.3 - 1.
  EXPECT_NEAR(fit.left_out_frac[4], 1 / 1.3 - 1, 1e-9);
  EXPECT_GE(fit.left_out_most_frac, std::abs(fit.left_out_frac[4]));
}

TEST(EnergyFit, ProductsOfTwoMachinesAreRefused) {
  std::vector<FitSample> samples = known_samples(10);
  samples[3].backend = "cublas";
  EXPECT_THROW(fit_energy(samples), Error);
  for (FitSample& sample : samples) sample.backend = "cublas";
  EXPECT_EQ(fit_energy(samples).coefficients[4].name, "hbm");
  for (FitSample& sample : samples) sample.backend = "photonic";
  EXPECT_THROW(fit_energy(samples), Error);
}

TEST(EnergyFit, FewerThanEightShapesAreRefused) {
  try {
    fit_energy(known_samples(7));
    FAIL() << "seven shapes were taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string(error.what()).find("at least 8 different shapes; here are 7"),
              std::string::npos)
        << error.what();
  }
  EXPECT_GE(fit_points("onednn").size(), kLeastFitShapes);
}

TEST(Turn, JobsPassTheirTurns) {
  std::string order;
  const auto job = [&order](char name) {
    return [&order, name](meter::Turn& turn) {
      for (int i = 0; i < 3; ++i) {
        order += name;
        turn.pass();
      }
    };
  };
  meter::Turn a(job('a'));
  meter::Turn b(job('b'));
  EXPECT_TRUE(a.resume());
  EXPECT_TRUE(b.resume());
  EXPECT_TRUE(b.resume());
  EXPECT_TRUE(a.resume());
  EXPECT_TRUE(a.resume());
  EXPECT_FALSE(a.resume());
  EXPECT_FALSE(a.resume());
  EXPECT_EQ(order, "abbaa");
}  // b is unwound where it waits

TEST(Turn, ErrorsReachTheOwner) {
  meter::Turn turn([](meter::Turn& self) {
    self.pass();
    fail_usage("broken");
  });
  EXPECT_TRUE(turn.resume());
  EXPECT_THROW(turn.resume(), Error);
  EXPECT_FALSE(turn.resume());
}

}  // namespace
}  // namespace jb::harness
