#include "backends/photonic/lanes.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/analog/random_walk.h"

namespace jb::photonic {
namespace {

constexpr double kRootHalf = 0.70710678118654752440;
// Rows of the stream of lane errors.
constexpr std::int64_t kGainRow = 0;
constexpr std::int64_t kPhaseRow = 1;
// Looks draw apart from calibrations.
constexpr std::uint64_t kFirstLook = std::uint64_t{1} << 32U;

std::int64_t row_of(Arm arm, std::int64_t row) { return arm == Arm::weights ? row : row + 2; }

}  // namespace

Lanes::Lanes(const HomodyneParameters& p, const DeviceInstance& i)
    : p_(p),
      lane_(i.seed, i.instance, tag_of("photonic.lane"), 0),
      walk_(i.seed, i.instance, tag_of("photonic.phase.walk"), 0),
      lock_(i.seed, i.instance, tag_of("photonic.phase.lock"), 0),
      splitter_(i.seed, i.instance, tag_of("photonic.splitter"), 0),
      offset_(i.seed, i.instance, tag_of("photonic.splitter.offset"), 0),
      has_phases_(p.phase_error_rad > 0 || p.phase_drift > 0) {}

void Lanes::set_epoch(const Epoch& epoch) {
  epoch_ = epoch;
  ++version_;
}

void Lanes::calibrate(bool offsets) {
  ++calibrations_;
  if (offsets) offsets_taken_ = calibrations_;
  epoch_.since_calibration_s = 0;
  // A machine whose phases only drift is locked, and so has phases, from its first reading on.
  ++version_;
}

std::int64_t Lanes::lane_of(Arm arm, std::int64_t index) const noexcept {
  const std::int64_t lanes = arm == Arm::weights ? p_.outputs : p_.samples;
  return lanes > 0 ? index % lanes : index;
}

double Lanes::gain(Arm arm, std::int64_t lane) const noexcept {
  if (p_.gain_error == 0) return 1;
  return 1 + p_.gain_error * static_cast<double>(lane_.normal(row_of(arm, kGainRow), lane, 0));
}

LaneCoupling Lanes::coupling(std::int64_t n) const {
  LaneCoupling c;
  if (p_.gain_error == 0 && p_.crosstalk == 0) return c;
  const auto gain_of = [&](std::int64_t j) { return gain(Arm::weights, lane_of(Arm::weights, j)); };
  for (std::int64_t j = 0; j < n; ++j) {
    c.own.push_back(gain_of(j));
    const std::int64_t lane = lane_of(Arm::weights, j);
    const bool has_left = lane > 0;
    const bool has_right = j + 1 < n && lane_of(Arm::weights, j + 1) > lane;
    c.left.push_back(has_left ? p_.crosstalk * gain_of(j - 1) : 0.0);
    c.right.push_back(has_right ? p_.crosstalk * gain_of(j + 1) : 0.0);
  }
  return c;
}

double Lanes::phase_rad(Arm arm, std::int64_t lane) const noexcept {
  if (!has_phases_) return 0;
  // Two lanes make one difference: each has half of its variance.
  double phase = p_.phase_error_rad * kRootHalf *
                 static_cast<double>(lane_.normal(row_of(arm, kPhaseRow), lane, 0));
  if (p_.phase_drift == 0) return phase;
  const auto row = static_cast<std::int64_t>(arm);
  const double now = analog::random_walk(walk_, row, lane, epoch_.age_s);
  const double then = analog::random_walk(walk_, row, lane,
                                          std::max(0.0, epoch_.age_s - epoch_.since_calibration_s));
  phase += p_.phase_drift * kRootHalf * (now - then);
  if (calibrations_ > 0) {
    phase += phase_reading_rad() * static_cast<double>(lock_.normal(row, lane, calibrations_));
  }
  return phase;
}

double Lanes::reading_variance_e2(double light_e) const noexcept {
  const auto cycles = static_cast<double>(p_.calibration_cycles());
  const double warmer_K = epoch_.temperature_C - 25.0;
  double variance = p_.readout_variance_e2(cycles, warmer_K) + (p_.shot_noise ? light_e : 0.0);
  if (p_.adc_bits > 0) {
    // Rounding to a step, as a uniform error: step^2 / 12.
    const double step = p_.adc_full_scale_e(p_.calibration_cycles(), warmer_K) /
                        (std::ldexp(1.0, static_cast<int>(p_.adc_bits) - 1) - 1.0);
    variance += step * step / 12.0;
  }
  return variance / static_cast<double>(p_.calibration_readings);
}

double Lanes::phase_reading_rad() const noexcept {
  // At the null D = 2 eta alpha beta K sin(phase): both beams at their mean light.
  const double light = p_.eta * p_.n_mac * static_cast<double>(p_.calibration_cycles());
  const double full = 2 * light * std::sqrt(p_.split * (1 - p_.split));
  return std::sqrt(reading_variance_e2(light)) / full;
}

double Lanes::imbalance_reading() const noexcept {
  // One beam alone: D = delta x its light.
  const double light = p_.eta * p_.n_mac * p_.split * static_cast<double>(p_.calibration_cycles());
  return std::sqrt(reading_variance_e2(light)) / light;
}

void Lanes::imbalance(std::int64_t row_lane, std::span<float> delta,
                      std::span<float> residual) const {
  const auto n = static_cast<std::int64_t>(delta.size());
  const std::int64_t lanes = p_.outputs > 0 ? std::min(p_.outputs, n) : n;
  const auto first = delta.first(static_cast<std::size_t>(lanes));
  splitter_.normals(first, row_lane, 0, 0);
  const auto error = static_cast<float>(p_.splitter_error);
  for (float& d : first) d = std::clamp(d * error, -1.0F, 1.0F);
  std::copy(first.begin(), first.end(), residual.begin());
  if (offsets_taken_ > 0) {
    const auto kept = residual.first(static_cast<std::size_t>(lanes));
    offset_.normals(kept, row_lane, 0, offsets_taken_);
    const auto reading = static_cast<float>(imbalance_reading());
    for (float& r : kept) r *= reading;
  }
  for (std::int64_t j = lanes; j < n; ++j) {
    delta[static_cast<std::size_t>(j)] = delta[static_cast<std::size_t>(j - lanes)];
    residual[static_cast<std::size_t>(j)] = residual[static_cast<std::size_t>(j - lanes)];
  }
}

double Lanes::seen_error(std::int64_t rows, std::int64_t cols) {
  const std::uint64_t look = kFirstLook + looks_++;
  const double reading = phase_reading_rad();
  const auto read = [&](Arm arm, std::int64_t lane) {
    return phase_rad(arm, lane) +
           reading * static_cast<double>(lock_.normal(static_cast<std::int64_t>(arm), lane, look));
  };
  const std::int64_t pairs = std::max(rows, cols);
  double sum = 0;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const double lost =
        1 - std::cos(read(Arm::weights, i % cols) - read(Arm::activations, i % rows));
    sum += lost * lost;
  }
  return std::sqrt(sum / static_cast<double>(pairs));
}

}  // namespace jb::photonic
