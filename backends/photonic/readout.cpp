#include "backends/photonic/readout.h"

#include <algorithm>
#include <cmath>

namespace jb::photonic {
namespace {

/// Adds one normal of the summed variance of all Gaussian sources.
void add_normals(const ReadoutSettings& s, const RowLight& row, const ColumnLight& columns,
                 const ReadoutNoise& noise, const ReadoutKey& key, ReadoutBuffers& buffers) {
  const std::size_t n = buffers.electrons.size();
  // Var = r + light_i + light_j + rin 4 light_i light_j / K: the last is rin times the mean square
  // of E[D], because gain^2 ||a||^2 ||b||^2 = 4 light_i light_j.
  const double shot = s.shot && !s.poisson ? 1.0 : 0.0;
  const double constant = s.readout_variance_e2 + shot * row.light_e;
  const double per_light = shot + s.rin_variance * 4 * row.light_e / s.cycles;
  if (constant == 0 && per_light == 0) return;
  noise.normal().normals(buffers.normal, key.row, key.first_col, key.call);
  double* const d = buffers.electrons.data();
  const float* const z = buffers.normal.data();
  const double* const light = columns.light_e.data();
  for (std::size_t j = 0; j < n; ++j) {
    d[j] += std::sqrt(constant + per_light * light[j]) * static_cast<double>(z[j]);
  }
}

/// Replaces mean counts by drawn ones: D = N+ - N-, means (light +- E[D]) / 2. Rounding may leave a
/// dark diode a mean just below zero, which draws nothing.
void draw_counts(const RowLight& row, const ColumnLight& columns, const ReadoutNoise& noise,
                 const ReadoutKey& key, ReadoutBuffers& buffers) {
  const std::size_t n = buffers.electrons.size();
  buffers.plus.resize(n);
  buffers.minus.resize(n);
  double* const d = buffers.electrons.data();
  double* const plus = buffers.plus.data();
  double* const minus = buffers.minus.data();
  for (std::size_t j = 0; j < n; ++j) {
    const double light = row.light_e + columns.light_e[j];
    plus[j] = 0.5 * (light + d[j]);
    minus[j] = 0.5 * (light - d[j]);
  }
  noise.plus().poisson(buffers.plus, buffers.plus, key.row, key.first_col, key.call);
  noise.minus().poisson(buffers.minus, buffers.minus, key.row, key.first_col, key.call);
  for (std::size_t j = 0; j < n; ++j) d[j] = plus[j] - minus[j];
}

/// Clips to +-limit and counts what was clipped.
std::int64_t clip(double* d, std::size_t n, double limit) {
  std::int64_t clipped = 0;
  for (std::size_t j = 0; j < n; ++j) {
    clipped += std::fabs(d[j]) > limit ? 1 : 0;
    const double low = d[j] < -limit ? -limit : d[j];
    d[j] = low > limit ? limit : low;
  }
  return clipped;
}

/// Electrons to ADC codes; counts what lay beyond full scale.
std::int64_t convert(const analog::Adc& adc, double* d, std::size_t n) {
  const double per_step = 1 / adc.lsb();
  std::int64_t clipped = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const double z = d[j] * per_step;
    clipped += adc.clips(z) ? 1 : 0;
    d[j] = adc.convert(z);
  }
  return clipped;
}

}  // namespace

ReadoutNoise::ReadoutNoise(std::uint64_t seed, std::uint32_t instance, std::uint64_t scope,
                           bool transposed)
    : normal_(seed, instance,
              tag_of(transposed ? "photonic.readout.transposed" : "photonic.readout"), scope),
      plus_(seed, instance, tag_of(transposed ? "photonic.plus.transposed" : "photonic.plus"),
            scope),
      minus_(seed, instance, tag_of(transposed ? "photonic.minus.transposed" : "photonic.minus"),
             scope) {}

std::int64_t read_row(const ReadoutSettings& settings, const RowLight& row,
                      const ColumnLight& columns, const ReadoutNoise& noise, const ReadoutKey& key,
                      ReadoutBuffers& buffers) {
  const std::size_t n = buffers.electrons.size();
  double* const d = buffers.electrons.data();
  const double* const signal = columns.signal.data();
  for (std::size_t j = 0; j < n; ++j) d[j] *= row.gain_e * signal[j];
  if (settings.shot && settings.poisson) draw_counts(row, columns, noise, key, buffers);
  add_normals(settings, row, columns, noise, key, buffers);
  std::int64_t clipped = 0;
  if (std::isfinite(settings.well_e)) clipped = clip(d, n, settings.well_e);
  if (settings.adc.present()) {
    // What the well clips, the ADC clips too or not at all: the larger number counts readouts once.
    clipped = std::max(clipped, convert(settings.adc, d, n));
  }
  return clipped;
}

}  // namespace jb::photonic
