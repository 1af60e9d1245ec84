// The product itself: ideal and quantised arithmetic, determinism, keyed noise, updates, bad input.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "backends/core/threads.h"
#include "tests/support/photonic_bench.h"

namespace jb {
namespace {

using photonic_test::multiply;
using photonic_test::normal_matrix;
using photonic_test::open_device;
using photonic_test::Overrides;
using photonic_test::product;
using photonic_test::relative_error;
using photonic_test::transpose;

template <class T>
bool same_bytes(const Matrix<T>& x, const Matrix<T>& y) {
  return x.size() == y.size() &&
         std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.size()) * sizeof(T)) == 0;
}

TEST(PhotonicProduct, IdealEqualsTheReferenceToRounding) {
  const auto device = open_device("ideal");
  for (const GemmShape s : {GemmShape{1, 7, 13}, {5, 1, 97}, {31, 37, 41}, {64, 64, 2000}}) {
    const auto a = normal_matrix<double>(s.m, s.k, 1);
    const auto b = normal_matrix<double>(s.k, s.n, 2);
    // k rounded sums of normal products: error below k eps relative to the norms.
    EXPECT_LT(relative_error(multiply(*device, a, b), product(a, b)),
              static_cast<double>(s.k) * std::numeric_limits<double>::epsilon());
    const auto a32 = normal_matrix<float>(s.m, s.k, 1);
    const auto b32 = normal_matrix<float>(s.k, s.n, 2);
    EXPECT_LT(
        relative_error(multiply(*device, a32, b32), product(a32, b32)),
        static_cast<double>(s.k) * static_cast<double>(std::numeric_limits<float>::epsilon()));
  }
}

TEST(PhotonicProduct, EmptyInnerDimensionGivesZeros) {
  for (const char* preset : {"ideal", "hamerly2019-sql", "photonic-2025"}) {
    const auto device = open_device(preset);
    const Matrix<float> a(3, 0), b(0, 4);
    const auto plan = device->plan({3, 4, 0}, b.view(), OperandMode::stationary, {});
    auto c = normal_matrix<float>(3, 4, 1);
    const Execution done = plan->execute(a.view(), c.view());
    for (std::int64_t i = 0; i < c.size(); ++i) EXPECT_EQ(c.data()[i], 0.0F);
    EXPECT_TRUE(done.activity.rows().empty());
  }
}

// No noise, no static errors, converters left on.
Overrides converters_only(const std::string& bits, const std::string& norm) {
  return {{"noise.shot", "false"},
          {"noise.rin_dB_per_Hz", "-300"},
          {"noise.dark_A", "0"},
          {"c_fF", "0"},
          {"error.gain", "0"},
          {"error.phase_rad", "0"},
          {"error.crosstalk_dB", "-300"},
          {"modulator.extinction_dB", "300"},
          {"dac.bits_a", bits},
          {"dac.bits_b", bits},
          {"adc.kappa", "4"},
          {"norm", norm}};
}

