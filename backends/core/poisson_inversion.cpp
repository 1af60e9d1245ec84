#include "backends/core/poisson_inversion.h"

#include <cmath>

namespace jb {
namespace {

template <std::size_t N>
double polynomial(const double (&coefficients)[N], double x) noexcept {
  double value = coefficients[0];
  for (std::size_t i = 1; i < N; ++i) value = value * x + coefficients[i];
  return value;
}

/// Normal quantile to 1e-16: M. J. Wichura, Algorithm AS 241, Applied Statistics 37(3), 477 (1988),
/// with its coefficients, for p from 2^-33 on.
double normal_quantile(double p) noexcept {
  constexpr double kA[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
                           45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
                           133.14166789178437745, 3.3871328727963666080};
  constexpr double kB[] = {
      5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
      5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0};
  constexpr double kC[] = {7.7454501427834140764e-4, 2.27238449892691845833e-2,
                           0.241780725177450611770,  1.27045825245236838258,
                           3.64784832476320460504,   5.76949722146069140550,
                           4.63033784615654529590,   1.42343711074968357734};
  constexpr double kD[] = {1.05075007164441684324e-9, 5.47593808499534494600e-4,
                           1.51986665636164571966e-2, 0.148103976427480074590,
                           0.689767334985100004550,   1.67638483018380384940,
                           2.05319162663775882187,    1.0};
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kA, r) / polynomial(kB, r);
  }
  // sqrt(-log p) stays below 4.8 here: the third branch of the algorithm begins at 5.
  const double r = std::sqrt(-std::log(q < 0 ? p : 1 - p)) - 1.6;
  const double x = polynomial(kC, r) / polynomial(kD, r);
  return q < 0 ? -x : x;
}

/// P(X = k) by Stirling's series and the deviance (C. Loader, Fast and Accurate Computation of
/// Binomial Probabilities, 2000), for k from 1 on.
double probability(double k, double mean) noexcept {
  constexpr double kTwoPi = 6.28318530717958647693;
  const double v = 1 / k;
  const double v2 = v * v;
  const double stirling = v * (1.0 / 12 - v2 * (1.0 / 360 - v2 * (1.0 / 1260 - v2 / 1680)));
  const double d = (mean - k) / k;
  const double deviance = k * (d - std::log1p(d));
  return std::exp(-deviance - stirling) / std::sqrt(kTwoPi * k);
}

/// True when u lies above P(X <= k): the nearer tail is summed from its largest term outwards.
bool above(double u, double k, double mean) noexcept {
  constexpr double kNothing = 1e-17;  // of the sum so far
  if (k < 0) return true;
  if (k < mean) {
    double term = k >= 1 ? probability(k, mean) : std::exp(-mean);
    double sum = 0;
    for (double i = k; i >= 0 && term > kNothing * sum; --i) {
      sum += term;
      term *= i / mean;
    }
    return u > sum;
  }
  double term = probability(k + 1, mean);
  double sum = 0;
  for (double i = k + 1; term > kNothing * sum; ++i) {
    sum += term;
    term *= mean / (i + 1);
  }
  return 1 - u < sum;  // exact: u has 33 bits
}

}  // namespace

double invert_poisson(std::uint32_t word, double mean) noexcept {
  const double u = (static_cast<double>(word) + 0.5) * 0x1p-32;
  const double w = normal_quantile(u);
  const double r = std::sqrt(mean);
  const double w2 = w * w;
  // The expansion of the quick kernel (random_kernel.inc), in double.
  const double q = mean + r * w + 1.0 / 3 + w2 / 6 - w * (1.0 / 36 + w2 / 72) / r +
                   (-8.0 / 405 + w2 * (7.0 / 810 + w2 / 270)) / mean;
  const double margin = (0.03 + w2 * w2 * (0.006 + 0.0012 * w2)) / (r * mean) + 1e-14 * mean;
  double count = std::floor(q);
  if (q - count > margin && q - count < 1 - margin) return count;
  while (above(u, count, mean)) ++count;
  while (count > 0 && !above(u, count - 1, mean)) --count;
  return count;
}

}  // namespace jb
