#pragma once
// Updates by outer products: rows and columns carry stochastic pulse trains, and a cell steps where
// a pulse of its row meets one of its column. The change of a whole operand by one sample takes the
// same time whatever its size, and no weight gradient ever leaves the array.
//
//   [Gokmen2016] T. Gokmen and Y. Vlasov, Frontiers in Neuroscience 10:333 (2016), Eqs. (2)-(4):
//     trains of BL slots with pulse probabilities C x_i and C d_j,
//     w += dw_min sum_{n=1}^{BL} A_i^n and B_j^n,  C = sqrt(rate / (BL dw_min)).
//   [Gokmen2017] T. Gokmen, M. Onen, W. Haensch, Frontiers in Neuroscience 11:538 (2017), Eq. (3):
//     update management, the factors of row and column balanced by sqrt(max|d| / max|x|) so that
//     both probabilities reach as far.
//
// Simulated for a batch at once: the coincidences of a cell are drawn as Poisson counts of their
// expected number over the batch, up and down apart. That is the limit of the binomial of each
// train for small probabilities (its variance is smaller by 1 - p); that cells of one row share a
// train is left out. Probabilities above 1 are cut off, as in the machine.

#include <cstdint>
#include <span>

#include "backends/backend.h"
#include "backends/core/matrix.h"

namespace jb {
class DeviceSpec;
}

namespace jb::crossbar {

enum class UpdateRule : std::uint8_t {
  reprogram,      ///< targets from the digital side, written with program-and-verify
  outer_product,  ///< pulses, no verification
};

/// How cells answer to pulses. Steps are of a weight relative to full scale.
struct PulseModel {
  UpdateRule rule = UpdateRule::reprogram;
  double step = 0;          ///< mean of one coincidence; 0: continuous, the product itself
  double step_c2c = 0;      ///< spread of each step, relative
  double step_d2d = 0;      ///< spread of a cell's mean step, relative
  double asymmetry = 0;     ///< spread over cells of (up - down) / mean
  std::int64_t length = 1;  ///< slots of a train (BL)
};

/// Changes of the weights of one operand, row by row.
class PulseUpdate {
 public:
  /// The change that `scale` X^T D (X: samples x k, D: samples x n; weights relative to full scale)
  /// becomes; X and D are not needed any more.
  PulseUpdate(const PulseModel& model, const DeviceInstance& instance, std::uint64_t scope,
              const ConstMatrixRef& x, const ConstMatrixRef& d, double scale);

  /// Changes of the weights of `row` (size n); returns the coincidences, 0 when continuous.
  double row(std::int64_t row, std::uint64_t call, std::span<double> change) const;

 private:
  [[nodiscard]] bool continuous() const noexcept { return model_.step == 0; }

  PulseModel model_;
  RandomStream up_draw_, down_draw_, cycle_, cell_, side_;
  Matrix<float> up_, down_;  ///< k x n: expected coincidences, or the change itself in up_
};

}  // namespace jb::crossbar
