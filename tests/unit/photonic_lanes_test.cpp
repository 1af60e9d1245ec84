// Errors of lanes and detectors against closed forms: phase, crosstalk, splitters, extinction,
// common mode; and the calibrations that undo some of them at a price.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "backends/photonic/lanes.h"
#include "backends/photonic/physics.h"
#include "tests/support/photonic_bench.h"

namespace jb {
namespace {

using photonic_test::energy_of;
using photonic_test::multiply;
using photonic_test::normal_matrix;
using photonic_test::open_device;
using photonic_test::Overrides;
using photonic_test::product;
using photonic_test::relative_error;
using photonic_test::spec_of;

double rms(const Matrix<double>& x) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.size(); ++i) sum += x.data()[i] * x.data()[i];
  return std::sqrt(sum / static_cast<double>(x.size()));
}

TEST(PhotonicLanes, PhaseErrorsLoseTheMeanOfTheirCosine) {
  const double s = 0.5;
  const auto device = open_device("ideal", {{"error.phase_rad", "0.5"}});
  const auto a = normal_matrix<double>(300, 20, 1);
  const auto b = normal_matrix<double>(20, 300, 2);
  const Matrix<double> exact = product(a, b);
  const Matrix<double> c = multiply(*device, a, b);
  double gain = 0, square = 0;
  for (std::int64_t i = 0; i < c.size(); ++i) {
    const double factor = c.data()[i] / exact.data()[i];
    gain += factor / static_cast<double>(c.size());
    square += factor * factor / static_cast<double>(c.size());
  }
  // E[cos] = exp(-s^2 / 2), E[cos^2] = (1 + exp(-2 s^2)) / 2. The difference of two lanes' phases:
  // 300 lanes on either side, so about 600 independent terms; std of cos is 0.16.
  EXPECT_NEAR(gain, std::exp(-s * s / 2), 5 * 0.16 / std::sqrt(300));
  EXPECT_NEAR(square, (1 + std::exp(-2 * s * s)) / 2, 5 * 0.3 / std::sqrt(300));
}

TEST(PhotonicLanes, CrosstalkAddsNeighboursOfTheSamePass) {
  const auto device = open_device("ideal", {{"error.crosstalk_dB", "-20"}, {"array.outputs", "4"}});
  const auto a = normal_matrix<double>(5, 30, 3);
  const auto b = normal_matrix<double>(30, 10, 4);
  const Matrix<double> exact = product(a, b);
  const Matrix<double> c = multiply(*device, a, b);
  const double chi = 0.1;  // -20 dB of power
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 10; ++j) {
      double expected = exact(i, j);
      if (j % 4 != 0) expected += chi * exact(i, j - 1);
      if (j % 4 != 3 && j != 9) expected += chi * exact(i, j + 1);
      EXPECT_NEAR(c(i, j), expected, 1e-12);
    }
  }
}

TEST(PhotonicLanes, SplitterLeaksTheDifferenceOfTheBeams) {
  // Light at one row of A alone: alpha^2 ||a||^2 = (1 - s) n K, beta^2 ||b_j||^2 = s n K n
  // ||b_j||^2 / ||B||^2, and an offset d (the one minus the other) / (2 alpha beta).
  const std::int64_t k = 64, n = 400;
  const auto a = normal_matrix<double>(1, k, 5);
  const auto b = normal_matrix<double>(k, n, 6);
  const Matrix<double> exact = product(a, b);
  const Overrides unbalanced = {{"error.splitter", "0.1"}, {"split", "0.2"}};
  const auto device = open_device("ideal", unbalanced);
  const Matrix<double> c = multiply(*device, a, b);
  double a2 = 0, b2 = 0;
  for (std::int64_t l = 0; l < k; ++l) a2 += a(0, l) * a(0, l);
  for (std::int64_t i = 0; i < b.size(); ++i) b2 += b.data()[i] * b.data()[i];
  const double alpha2 = 0.8 * static_cast<double>(k) / a2;
  const double beta2 = 0.2 * static_cast<double>(k * n) / b2;
  double seen = 0, expected = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    double column = 0;
    for (std::int64_t l = 0; l < k; ++l) column += b(l, j) * b(l, j);
    const double offset = (alpha2 * a2 - beta2 * column) / (2 * std::sqrt(alpha2 * beta2));
    // sqrt(1 - d^2) is 0.995: below the tolerance beside an offset this large.
    seen += std::pow(c(0, j) - exact(0, j), 2);
    expected += 0.01 * offset * offset;
  }
  // Chi-square of 400 detectors: five standard errors of a variance, and the lost contrast.
  EXPECT_NEAR(seen / expected, 1, 5 * std::sqrt(2.0 / 400) + 0.02);
}