/// The quantised machine in 64-bit integers. Doubles appear only in the scale factors: full scales
/// of the DACs, gain in electrons per product of codes, ADC step.
template <class T>
Matrix<T> integer_reference(const Matrix<T>& a, const Matrix<T>& b, int bits, bool per_vector) {
  constexpr double kPhotons = 1000, kEta = 0.8, kSplit = 0.5, kKappa = 4;
  constexpr std::int64_t kIntegration = 1024, kAdcFull = 127;
  const std::int64_t m = a.rows(), k = a.cols(), n = b.cols();
  const std::int64_t full = (std::int64_t{1} << (bits - 1)) - 1;
  const auto largest = [](const T* x, std::int64_t count) {
    double most = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      most = std::max(most, std::fabs(static_cast<double>(x[i])));
    }
    return most;
  };
  const auto code = [&](T x, double most) {
    return std::lrint(static_cast<double>(x) / most * static_cast<double>(full));
  };
  const double max_b = largest(b.data(), b.size());
  std::vector<std::int64_t> qb(static_cast<std::size_t>(k * n));
  std::int64_t square_b = 0;
  for (std::size_t i = 0; i < qb.size(); ++i) {
    qb[i] = code(b.data()[i], max_b);
    square_b += qb[i] * qb[i];
  }
  std::vector<std::int64_t> qa(static_cast<std::size_t>(m * k));
  std::vector<double> max_a(static_cast<std::size_t>(m), largest(a.data(), a.size()));
  std::vector<std::int64_t> square_a(static_cast<std::size_t>(m), 0);
  std::int64_t all_a = 0;
  for (std::int64_t i = 0; i < m; ++i) {
    const auto row = static_cast<std::size_t>(i);
    if (per_vector) max_a[row] = largest(&a(i, 0), k);
    for (std::int64_t l = 0; l < k; ++l) {
      const std::int64_t q = code(a(i, l), max_a[row]);
      qa[static_cast<std::size_t>(i * k + l)] = q;
      square_a[row] += q * q;
    }
    all_a += square_a[row];
  }
  const double beta =
      std::sqrt(kSplit * kPhotons * static_cast<double>(k * n) / static_cast<double>(square_b));
  const auto cycles = static_cast<double>(std::min(k, kIntegration));
  const double detected = kEta * kPhotons;
  const double range = kKappa * std::sqrt(4 * detected * detected * kSplit * (1 - kSplit) * cycles);
  const double lsb = range / static_cast<double>(kAdcFull);
  Matrix<T> c(m, n);
  for (std::int64_t i = 0; i < m; ++i) {
    const auto row = static_cast<std::size_t>(i);
    const double photons = (1 - kSplit) * kPhotons;
    const double alpha =
        per_vector
            ? std::sqrt(photons * static_cast<double>(k) / static_cast<double>(square_a[row]))
            : std::sqrt(photons * static_cast<double>(m) * static_cast<double>(k) /
                        static_cast<double>(all_a));
    const double gain = 2 * kEta * alpha * beta;
    for (std::int64_t j = 0; j < n; ++j) {
      std::int64_t codes = 0;
      for (std::int64_t first = 0; first < k; first += kIntegration) {
        std::int64_t sum = 0;
        for (std::int64_t l = first; l < std::min(k, first + kIntegration); ++l) {
          sum += qa[static_cast<std::size_t>(i * k + l)] * qb[static_cast<std::size_t>(l * n + j)];
        }
        const std::int64_t q = std::lrint(static_cast<double>(sum) * gain * (1 / lsb));
        codes += std::clamp(q, -kAdcFull, kAdcFull);
      }
      const double unit =
          lsb * (max_a[row] / static_cast<double>(full) * (max_b / static_cast<double>(full))) *
          (1 / gain);
      c(i, j) = static_cast<T>(static_cast<double>(codes) * unit);
    }
  }
  return c;
}

template <class T>
void expect_integer_arithmetic(const GemmShape& s, int bits, const std::string& norm) {
  const auto device = open_device("photonic-2025", converters_only(std::to_string(bits), norm));
  const auto a = normal_matrix<T>(s.m, s.k, 3);
  const auto b = normal_matrix<T>(s.k, s.n, 4);
  EXPECT_TRUE(
      same_bytes(multiply(*device, a, b), integer_reference(a, b, bits, norm == "per_vector")))
      << to_string(s) << " bits " << bits << " " << norm;
}

TEST(PhotonicProduct, QuantisedEqualsAnIntegerReferenceBitForBit) {
  for (const GemmShape s : {GemmShape{1, 1, 1}, {17, 19, 23}, {9, 65, 1024}, {12, 31, 2500}}) {
    for (const int bits : {2, 8, 16}) {  // 16-bit codes need sums beyond 2^24: the f64 path
      expect_integer_arithmetic<float>(s, bits, "per_vector");
      expect_integer_arithmetic<double>(s, bits, "per_vector");
      expect_integer_arithmetic<float>(s, bits, "per_batch");
    }
  }
}

