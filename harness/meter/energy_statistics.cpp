#include "harness/meter/energy_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backends/core/error.h"
#include "harness/timing.h"

namespace jb::harness::meter {
namespace {

struct Sample {
  double mean = 0;
  double deviation = 0;  // standard
};

Sample sample_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  Sample sample;
  sample.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - sample.mean) * (v - sample.mean);
  sample.deviation = std::sqrt(squares / (n - 1));
  return sample;
}

/// Half width of the 95 % interval from a scatter with n - 1 degrees of freedom and what is known
/// better (GUM G.4.1: effective degrees of freedom).
double half_width(double scatter, std::size_t n, double known_squares) {
  const double total = std::sqrt(scatter * scatter + known_squares);
  if (!(total > 0)) return 0;
  constexpr double kMany = 1e6;
  double degrees = kMany;
  if (scatter > 0) {
    degrees = std::pow(total / scatter, 4) * static_cast<double>(n - 1);
  }
  const auto whole = static_cast<std::int64_t>(std::clamp(std::floor(degrees), 1.0, kMany));
  return student_t975(whole) * total;
}

double square(double x) { return x * x; }

}  // namespace

EnergyStatistics energy_statistics(const EnergySeries& series) {
  const std::size_t n = series.joules.size();
  if (n < 2 || series.seconds.size() != n || series.executions.size() != n) {
    fail_internal("energy statistics need at least two whole windows");
  }
  EnergyStatistics result;
  result.idle_W = 0.5 * (series.idle_before_W + series.idle_after_W);
  const double idle_difference = std::abs(series.idle_before_W - series.idle_after_W);
  if (result.idle_W > 0) result.idle_drift_frac = idle_difference / result.idle_W;

  std::vector<double> gross(n);
  std::vector<double> net(n);
  std::vector<double> power(n);
  double seconds = 0;       // mean, of one execution
  double quantisation = 0;  // mean relative, of a window
  for (std::size_t i = 0; i < n; ++i) {
    const double time_s = series.seconds[i] / series.executions[i];
    gross[i] = series.joules[i] / series.executions[i];
    net[i] = gross[i] - result.idle_W * time_s;
    power[i] = series.joules[i] / series.seconds[i];
    seconds += time_s / static_cast<double>(n);
    quantisation +=
        series.update_period_s / (std::sqrt(6.0) * series.seconds[i]) / static_cast<double>(n);
  }
  const Sample e = sample_of(gross);
  const double root_n = std::sqrt(static_cast<double>(n));
  result.cv_frac = e.mean > 0 ? e.deviation / e.mean : 0;
  result.sampling_frac = result.cv_frac / root_n;
  result.meter_frac = series.meter_frac;
  result.quantisation_frac = quantisation;
  const double known = square(series.meter_frac) + square(quantisation);
  result.gross_J = {e.mean, half_width(e.deviation / root_n, n, known * square(e.mean))};
  const Sample p = sample_of(power);
  result.power_W = {p.mean, half_width(p.deviation / root_n, n, known * square(p.mean))};

  const Sample net_sample = sample_of(net);
  double idle_squares = square(idle_difference) / 12;
  if (series.idle_s > 0) {
    idle_squares +=
        square(series.update_period_s * result.idle_W / (std::sqrt(6.0) * series.idle_s));
  }
  const double net_known = square(series.meter_frac * net_sample.mean) +
                           square(quantisation * e.mean) + idle_squares * square(seconds);
  result.net_J = {net_sample.mean, half_width(net_sample.deviation / root_n, n, net_known)};
  if (net_sample.mean > 0) result.idle_frac = std::sqrt(idle_squares) * seconds / net_sample.mean;
  return result;
}

}  // namespace jb::harness::meter
