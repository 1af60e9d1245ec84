#include "backends/photonic/tiled/readout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "backends/analog/rows.h"

namespace jb::photonic {
namespace {

// Columns of the noise plane of each slot tile start at multiples of this.
constexpr std::int64_t kNoiseColumns = 64;

}  // namespace

ReadoutVariance variance_of(const TiledParameters& p) {
  ReadoutVariance out;
  const double shot = p.shot_noise ? 1.0 : 0.0;
  const auto slots = static_cast<double>(p.slots);
  // A wavelength's (mesh: a mode's) share of the photons at full scale, and those of both beams.
  const double share = p.kind == TiledKind::mesh ? p.photons : p.photons / slots;
  const double a2 = (1 - p.split) * share;
  const double b2 = p.split * share;
  const bool dark = share <= 0;  // then nothing is counted against light
  const double gain_e =
      p.intensities() ? p.eta * share : 2 * p.eta * std::sqrt(a2 * b2);  // electrons per v / s
  const double amplifier = dark ? 0 : p.readout_e * p.readout_e / (gain_e * gain_e);
  const double full_scale = p.kind == TiledKind::mesh ? 1 : slots;
  const double detector = p.detector_error * full_scale;
  out.constant = amplifier + detector * detector;
  if (p.kind == TiledKind::mesh) {
    if (!dark) out.constant += shot / (4 * p.eta * a2);
    // One laser feeds all modes: its noise is common to a sum.
    out.signal = (dark ? 0 : shot / (4 * p.eta * b2)) + p.rin_variance();
    return out;
  }
  // Every wavelength has its own noise: the products' squares add up, for independent elements
  // sum x^2 sum w^2 / slots.
  out.rin = p.rin_variance() / slots;
  if (dark) return out;
  if (p.intensities()) {
    out.light = shot / (p.eta * share);
  } else {
    out.light = shot / (4 * p.eta * b2);
    out.weight = shot / (4 * p.eta * a2);
  }
  return out;
}

double full_scale_deviation(const TiledParameters& p, double lsb) {
  const ReadoutVariance v = variance_of(p);
  const double one = v.constant + v.light + v.weight + v.rin + v.signal;
  return std::sqrt(one + lsb * lsb / 12);
}

template <class T>
TiledReadout<T>::TiledReadout(const TiledParameters& p, const RealisedWeights& weights,
                              const Matrix<double>& squares, const analog::Adc& adc,
                              const RandomStream& noise)
    : p_(p),
      weights_(weights),
      squares_(squares),
      adc_(adc),
      noise_(noise),
      variance_(variance_of(p)) {}

template <class T>
void TiledReadout<T>::run(const SentInputs<T>& sent, std::span<const PackedMatrix<T>> segments,
                          double sign, const Draw& draw, Matrix<double>& total) {
  gemm_segments<T>(sent.fields, segments,
                   [&](const SumStrip<T>& strip) { read(sent, sign, draw, strip, total); });
}

template <class T>
void TiledReadout<T>::add_noise(const SentInputs<T>& sent, const Draw& draw,
                                const SumStrip<T>& strip, std::int64_t row,
                                std::span<double> v) const {
  const std::int64_t n = squares_.cols();
  const std::int64_t plane = (n + kNoiseColumns - 1) / kNoiseColumns * kNoiseColumns;
  std::array<float, kStripCols> normals{};
  const std::span<float> z(normals.data(), v.size());
  noise_.normals(z, draw.row_offset + row, strip.segment * plane + strip.col, draw.call);
  const double light = variance_.light * sent.light(strip.segment, row);
  const double rin = variance_.rin * (p_.intensities() ? sent.squares(strip.segment, row)
                                                       : sent.light(strip.segment, row));
  for (std::size_t j = 0; j < v.size(); ++j) {
    const std::int64_t col = strip.col + static_cast<std::int64_t>(j);
    const double s = weights_.full_scale(strip.segment, col / p_.outputs);
    const double w2 = squares_(strip.segment, col);
    const double variance = s * s * (variance_.constant + light) + w2 * (variance_.weight + rin) +
                            variance_.signal * v[j] * v[j];
    v[j] += std::sqrt(variance) * static_cast<double>(z[j]);
  }
}

template <class T>
void TiledReadout<T>::read(const SentInputs<T>& sent, double sign, const Draw& draw,
                           const SumStrip<T>& strip, Matrix<double>& total) {
  std::array<double, kStripCols> buffer{};
  const std::span<double> v(buffer.data(), static_cast<std::size_t>(strip.sums.cols));
  const bool noisy = !variance_.none();
  const double per_lsb = 1 / adc_.lsb();
  std::int64_t clipped = 0;
  for (std::int64_t r = 0; r < strip.sums.rows; ++r) {
    const std::int64_t row = strip.row + r;
    const double per_field = sent.per_field[static_cast<std::size_t>(row)];
    if (per_field == 0) continue;  // this pass leaves the row out
    // Codes become steps of the converter by one multiplication.
    const double unit = noisy ? per_field * weights_.unit : per_field * weights_.unit * per_lsb;
    for (std::size_t j = 0; j < v.size(); ++j) {
      v[j] = static_cast<double>(strip.sums(r, static_cast<std::int64_t>(j))) * unit;
    }
    if (noisy) {
      add_noise(sent, draw, strip, row, v);
      for (double& x : v) x *= per_lsb;
    }
    if (readings_ != nullptr) {
      const std::int64_t at = (row * squares_.rows() + strip.segment) * squares_.cols() + strip.col;
      std::copy(v.begin(), v.end(), readings_->begin() + at);
    }
    if (adc_.present()) clipped += analog::digitise(adc_, v);
    double* const sum = &total(row, strip.col);
    for (std::size_t j = 0; j < v.size(); ++j) sum[j] += sign * v[j];
  }
  clipped_ += clipped;
}

template class TiledReadout<float>;
template class TiledReadout<double>;

}  // namespace jb::photonic