const std::vector<std::pair<std::string, Overrides>> kMachines = {
    {"hamerly2019-sql", {}},
    {"hamerly2019-sql", {{"n_mac", "0.01"}}},
    {"hamerly2019-sql", {{"noise.law", "poisson"}, {"n_mac", "2"}}},
    {"hamerly2019-nearterm", {}},
    {"photonic-2025", {}},
    {"photonic-2025", {{"norm", "fixed_scale"}, {"norm.full_scale_a", "3"}, {"papr", "8"}}},
    {"ideal", {}}};

TEST(PhotonicProduct, SameBytesForAnyThreadCountAndRowCut) {
  const int before = thread_count();
  const auto a = normal_matrix<float>(301, 1100, 5);
  const auto b = normal_matrix<float>(1100, 133, 6);
  for (const auto& machine : kMachines) {
    const auto device = open_device(machine.first, machine.second);
    const Draw draw{3, 1000};
    set_thread_count(1);
    const Matrix<float> one = multiply(*device, a, b, draw);
    for (const int threads : {2, 3}) {
      set_thread_count(threads);
      EXPECT_TRUE(same_bytes(multiply(*device, a, b, draw), one)) << machine.first << threads;
    }
    const auto plan = device->plan({301, 133, 1100}, b.view(), OperandMode::stationary, {});
    Matrix<float> cut(301, 133);
    for (const auto& [first, rows] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {0, 1}, {1, 64}, {65, 201}, {266, 35}}) {
      plan->execute(a.view().block(first, 0, rows, 1100), cut.view().block(first, 0, rows, 133),
                    Draw{3, 1000 + first}, Direction::forward);
    }
    EXPECT_TRUE(same_bytes(cut, one)) << machine.first;
  }
  set_thread_count(before);
}

TEST(PhotonicProduct, StridedOperandsGiveTheSameBytes) {
  const auto device = open_device("photonic-2025");
  const auto a = normal_matrix<float>(40, 50, 7);
  const auto b = normal_matrix<float>(50, 30, 8);
  const Matrix<float> at = transpose(a), bt = transpose(b);
  const Matrix<float> direct = multiply(*device, a, b);
  const auto plan = device->plan({40, 30, 50}, bt.view().transposed(), OperandMode::stationary, {});
  Matrix<float> ct(30, 40);
  plan->execute(at.view().transposed(), ct.view().transposed(), {}, Direction::forward);
  EXPECT_TRUE(same_bytes(transpose(ct), direct));
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += x[i] * y[i];
    xx += x[i] * x[i];
    yy += y[i] * y[i];
  }
  return xy / std::sqrt(xx * yy);
}

std::vector<double> noise_of(Device& device, const Matrix<float>& a, const Matrix<float>& b,
                             const Draw& draw, std::uint64_t scope) {
  const Matrix<float> c = multiply(device, a, b, draw, scope);
  const Matrix<double> exact = product(a, b);
  std::vector<double> noise;
  for (std::int64_t i = 0; i < c.size(); ++i) {
    noise.push_back(static_cast<double>(c.data()[i]) - exact.data()[i]);
  }
  return noise;
}

TEST(PhotonicProduct, NoiseIsUncorrelatedBetweenElementsLayersCallsAndDevices) {
  const std::int64_t m = 200, n = 300;
  const auto a = normal_matrix<float>(m, 60, 9);
  const auto b = normal_matrix<float>(60, n, 10);
  const double bound = 4.5 / std::sqrt(static_cast<double>(m * n - n));  // 4.5 standard errors
  for (const char* law : {"gaussian", "poisson"}) {
    const Overrides overrides = {{"noise.law", law}};
    const auto device = open_device("hamerly2019-sql", overrides);
    const std::vector<double> base = noise_of(*device, a, b, {0, 0}, 1);
    EXPECT_LT(std::fabs(correlation(base, noise_of(*device, a, b, {1, 0}, 1))), bound);
    EXPECT_LT(std::fabs(correlation(base, noise_of(*device, a, b, {0, 0}, 2))), bound);
    EXPECT_LT(std::fabs(correlation(base, noise_of(*device, a, b, {0, m}, 1))), bound);
    const auto other = open_device("hamerly2019-sql", overrides, {1, 1});
    EXPECT_LT(std::fabs(correlation(base, noise_of(*other, a, b, {0, 0}, 1))), bound);
    const auto seeded = open_device("hamerly2019-sql", overrides, {2, 0});
    EXPECT_LT(std::fabs(correlation(base, noise_of(*seeded, a, b, {0, 0}, 1))), bound);
    for (const std::ptrdiff_t lag : {std::ptrdiff_t{1}, std::ptrdiff_t{n}}) {
      const std::vector<double> x(base.begin(), base.end() - lag);
      const std::vector<double> y(base.begin() + lag, base.end());
      EXPECT_LT(std::fabs(correlation(x, y)), bound) << "lag " << lag;
    }
    // The same point again is the same numbers: correlation can be seen at all.
    EXPECT_NEAR(correlation(base, noise_of(*device, a, b, {0, 0}, 1)), 1, 1e-12);
  }
}