TEST(PhotonicLanes, FullCalibrationTakesOffsetsAwayAndCosts) {
  const Overrides overrides = {{"error.splitter", "0.1"},
                               {"split", "0.2"},
                               {"n_mac", "1000"},
                               {"c_fF", "1000"},
                               {"noise.law", "gaussian"}};
  const auto a = normal_matrix<double>(40, 64, 7);
  const auto b = normal_matrix<double>(64, 40, 8);
  const Matrix<double> exact = product(a, b);
  const auto device = open_device("hamerly2019-nearterm", overrides);
  const auto plan = device->plan({40, 40, 64}, b.view(), OperandMode::stationary, {});
  Matrix<double> c(40, 40);
  plan->execute(a.view(), c.view());
  const double before = relative_error(c, exact);
  const Activity cost = device->calibrate("full");
  plan->execute(a.view(), c.view());
  const double after = relative_error(c, exact);
  EXPECT_LT(after, 0.5 * before);
  // 16 readings of 40 x 40 detectors through the receiver, and of 1000 slots by 80 transmitters.
  const Ledger ledger = price(cost, device->prices());
  EXPECT_NEAR(energy_of(ledger, "receiver (undivided)"), 16 * 1600 * 1e-12, 1e-20);
  EXPECT_NEAR(energy_of(ledger, "transmitter (undivided)"), 16 * 80 * 1000 * 1e-12, 1e-18);
  // Ten times the amplifier noise makes the compensation worse: it is read, not known.
  Overrides noisy = overrides;
  noisy.emplace_back("noise.amplifier_e", "3000");
  const photonic::HomodyneParameters clean_p =
      photonic::read_parameters(spec_of("hamerly2019-nearterm", overrides));
  const photonic::HomodyneParameters noisy_p =
      photonic::read_parameters(spec_of("hamerly2019-nearterm", noisy));
  EXPECT_GT(photonic::Lanes(noisy_p, {}).imbalance_reading(),
            photonic::Lanes(clean_p, {}).imbalance_reading());
}

TEST(PhotonicLanes, PhasesDriftOnTheCalibrationClockAndLocksBringThemBack) {
  const auto a = normal_matrix<double>(50, 64, 9);
  const auto b = normal_matrix<double>(64, 200, 10);
  const Matrix<double> exact = product(a, b);
  const Overrides drifting = {
      {"drift.phase_rad_per_rt_s", "0.01"}, {"noise.shot", "false"}, {"n_mac", "1e6"}};
  const auto device = open_device("hamerly2019-sql", drifting);
  const auto plan = device->plan({50, 200, 64}, b.view(), OperandMode::stationary, {});
  Matrix<double> c(50, 200);
  const auto error_at = [&](double age, double since) {
    device->set_epoch({age, since, 25});
    plan->execute(a.view(), c.view());
    return relative_error(c, exact);
  };
  EXPECT_LT(error_at(0, 0), 1e-12);
  // 1 - cos(phi) of phi ~ N(0, r^2 t): rms sqrt(3/4) r^2 t for small angles; 250 lanes.
  const double after_400_s = error_at(400, 400);
  EXPECT_NEAR(after_400_s, std::sqrt(0.75) * 1e-4 * 400, 0.5 * after_400_s);
  EXPECT_LT(error_at(100, 100), after_400_s);
  device->set_epoch({400, 400, 25});
  Activity look;
  EXPECT_NEAR(device->drift_error(look), after_400_s, 0.5 * after_400_s);
  EXPECT_FALSE(look.rows().empty());
  EXPECT_FALSE(device->calibrate("lock").rows().empty());
  // What is left is the error of 16 readings at 10^6 photons per MAC: below 1e-6 of 1 - cos.
  plan->execute(a.view(), c.view());
  EXPECT_LT(relative_error(c, exact), 1e-6);
  EXPECT_GT(error_at(800, 400), 1e-3);
}

