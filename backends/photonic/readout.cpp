#include "backends/photonic/readout.h"

#include <algorithm>
#include <cmath>

#include "backends/analog/rows.h"

namespace jb::photonic {
namespace {

std::int64_t size_of(const ReadoutBuffers& buffers) {
  return static_cast<std::int64_t>(buffers.electrons.size());
}

void apply_errors(const ReadoutSettings& s, const RowLight& row, const ColumnLight& columns,
                  ReadoutBuffers& buffers) {
  const HomodyneRows& kernels = homodyne_rows();
  double* const d = buffers.electrons.data();
  const std::int64_t n = size_of(buffers);
  if (s.phases) {
    const double floor = s.relative_floor * row.full;
    kernels.turn(
        d, n,
        {row.gain_e, row.cosine, row.sine, floor, s.relative_floor * row.sum,
         floor * s.relative_floor * s.cycles},
        {columns.cosine.data(), columns.sine.data(), columns.sum.data(), columns.full.data()});
  }
  if (s.imbalance) {
    kernels.unbalance(d, n, buffers.delta.data(), buffers.residual.data(), row.light_e,
                      columns.light_e.data());
  }
}

/// Adds one normal of the summed variance of all Gaussian sources.
void add_normals(const ReadoutSettings& s, const RowLight& row, const ColumnLight& columns,
                 const ReadoutNoise& noise, const ReadoutKey& key, ReadoutBuffers& buffers) {
  NoiseTerms terms;
  terms.row_light = static_cast<float>(row.light_e);
  terms.constant = static_cast<float>(s.readout_variance_e2);
  terms.shot = s.shot && !s.poisson ? 1.0F : 0.0F;
  terms.common = static_cast<float>(s.common_mode * s.common_mode * s.rin_variance / s.cycles);
  terms.cross = static_cast<float>(4 * s.rin_variance * row.light_e / s.cycles);
  if (terms.constant == 0 && terms.shot == 0 && terms.common == 0 && terms.cross == 0) return;
  noise.normal().normals(buffers.normal, key.row, key.first_col, key.call);
  homodyne_rows().add_noise(buffers.electrons.data(), size_of(buffers), terms,
                            columns.noise_e.data(), columns.share.data(), buffers.normal.data());
}

/// Replaces mean counts by drawn ones: D = N+ - N-, means (light +- E[D]) / 2. Rounding may leave a
/// dark diode a mean just below zero, which draws nothing.
void draw_counts(const RowLight& row, const ColumnLight& columns, const ReadoutNoise& noise,
                 const ReadoutKey& key, ReadoutBuffers& buffers) {
  const HomodyneRows& kernels = homodyne_rows();
  const std::size_t n = buffers.electrons.size();
  buffers.plus.resize(n);
  buffers.minus.resize(n);
  kernels.diodes(buffers.electrons.data(), size_of(buffers), row.light_e, columns.light_e.data(),
                 buffers.plus.data(), buffers.minus.data());
  noise.plus().poisson(buffers.plus, buffers.plus, key.row, key.first_col, key.call);
  noise.minus().poisson(buffers.minus, buffers.minus, key.row, key.first_col, key.call);
  kernels.difference(buffers.plus.data(), buffers.minus.data(), size_of(buffers),
                     buffers.electrons.data());
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
  double* const d = buffers.electrons.data();
  const std::int64_t n = size_of(buffers);
  apply_errors(settings, row, columns, buffers);
  if (settings.shot && settings.poisson) draw_counts(row, columns, noise, key, buffers);
  add_normals(settings, row, columns, noise, key, buffers);
  std::int64_t clipped = 0;
  if (std::isfinite(settings.well_e)) clipped = analog::clip(buffers.electrons, settings.well_e);
  if (settings.adc.present()) {
    // What the well clips, the ADC clips too or not at all: the larger number counts readouts once.
    homodyne_rows().widen_f64(d, n, 1 / settings.adc.lsb(), d);
    clipped = std::max(clipped, analog::digitise(settings.adc, buffers.electrons));
  }
  return clipped;
}

}  // namespace jb::photonic