TEST(PhotonicProduct, StaticLaneErrorsBelongToTheDevice) {
  const Overrides only_errors = {
      {"error.gain", "0.03"}, {"error.phase_rad", "0.035"}, {"array.outputs", "64"}};
  const auto device = open_device("ideal", only_errors);
  const auto a = normal_matrix<double>(6, 40, 11);
  const auto b = normal_matrix<double>(40, 640, 12);
  const Matrix<double> exact = product(a, b);
  const Matrix<double> c = multiply(*device, a, b, {0, 0}, 1);
  const Matrix<double> later = multiply(*device, a, b, {5, 0}, 2);
  double sum = 0;
  for (std::int64_t j = 0; j < 64; ++j) {
    // Same lanes, any pass, layer or call: same factor, to the rounding of a sum of 40 products.
    for (std::int64_t i = 0; i < 6; ++i) {
      const double factor = c(i, j) / exact(i, j);
      EXPECT_NEAR(c(i, j + 64), factor * exact(i, j + 64), 1e-12);
      EXPECT_NEAR(later(i, j), factor * exact(i, j), 1e-12);
    }
    // Two rows differ by their own lanes' gains, as all columns see them.
    sum += std::pow(c(0, j) / exact(0, j) - 1, 2) / 64;
  }
  // Gains of both arms, 0.03 rms each: all columns share the row's, 64 have one of their own (44 %
  // = 5 sqrt(1 / 128) of its rms; phase adds 0.0006).
  EXPECT_GT(std::sqrt(sum), 0.5 * 0.03);
  EXPECT_LT(std::sqrt(sum), 0.03 * (1.44 + 5));
  const auto twin = open_device("ideal", only_errors, {1, 7});
  EXPECT_GT(relative_error(multiply(*twin, a, b), c), 0.01);
}

TEST(PhotonicProduct, TransposedAndUpdated) {
  const auto device = open_device("ideal");
  const auto a = normal_matrix<double>(11, 21, 13);
  const auto b = normal_matrix<double>(31, 21, 14);
  const auto delta = normal_matrix<double>(31, 21, 15);
  const auto plan = device->plan({11, 21, 31}, b.view(), OperandMode::stationary, {});
  Matrix<double> c(11, 31);
  plan->execute(a.view(), c.view(), {}, Direction::transposed);
  EXPECT_LT(relative_error(c, product(a, transpose(b))), 1e-14);
  (void)plan->update(delta.view());
  Matrix<double> sum = b;
  for (std::int64_t i = 0; i < sum.size(); ++i) sum.data()[i] += delta.data()[i];
  plan->execute(a.view(), c.view(), {}, Direction::transposed);
  EXPECT_LT(relative_error(c, product(a, transpose(sum))), 1e-14);
  const auto forward = normal_matrix<double>(11, 31, 16);
  Matrix<double> d(11, 21);
  plan->execute(forward.view(), d.view(), {}, Direction::forward);
  EXPECT_LT(relative_error(d, product(forward, sum)), 1e-14);
}

