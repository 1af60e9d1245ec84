#pragma once
// A stationary operand as the machine realises it: with its device's errors, at its age.

#include <cstdint>

#include "backends/backend.h"
#include "backends/core/matrix.h"
#include "backends/photonic/tiled/parameters.h"

namespace jb::photonic {

/// Where the since-calibration clock stands, and what the last lock has left.
struct LockState {
  double since_s = 0;
  std::uint64_t locks = 0;  ///< 0: never locked since the weights were set
  double residual = 0;      ///< rms error of what a lock has read: rad (mesh), weight (rings)
};

struct RealisedWeights {
  /// k x n: weights as sums see them, times `unit` they are in B's unit. Whole codes where weights
  /// are quantised and nothing is wrong with the machine.
  Matrix<double> values;
  double unit = 1;
  /// Per tile, what a weight (or a passive field transmission) of 1 stands for, in B's unit.
  Matrix<double> full_scale;
  bool integer = false;
};

/// Nothing stands between B and the weights but quantisation.
bool weights_are_exact(const TiledParameters& p) noexcept;

/// `b` (k x n) in tiles of slots x outputs; tile t is held by core (first_core + t) % cores. Errors
/// belong to cores and instance. `largest`: max |b|.
RealisedWeights realise(const TiledParameters& p, const DeviceInstance& instance,
                        MatrixView<const double> b, double largest, std::int64_t first_core,
                        const LockState& lock);

/// Static gains of the activation modulators of wdm_coherent, samples x slots; empty without
/// errors.
Matrix<double> activation_gains(const TiledParameters& p, const DeviceInstance& instance);

}  // namespace jb::photonic
