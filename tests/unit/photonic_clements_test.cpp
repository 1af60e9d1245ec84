// Does a rectangular mesh realise the matrix that it is programmed with?

#include <gtest/gtest.h>

#include <algorithm>
#include <numbers>

#include "backends/photonic/mesh/clements.h"
#include "tests/support/unitary.h"

namespace jb::photonic {
namespace {

using photonic_test::haar_unitary;
using photonic_test::mesh_distance;
using photonic_test::random_orthogonal;

// N (N - 1) / 2 rotations of rounding 1e-16 each, in quadrature, on N columns: well below 1e-13.
constexpr double kRounding = 1e-13;

template <class T>
MeshPhases program(const Matrix<T>& u, std::span<const SplitterErrors> known = {}) {
  return phases_of(decompose(u), known);
}

ModeFields passed(const MeshPhases& phases, const MeshOptics& optics = {}) {
  ModeFields fields = unit_fields(static_cast<std::int64_t>(phases.outputs.size()));
  pass_mesh(phases, optics, fields);
  return fields;
}

std::vector<SplitterErrors> splitters(std::int64_t n, double rms) {
  const RandomStream stream(5, 0, tag_of("test.splitters"), 0);
  std::vector<SplitterErrors> errors;
  for (std::int64_t i = 0; i < n * (n - 1) / 2; ++i) {
    errors.push_back({rms * static_cast<double>(stream.normal(0, i, 0)),
                      rms * static_cast<double>(stream.normal(1, i, 0))});
  }
  return errors;
}

TEST(Clements, RealisesUnitaryAndOrthogonalMatrices) {
  for (const std::int64_t n : {2, 3, 4, 7, 8, 16, 33, 64}) {
    const auto u = haar_unitary(n, 1);
    EXPECT_LT(mesh_distance(passed(program(u)), u), kRounding) << n;
    const auto q = random_orthogonal(n, 2);
    EXPECT_LT(mesh_distance(passed(program(q)), q), kRounding) << n;
  }
}

TEST(Clements, RealisesMatricesFullOfZeros) {
  for (const std::int64_t n : {2, 5, 8}) {
    Matrix<double> identity(n, n);
    Matrix<double> reversed(n, n);
    Matrix<double> shifted(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      identity(i, i) = 1;
      reversed(i, n - 1 - i) = i % 2 == 0 ? 1 : -1;
      shifted(i, (i + 1) % n) = 1;
    }
    for (const Matrix<double>* u : {&identity, &reversed, &shifted}) {
      EXPECT_LT(mesh_distance(passed(program(*u)), *u), kRounding) << n;
    }
  }
}

TEST(Clements, IsARectangleOfNColumnsWithPhasesInRange) {
  const std::int64_t n = 16;
  const MeshPhases phases = program(haar_unitary(n, 3));
  EXPECT_EQ(phases.mzis.size(), static_cast<std::size_t>(n * (n - 1) / 2));
  EXPECT_EQ(phases.outputs.size(), static_cast<std::size_t>(n));
  std::vector<std::int64_t> depth(static_cast<std::size_t>(n), 0);
  for (const MziPhases& mzi : phases.mzis) {
    EXPECT_GE(mzi.theta, 0);
    EXPECT_LE(mzi.theta, std::numbers::pi);
    EXPECT_GE(mzi.phi, 0);
    EXPECT_LE(mzi.phi, 2 * std::numbers::pi);
    const auto m = static_cast<std::size_t>(mzi.mode);
    depth[m] = depth[m + 1] = std::max(depth[m], depth[m + 1]) + 1;
  }
  EXPECT_EQ(*std::max_element(depth.begin(), depth.end()), n);
}

TEST(Clements, CommonLossIsAScaleAndUnequalLossIsNot) {
  const std::int64_t n = 16;
  const auto u = random_orthogonal(n, 4);
  const MeshPhases phases = program(u);
  const double t = 0.95;
  const auto rescaled = [&](bool balanced) {
    ModeFields fields = passed(phases, {{}, t, balanced});
    const double back = std::pow(t, -static_cast<double>(n));
    for (std::int64_t i = 0; i < fields.re.size(); ++i) {
      fields.re.data()[i] *= back;
      fields.im.data()[i] *= back;
    }
    return mesh_distance(fields, u);
  };
  EXPECT_LT(rescaled(true), kRounding);
  // Outer paths skip up to N / 2 of the N columns: their fields come out t^(-N/2) too strong.
  EXPECT_GT(rescaled(false), 0.05);
  EXPECT_LT(rescaled(false), std::pow(t, -static_cast<double>(n) / 2) - 1);
}

TEST(Clements, LightIsConserved) {
  const std::int64_t n = 12;
  MeshPhases phases = program(haar_unitary(n, 5));
  for (MziPhases& mzi : phases.mzis) mzi.theta += 0.3;
  const std::vector<SplitterErrors> errors = splitters(n, 0.1);
  const ModeFields out = passed(phases, {errors, 1, true});
  for (std::int64_t j = 0; j < n; ++j) {
    double power = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      power += out.re(i, j) * out.re(i, j) + out.im(i, j) * out.im(i, j);
    }
    EXPECT_NEAR(power, 1, kRounding);
  }
}

TEST(Clements, KnownSplitterErrorsAreCorrected) {
  const std::int64_t n = 16;
  const auto u = haar_unitary(n, 6);
  const std::vector<SplitterErrors> errors = splitters(n, 0.01);
  const double uncorrected = mesh_distance(passed(program(u), {errors, 1, true}), u);
  const double corrected = mesh_distance(passed(program(u, errors), {errors, 1, true}), u);
  EXPECT_GT(uncorrected, 0.04);  // sqrt(2 N) 0.01 = 0.057
  EXPECT_LT(corrected, uncorrected / 10);
}

}  // namespace
}  // namespace jb::photonic
