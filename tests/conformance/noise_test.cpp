// Noise of the presets that have any: uncorrelated between elements, layers, instances and calls.
//
// Errors that are the same every time (quantisation, clipping) cancel in differences of two draws.
// If draws are independent, two such differences made of four draws are uncorrelated.

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/support/conformance.h"

namespace jb::test {
namespace {

using harness::OperandRole;

constexpr GemmShape kShape{64, 64, 256};

struct Drawn {
  DeviceInstance instance;
  std::uint64_t scope = 0;
  std::uint64_t call = 0;
};

class Noise : public testing::TestWithParam<Machine> {
 protected:
  [[nodiscard]] Matrix<double> product(const Drawn& drawn) const {
    const Matrix<double> a = operand<double>(OperandRole::a, kShape.m, kShape.k);
    const Matrix<double> b = operand<double>(OperandRole::b, kShape.k, kShape.n);
    Matrix<double> c(kShape.m, kShape.n);
    const auto device = GetParam().open(drawn.instance);
    const auto plan =
        device->plan(kShape, b.view(), OperandMode::stationary, PlanOptions{drawn.scope});
    calibrate_now(*device);
    plan->execute(ConstMatrixRef(a.view()), MatrixRef(c.view()), Draw{drawn.call, 0},
                  Direction::forward);
    return c;
  }

  [[nodiscard]] Matrix<double> difference(const Drawn& x, const Drawn& y) const {
    Matrix<double> d = product(x);
    const Matrix<double> other = product(y);
    for (std::int64_t i = 0; i < d.rows(); ++i) {
      for (std::int64_t j = 0; j < d.cols(); ++j) d(i, j) -= other(i, j);
    }
    return d;
  }

  /// Correlation of x with y moved by (rows, cols).
  static double correlation(const Matrix<double>& x, const Matrix<double>& y, std::int64_t rows = 0,
                            std::int64_t cols = 0) {
    double xy = 0;
    double xx = 0;
    double yy = 0;
    for (std::int64_t i = 0; i + rows < x.rows(); ++i) {
      for (std::int64_t j = 0; j + cols < x.cols(); ++j) {
        xy += x(i, j) * y(i + rows, j + cols);
        xx += x(i, j) * x(i, j);
        yy += y(i + rows, j + cols) * y(i + rows, j + cols);
      }
    }
    return xy / std::sqrt(xx * yy);
  }

  /// Five standard errors of a correlation that is zero. N elements give 1 / sqrt(N). Where errors
  /// stand in the weights, C's errors are A dW: rows i and l correlate by cos(A_i, A_l), of order
  /// 1 / sqrt(k), independent over m rows, which adds 1 / (k m) to the variance, and two instances'
  /// whole error matrices share A's spectrum, which multiplies 1 / N by 1 + m / k.
  static double tolerance() {
    const double n = kShape.m * kShape.n;
    const double k = kShape.k;
    const double m = kShape.m;
    return 5 * std::sqrt((1 + m / k) / n + 1 / (k * m));
  }

  /// Four draws, told apart by `vary`, must be independent.
  void expect_independent(void (*vary)(Drawn&, std::uint64_t)) const {
    std::array<Drawn, 4> draws;
    for (std::uint64_t i = 0; i < draws.size(); ++i) vary(draws[i], i);
    const Matrix<double> x = difference(draws[0], draws[1]);
    const Matrix<double> y = difference(draws[2], draws[3]);
    ASSERT_GT(norm<double>(x.view()), 0);
    ASSERT_GT(norm<double>(y.view()), 0);
    EXPECT_LT(std::abs(correlation(x, y)), tolerance());
  }
};

TEST_P(Noise, IsIndependentBetweenElements) {
  const Matrix<double> d = difference({{}, 1, 0}, {{}, 2, 1});
  ASSERT_GT(norm<double>(d.view()), 0);
  EXPECT_LT(std::abs(correlation(d, d, 0, 1)), tolerance()) << "neighbours in a row";
  EXPECT_LT(std::abs(correlation(d, d, 1, 0)), tolerance()) << "neighbours in a column";
  EXPECT_LT(std::abs(correlation(d, d, 0, 4)), tolerance()) << "a block of random words apart";
  EXPECT_LT(std::abs(correlation(d, d, 1, 1)), tolerance()) << "on the diagonal";
}

TEST_P(Noise, IsIndependentBetweenLayers) {
  expect_independent([](Drawn& drawn, std::uint64_t i) { drawn.scope = i; });
}

TEST_P(Noise, IsIndependentBetweenInstancesAndSeeds) {
  expect_independent([](Drawn& drawn, std::uint64_t i) {
    drawn.instance.instance = static_cast<std::uint32_t>(i);
  });
  expect_independent([](Drawn& drawn, std::uint64_t i) { drawn.instance.seed = i; });
}

TEST_P(Noise, IsIndependentBetweenCallsOrComesWithTheDevice) {
  const Matrix<double> x = difference({{}, 0, 0}, {{}, 0, 1});
  const bool drawn_anew = norm<double>(x.view()) > 0;
  // Photons are counted anew in every call. Errors of programmed cells stay, and of their read
  // noise the part that is correlated in time belongs to an epoch; only white read noise is drawn
  // anew. All crossbar presets have some but PCM's, whose published read noise is 1/f (read.white
  // 0).
  EXPECT_EQ(drawn_anew, GetParam().preset != "pcm-hermes");
  if (drawn_anew) {
    expect_independent([](Drawn& drawn, std::uint64_t i) { drawn.call = i; });
  }
}

std::vector<Machine> noisy_machines() {
  std::vector<Machine> noisy;
  for (const Machine& machine : machines()) {
    const std::string& kind = machine.backend->info().kind;
    // Its cells differ in how they answer updates, of which there are none here.
    if (machine.preset == "rpu-2016") continue;
    if ((kind == "analog" || kind == "photonic") && !machine.exact()) noisy.push_back(machine);
  }
  return noisy;
}

TEST(NoisyMachines, ThereAreSome) { EXPECT_GE(noisy_machines().size(), 3U); }

INSTANTIATE_TEST_SUITE_P(Every, Noise, testing::ValuesIn(noisy_machines()), machine_name);

}  // namespace
}  // namespace jb::test