TEST(PhotonicLanes, FloorsOfModulatorsWasteLight) {
  // 10 dB: a tenth of full power at zero. All light counts in n_mac, so the noise rises by 1 +
  // eps^2 PAPR of each operand, eps^2 = 0.1.
  const auto a = normal_matrix<double>(200, 64, 11);
  const auto b = normal_matrix<double>(64, 200, 12);
  const Matrix<double> exact = product(a, b);
  Execution execution;
  const Overrides law = {{"noise.law", "gaussian"}, {"norm", "per_batch"}};
  const double plain = relative_error(
      multiply(*open_device("hamerly2019-sql", law), a, b, {}, 0, &execution), exact);
  Overrides floors = law;
  floors.emplace_back("modulator.extinction_dB", "10");
  const double with =
      relative_error(multiply(*open_device("hamerly2019-sql", floors), a, b), exact);
  const double rise_a = 1 + 0.1 * execution.statistics.a.papr();
  const double rise_b = 1 + 0.1 * execution.statistics.b.papr();
  // 40,000 samples: 0.35 % of an rms each.
  EXPECT_NEAR(with / plain, std::sqrt(rise_a * rise_b), 0.03 * std::sqrt(rise_a * rise_b));
}

TEST(PhotonicLanes, CommonModeAddsTheLightsOwnIntensityNoise) {
  // s^2 = 1 per symbol: 10^(-90/10) x 1 GHz; light n K in all, cmrr 20 dB: variance 0.01 n^2 K
  // beside s^2 n^2 K of the product itself (equal split, mean of independent elements).
  const auto a = normal_matrix<double>(200, 64, 13);
  const auto b = normal_matrix<double>(64, 200, 14);
  const Matrix<double> exact = product(a, b);
  const auto error = [&](const char* cmrr) {
    const auto device = open_device(
        "hamerly2019-sql",
        {{"noise.shot", "false"}, {"noise.rin_dB_per_Hz", "-90"}, {"noise.cmrr_dB", cmrr}});
    return relative_error(multiply(*device, a, b), exact);
  };
  EXPECT_NEAR(error("300"), 1.0, 0.03);
  EXPECT_NEAR(error("0"), std::sqrt(2.0), 0.03 * std::sqrt(2.0));
}

TEST(PhotonicLanes, SimplerNormsOfTheLiterature) {
  // Columns of norm 0 carry no light: the matrix law gives them noise all the same, Garg's law of
  // the column's norm gives them none, and the exact one that of the row's beam alone.
  const auto a = normal_matrix<double>(400, 64, 15);
  auto b = normal_matrix<double>(64, 20, 16);
  for (std::int64_t l = 0; l < 64; ++l) {
    for (std::int64_t j = 0; j < 10; ++j) b(l, j) = 0;
  }
  const auto dark_rms = [&](const char* norm) {
    const auto device =
        open_device("hamerly2019-sql", {{"noise.norm", norm}, {"noise.law", "gaussian"}});
    const Matrix<double> c = multiply(*device, a, b);
    Matrix<double> dark(400, 10);
    for (std::int64_t i = 0; i < 400; ++i) {
      for (std::int64_t j = 0; j < 10; ++j) dark(i, j) = c(i, j);
    }
    return rms(dark);
  };
  const double matrix = dark_rms("matrix");
  EXPECT_GT(matrix, 0);
  EXPECT_NEAR(dark_rms("exact") / matrix, std::sqrt(0.5), 0.03);  // half of the light
  EXPECT_LT(dark_rms("row") / matrix, 1e-6);
  EXPECT_THROW(open_device("hamerly2019-sql", {{"noise.norm", "row"}, {"noise.law", "poisson"}}),
               Error);
}

}  // namespace
}  // namespace jb
