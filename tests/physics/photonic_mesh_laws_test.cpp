// Error laws of rectangular meshes that realise Haar-random unitaries (T13): E = ||dU||_F /
// sqrt(N).
//
// N (N - 1) / 2 interferometers with a phase error s on each of two shifters, and N output
// shifters: E^2 = N s^2. Two splitters each with an angle error s, whose matrix changes by 2 s^2 in
// squared norm: E^2 = 2 (N - 1) s^2. Independent simulations of the same laws gave, over N = 8 to
// 128, E / (sqrt(N) s) = 1.00 and 1.41 within 2 % for N >= 32.

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "backends/analog/converter.h"
#include "backends/photonic/mesh/clements.h"
#include "tests/support/unitary.h"

namespace jb::photonic {
namespace {

using photonic_test::haar_unitary;
using photonic_test::mesh_distance;

struct Errors {
  double phase = 0;
  double splitter = 0;
  int bits = 0;
  bool corrected = false;
};

double once(std::int64_t n, const Errors& e, std::uint64_t seed) {
  const auto u = haar_unitary(n, seed);
  const RandomStream stream(seed, 1, tag_of("test.errors"), 0);
  std::int64_t next = 0;
  const auto normal = [&] { return static_cast<double>(stream.normal(0, next++, 0)); };
  std::vector<SplitterErrors> splitters;
  for (std::int64_t i = 0; i < n * (n - 1) / 2; ++i) {
    const double first = e.splitter * normal();
    splitters.push_back({first, e.splitter * normal()});
  }
  const auto product = decompose(u);
  MeshPhases phases = e.corrected ? phases_of(product, splitters) : phases_of(product);
  const auto given = [&](double phase) {
    if (e.bits > 0) {
      const double step = 2 * std::numbers::pi / std::ldexp(1.0, e.bits);
      phase = step * analog::round_half_even(phase / step);
    }
    return phase + e.phase * normal();
  };
  for (MziPhases& mzi : phases.mzis) {
    mzi.theta = given(mzi.theta);
    mzi.phi = given(mzi.phi);
  }
  for (double& phase : phases.outputs) phase = given(phase);
  ModeFields fields = unit_fields(n);
  pass_mesh(phases, {splitters, 1, true}, fields);
  return mesh_distance(fields, u);
}

/// Root mean square over some unitaries: E^2 is a sum of N^2 terms, so few suffice for 5 %.
double distance(std::int64_t n, const Errors& e) {
  const std::int64_t unitaries = 512 / n;
  double squares = 0;
  for (std::int64_t seed = 1; seed <= unitaries; ++seed) {
    const double d = once(n, e, static_cast<std::uint64_t>(seed));
    squares += d * d / static_cast<double>(unitaries);
  }
  return std::sqrt(squares);
}

TEST(MeshLaws, PhaseErrorsGrowWithTheRootOfN) {
  for (const std::int64_t n : {32, 64}) {
    EXPECT_NEAR(distance(n, {0.001, 0, 0, false}) / (std::sqrt(n) * 0.001), 1.00, 0.05) << n;
  }
}

TEST(MeshLaws, SplitterErrorsGrowWithTheRootOfTwoN) {
  for (const std::int64_t n : {32, 64}) {
    EXPECT_NEAR(distance(n, {0, 0.001, 0, false}) / (std::sqrt(n) * 0.001), 1.41, 0.05 * 1.41) << n;
  }
}

TEST(MeshLaws, PhaseQuantisation) {
  // Published simulation; sqrt(N) (2 pi / 2^b) / sqrt(12) predicts 0.227, 0.057 and 0.0142 for N =
  // 64, 0.113 and 0.0283 for N = 16. One matrix was simulated: E^2 sums N^2 squares of uniform
  // errors, whose own deviation is 0.9 of their mean and whose weights in E^2 differ, about 2 / N
  // of E^2: three deviations of E are 3 / N, 19 % and 5 %, and 3 digits of print.
  struct Case {
    std::int64_t n;
    int bits;
    double expected;
  };
  for (const Case& c : {Case{64, 6, 0.228}, Case{64, 8, 0.056}, Case{64, 10, 0.0132},
                        Case{16, 6, 0.119}, Case{16, 8, 0.031}, Case{16, 10, 0.0061}}) {
    const double found = distance(c.n, {0, 0, c.bits, false});
    EXPECT_NEAR(found / c.expected, 1, c.n == 64 ? 0.08 : 0.19) << c.n << " " << c.bits;
    const double predicted = std::sqrt(static_cast<double>(c.n)) * 2 * std::numbers::pi /
                             std::ldexp(1.0, c.bits) / std::sqrt(12.0);
    EXPECT_NEAR(found / predicted, 1, 0.05) << c.n << " " << c.bits;
  }
}

TEST(MeshLaws, CorrectionLeavesAQuadraticError) {
  // Only splitting ratios out of reach remain: halving the error quarters what is left (R. Hamerly
  // et al., Phys. Rev. Applied 18, 024019 (2022): sqrt(2/3) N s^2 for small errors).
  const std::int64_t n = 64;
  const double large = distance(n, {0, 0.02, 0, true});
  const double small = distance(n, {0, 0.01, 0, true});
  EXPECT_NEAR(std::log2(large / small), 2, 0.35);
  EXPECT_LT(large, 0.5 * distance(n, {0, 0.02, 0, false}));
  EXPECT_NEAR(large / (std::sqrt(2.0 / 3.0) * static_cast<double>(n) * 0.02 * 0.02), 1, 0.5);
}

}  // namespace
}  // namespace jb::photonic