TEST(PhotonicProduct, TransposedCarriesNoiseOfItsOwnShape) {
  const auto device = open_device("hamerly2019-sql");
  const auto a = normal_matrix<double>(200, 400, 17);
  const auto b = normal_matrix<double>(300, 400, 18);
  const auto plan = device->plan({200, 400, 300}, b.view(), OperandMode::stationary, {});
  Matrix<double> c(200, 300);
  plan->execute(a.view(), c.view(), {}, Direction::transposed);
  // Relative error 1 at one photon per MAC; 60,000 samples: 0.3 % standard error, plus that of
  // ||C||.
  EXPECT_NEAR(relative_error(c, product(a, transpose(b))), 1.0, 0.02);
}

bool has_lint(const Execution& execution, const std::string& word) {
  return std::any_of(execution.lints.begin(), execution.lints.end(),
                     [&](const std::string& lint) { return lint.find(word) != std::string::npos; });
}

TEST(PhotonicProduct, SaturationIsReported) {
  const auto a = normal_matrix<float>(50, 200, 19);
  const auto b = normal_matrix<float>(200, 50, 20);
  Execution execution;
  (void)multiply(*open_device("photonic-2025"), a, b, {}, 0, &execution);
  EXPECT_FALSE(has_lint(execution, "saturated"));
  (void)multiply(*open_device("photonic-2025", {{"adc.kappa", "1.5"}}), a, b, {}, 0, &execution);
  EXPECT_TRUE(has_lint(execution, "saturated"));
  // A well of 624 electrons under products of 1000 photons per MAC.
  (void)multiply(*open_device("photonic-2025", {{"c_fF", "0.1"}}), a, b, {}, 0, &execution);
  EXPECT_TRUE(has_lint(execution, "saturated"));
  (void)multiply(
      *open_device("photonic-2025", {{"norm", "fixed_scale"}, {"norm.full_scale_a", "1"}}), a, b,
      {}, 0, &execution);
  EXPECT_TRUE(has_lint(execution, "modulators clip"));
  (void)multiply(*open_device("photonic-2025", {{"papr", "1"}}), a, b, {}, 0, &execution);
  EXPECT_TRUE(has_lint(execution, "papr"));
}

TEST(PhotonicProduct, ZeroOperandsGiveFiniteResults) {
  for (const auto& machine : kMachines) {
    const auto device = open_device(machine.first, machine.second);
    auto a = normal_matrix<float>(4, 30, 21);
    for (std::int64_t l = 0; l < 30; ++l) a(2, l) = 0;
    const auto b = normal_matrix<float>(30, 5, 22);
    const Matrix<float> zero(30, 5);
    for (const Matrix<float>* right : {&b, &zero}) {
      const Matrix<float> c = multiply(*device, a, *right);
      for (std::int64_t i = 0; i < c.size(); ++i) EXPECT_TRUE(std::isfinite(c.data()[i]));
    }
  }
}

TEST(PhotonicProduct, RefusesBadOperands) {
  const auto device = open_device("photonic-2025");
  const auto b = normal_matrix<float>(30, 5, 23);
  auto poisoned = b;
  poisoned(3, 3) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(device->plan({4, 5, 30}, poisoned.view(), OperandMode::stationary, {}), Error);
  EXPECT_THROW(device->plan({4, 5, 31}, b.view(), OperandMode::stationary, {}), Error);
  const auto plan = device->plan({4, 5, 30}, b.view(), OperandMode::stationary, {});
  auto a = normal_matrix<float>(4, 30, 24);
  Matrix<float> c(4, 5), wrong(4, 6);
  EXPECT_THROW(plan->execute(a.view(), wrong.view()), Error);
  Matrix<double> other(4, 5);
  EXPECT_THROW(plan->execute(a.view(), other.view()), Error);
  a(0, 0) = std::numeric_limits<float>::infinity();
  EXPECT_THROW(plan->execute(a.view(), c.view()), Error);
  EXPECT_THROW((void)plan->update(wrong.view()), Error);
  EXPECT_THROW((void)device->calibrate("gdc"), Error);
  EXPECT_TRUE(device->calibrate("none").rows().empty());
  EXPECT_FALSE(device->supports({1, 1, 1}, OperandMode::stationary, ElementType::s8).ok);
}

}  // namespace
}  // namespace jb
