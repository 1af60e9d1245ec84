#include "harness/operands.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "backends/core/random.h"
#include "backends/core/threads.h"

namespace jb::harness {
namespace {

constexpr double kTwoTo32 = 4294967296.0;
constexpr std::int64_t kElementsPerPiece = 1 << 16;

/// Horner's rule, highest coefficient last.
template <std::size_t N>
double polynomial(const std::array<double, N>& coefficients, double x) noexcept {
  double sum = coefficients[N - 1];
  for (std::size_t i = N - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// Coefficients of AS 241, algorithm PPND16 (Wichura, Applied Statistics 37 (1988) 477-484).
constexpr std::array<double, 8> kCentreNum = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                              1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                              4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                              3.3430575583588128105e+4, 2.5090809287301226727e+3};
constexpr std::array<double, 8> kCentreDen = {1.0,
                                              4.2313330701600911252e+1,
                                              6.8718700749205790830e+2,
                                              5.3941960214247511077e+3,
                                              2.1213794301586595867e+4,
                                              3.9307895800092710610e+4,
                                              2.8729085735721942674e+4,
                                              5.2264952788528545610e+3};
constexpr std::array<double, 8> kTailNum = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                            5.76949722146069140550e0,  3.64784832476320460504e0,
                                            1.27045825245236838258e0,  2.41780725177450611770e-1,
                                            2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr std::array<double, 8> kTailDen = {1.0,
                                            2.05319162663775882187e0,
                                            1.67638483018380384940e0,
                                            6.89767334985100004550e-1,
                                            1.48103976427480074590e-1,
                                            1.51986665636164571966e-2,
                                            5.47593808499534494600e-4,
                                            1.05075007164441684324e-9};
constexpr std::array<double, 8> kFarNum = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                           1.78482653991729133580e0,  2.96560571828504891230e-1,
                                           2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                           2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr std::array<double, 8> kFarDen = {1.0,
                                           5.99832206555887937690e-1,
                                           1.36929880922735805310e-1,
                                           1.48753612908506148525e-2,
                                           7.86869131145613259100e-4,
                                           1.84631831751005468180e-5,
                                           1.42151175831644588870e-7,
                                           2.04426310338993978564e-15};

/// The word in the middle of its 2^-32 wide cell of (0, 1); exact in float64.
double uniform_of(std::uint32_t word) noexcept {
  return (static_cast<double>(word) + 0.5) / kTwoTo32;
}

float value_of(const Distribution& distribution, OperandRole role, std::uint32_t word,
               std::uint32_t mask) noexcept {
  using Kind = Distribution::Kind;
  const double u = uniform_of(word);
  switch (distribution.kind) {
    case Kind::normal:
      return static_cast<float>(normal_quantile(u));
    case Kind::uniform:
      return static_cast<float>(2 * u - 1);
    case Kind::relu: {
      const auto normal = static_cast<float>(normal_quantile(u));
      return role == OperandRole::a ? std::max(normal, 0.0F) : normal;
    }
    case Kind::zeros:
      return 0;
    case Kind::bits:
      return u < 0.5 ? 0.0F : 1.0F;
    case Kind::sparse:
      return static_cast<double>(mask) < distribution.density * kTwoTo32
                 ? static_cast<float>(normal_quantile(u))
                 : 0.0F;
  }
  return 0;
}

}  // namespace

double portable_log(double x) noexcept {
  constexpr double kLn2 = 0.693147180559945309417232121458;       // ln 2
  constexpr double kSqrtHalf = 0.707106781186547524400844362105;  // sqrt(1/2)
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);  // exact
  if (mantissa < kSqrtHalf) {
    mantissa *= 2;
    --exponent;
  }
  // ln m = 2 artanh(s), s = (m - 1)/(m + 1), |s| < 0.172: the term of s^27 is below 1e-20.
  const double s = (mantissa - 1) / (mantissa + 1);
  const double s2 = s * s;
  double series = 0;
  for (int n = 25; n >= 1; n -= 2) series = series * s2 + 1.0 / n;
  return static_cast<double>(exponent) * kLn2 + 2 * s * series;
}

double normal_quantile(double u) noexcept {
  const double q = u - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kCentreNum, r) / polynomial(kCentreDen, r);
  }
  const double r = std::sqrt(-portable_log(q <= 0 ? u : 1 - u));
  const double tail = r <= 5 ? polynomial(kTailNum, r - 1.6) / polynomial(kTailDen, r - 1.6)
                             : polynomial(kFarNum, r - 5) / polynomial(kFarDen, r - 5);
  return q < 0 ? -tail : tail;
}

Matrix<float> make_operand(OperandRole role, std::int64_t rows, std::int64_t cols,
                           const Distribution& distribution, std::uint64_t seed) {
  Matrix<float> operand(rows, cols);
  if (distribution.kind == Distribution::Kind::zeros || cols == 0) return operand;
  const bool is_a = role == OperandRole::a;
  const RandomStream values(seed, 0, tag_of(is_a ? "operand.a" : "operand.b"), 0);
  const RandomStream masks(seed, 0, tag_of(is_a ? "operand.a.mask" : "operand.b.mask"), 0);
  const bool sparse = distribution.kind == Distribution::Kind::sparse;
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerPiece / cols);
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t j = 0; j < cols; j += 4) {
        const auto block = static_cast<std::uint32_t>(j / 4);
        const auto row = static_cast<std::uint64_t>(i);
        const std::array<std::uint32_t, 4> words = values.words(block, row, 0);
        std::array<std::uint32_t, 4> mask{};
        if (sparse) mask = masks.words(block, row, 0);
        const std::int64_t count = std::min<std::int64_t>(4, cols - j);
        for (std::int64_t l = 0; l < count; ++l) {
          const auto lane = static_cast<std::size_t>(l);
          operand(i, j + l) = value_of(distribution, role, words[lane], mask[lane]);
        }
      }
    }
  });
  return operand;
}

}  // namespace jb::harness
