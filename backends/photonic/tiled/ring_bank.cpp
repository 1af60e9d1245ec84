#include "backends/photonic/tiled/ring_bank.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/analog/random_walk.h"
#include "backends/core/random.h"

namespace jb::photonic {
namespace {

// Solving for the rings' own drops contracts by about twice the nearest crosstalk a step, which the
// schema keeps below 0.4: 40 steps leave less than 1e-15 there, and far less where rings are
// narrow.
constexpr int kSteps = 40;
constexpr double kSettled = 1e-14;

double least_drop(const RingImperfections& rings) noexcept {
  return lorentzian(rings.spacing_GHz / 2, rings.fwhm_GHz);
}

/// Detuning at which a ring drops that much of its wavelength.
double detuning_for(double drop, double fwhm_GHz) noexcept {
  return fwhm_GHz / 2 * std::sqrt(1 / drop - 1);
}

/// Share of wavelength l that the rings other than l leave on the waveguide.
double left_by_others(const RingImperfections& rings, std::span<const double> detuning,
                      std::size_t l) noexcept {
  double left = 1;
  for (std::size_t j = 0; j < detuning.size(); ++j) {
    if (j == l) continue;
    // Ring j stands at j spacing + its detuning.
    const double apart = (static_cast<double>(j) - static_cast<double>(l)) * rings.spacing_GHz;
    left *= 1 - lorentzian(apart + detuning[j], rings.fwhm_GHz);
  }
  return left;
}

/// Detunings at which each wavelength is dropped as `drops` asks.
std::vector<double> tune(const RingImperfections& rings, std::span<const double> drops) {
  const double least = least_drop(rings);
  std::vector<double> own(drops.begin(), drops.end());
  std::vector<double> detuning(drops.size());
  const auto set = [&] {
    for (std::size_t l = 0; l < own.size(); ++l) {
      own[l] = std::clamp(own[l], least, 1.0);
      detuning[l] = detuning_for(own[l], rings.fwhm_GHz);
    }
  };
  set();
  if (!rings.compensated) return detuning;
  for (int step = 0; step < kSteps; ++step) {
    double change = 0;
    for (std::size_t l = 0; l < own.size(); ++l) {
      const double next =
          std::clamp(1 - (1 - drops[l]) / left_by_others(rings, detuning, l), least, 1.0);
      change = std::max(change, std::abs(next - own[l]));
      own[l] = next;
    }
    set();
    if (change < kSettled) break;
  }
  return detuning;
}

}  // namespace

double lorentzian(double detuning_GHz, double fwhm_GHz) noexcept {
  const double x = 2 * detuning_GHz / fwhm_GHz;
  return 1 / (1 + x * x);
}

double usable_weight(const RingImperfections& rings) noexcept {
  if (rings.fwhm_GHz == 0) return 1;
  // The least drop of a wavelength: its own ring half a spacing away, its neighbour on one side as
  // near, all others (up to infinity) at multiples of the spacing.
  const double least = least_drop(rings);
  double left = (1 - least) * (1 - least);
  for (int q = 1; q <= 64; ++q) {
    const double far = 1 - lorentzian(q * rings.spacing_GHz, rings.fwhm_GHz);
    left *= far * far;
  }
  return std::max(0.0, 1 - 2 * (1 - left));
}

void set_rings(const RingImperfections& rings, const DeviceInstance& instance,
               const LaneAddress& address, const LockState& lock, std::span<double> weights) {
  const auto core = static_cast<std::uint64_t>(address.core);
  if (rings.fwhm_GHz > 0) {
    const double usable = usable_weight(rings);
    std::vector<double> drops;
    for (const double w : weights) drops.push_back((1 + w * usable) / 2);
    std::vector<double> detuning = tune(rings, drops);
    if (rings.drift_GHz_per_rt_s > 0) {
      const RandomStream walk(instance.seed, instance.instance, tag_of("photonic.ring.drift"),
                              core);
      for (std::size_t l = 0; l < detuning.size(); ++l) {
        detuning[l] += rings.drift_GHz_per_rt_s * analog::random_walk(walk, address.lane,
                                                                      static_cast<std::int64_t>(l),
                                                                      lock.since_s, lock.locks);
      }
    }
    for (std::size_t l = 0; l < weights.size(); ++l) {
      const double kept =
          (1 - lorentzian(detuning[l], rings.fwhm_GHz)) * left_by_others(rings, detuning, l);
      weights[l] = (2 * (1 - kept) - 1) / usable;
    }
  }
  std::vector<float> normals(weights.size());
  const auto add = [&](const char* what, double rms, std::uint64_t call) {
    if (rms == 0) return;
    const RandomStream stream(instance.seed, instance.instance, tag_of(what), core);
    stream.normals(normals, address.lane, 0, call);
    for (std::size_t l = 0; l < weights.size(); ++l) {
      weights[l] += rms * static_cast<double>(normals[l]);
    }
  };
  add("photonic.ring.error", rings.weight_error, 0);
  // A lock reads what it sets; where nothing drifts there is nothing to lock.
  if (lock.locks > 0 && rings.drift_GHz_per_rt_s > 0) {
    add("photonic.ring.lock", lock.residual, lock.locks);
  }
}

}  // namespace jb::photonic
