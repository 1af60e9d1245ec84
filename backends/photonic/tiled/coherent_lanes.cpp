#include "backends/photonic/tiled/coherent_lanes.h"

#include <cmath>
#include <vector>

#include "backends/analog/random_walk.h"
#include "backends/core/random.h"

namespace jb::photonic {
namespace {

void leak(const RingImperfections& rings, std::span<double> fields) {
  const std::vector<double> sent(fields.begin(), fields.end());
  for (std::size_t j = 0; j < fields.size(); ++j) {
    for (std::size_t l = 0; l < fields.size(); ++l) {
      if (j == l) continue;
      const double apart = (static_cast<double>(j) - static_cast<double>(l)) * rings.spacing_GHz;
      fields[j] += lorentzian(apart, rings.fwhm_GHz) * sent[l];
    }
  }
}

}  // namespace

Matrix<double> activation_gains(const TiledParameters& p, const DeviceInstance& instance) {
  if (p.lanes.gain == 0) return {};
  const RandomStream stream(instance.seed, instance.instance,
                            tag_of("photonic.coherent.gain.activations"), 0);
  Matrix<double> gains(p.samples, p.slots);
  for (std::int64_t lane = 0; lane < p.samples; ++lane) {
    for (std::int64_t l = 0; l < p.slots; ++l) {
      gains(lane, l) = 1 + p.lanes.gain * static_cast<double>(stream.normal(lane, l, 0));
    }
  }
  return gains;
}

void send_lane(const TiledParameters& p, const DeviceInstance& instance, const LaneAddress& address,
               const LockState& lock, std::span<double> fields) {
  const LaneImperfections& lanes = p.lanes;
  const auto stream = [&](const char* what) {
    return RandomStream(instance.seed, instance.instance, tag_of(what), 0);
  };
  const RandomStream gains = stream("photonic.coherent.gain.weights");
  const RandomStream phases = stream("photonic.coherent.phase");
  const RandomStream walk = stream("photonic.coherent.drift");
  const RandomStream locked = stream("photonic.coherent.lock");
  const bool drifts = lanes.drift_rad_per_rt_s > 0;
  for (std::size_t l = 0; l < fields.size(); ++l) {
    const auto slot = static_cast<std::int64_t>(l);
    double phase = 0;
    if (lanes.phase_rad > 0) {
      phase += lanes.phase_rad * static_cast<double>(phases.normal(address.lane, slot, 0));
    }
    if (drifts) {
      phase += lanes.drift_rad_per_rt_s *
               analog::random_walk(walk, address.lane, slot, lock.since_s, lock.locks);
      if (lock.locks > 0) {
        phase += lock.residual * static_cast<double>(locked.normal(address.lane, slot, lock.locks));
      }
    }
    const double gain = 1 + lanes.gain * static_cast<double>(gains.normal(address.lane, slot, 0));
    fields[l] *= gain * std::cos(phase);
  }
  if (p.rings.fwhm_GHz == 0) return;
  leak(p.rings, fields);  // behind the weights' own modulators
  leak(p.rings, fields);  // and behind those of the activations, which meet them in the sum
}

}  // namespace jb::photonic
