#pragma once
// Statistical models of memory cells: programming error, power-law drift, 1/f read noise.
// Conductances are relative to the device's g_max throughout: g in [0, ~1].
//
//   [Nandakumar2019] IEEE ICECS 2019, phase-change memory models (g_max 25 uS, t0 20 s).
//   [LeGallo2023]  M. Le Gallo et al., "A 64-core mixed-signal in-memory compute chip based on
//     phase-change memory for deep neural network inference", Nature Electronics 6, 680 (2023);
//     coefficients as fitted in IBM/aihwkit 1.1 (MIT) for one (g_max 10.35 uS, t0 200 s) and, with
//     [Vasilopoulos2023], two devices per polarity (g_max 20.7 uS, t0 300 s).
//   [Vasilopoulos2023] A. Vasilopoulos et al., IEEE Trans. Electron Devices 70 (2023).

#include <array>
#include <string>

namespace jb {
class DeviceSpec;
}

namespace jb::crossbar {

/// A published fit over the relative conductance u: below `threshold` a clipped logarithm,
/// clip(log_slope ln u + log_offset, low, high); from there on a cubic in u.
struct StateFit {
  double threshold = 0;
  double log_slope = 0;
  double log_offset = 0;
  double low = 0;
  double high = 0;
  std::array<double, 4> cubic{};

  /// Value at u > 0.
  [[nodiscard]] double operator()(double u) const noexcept;
};

/// 1/f read noise relative to G, before its growth in time: a StateFit, or, when `power` is not 0,
/// min(scale / max(u^power, 1e-3), cap).
struct ReadFit {
  StateFit fit;
  double power = 0;
  double scale = 0;
  double cap = 0;

  [[nodiscard]] double operator()(double u) const noexcept;
};

/// One kind of cell. `ideal` cells hold their target exactly and for ever; the rest is then unused.
struct CellModel {
  std::string name = "ideal";
  bool ideal = true;
  std::array<double, 5>
      program{};             ///< std of programmed g = sum_i program[i] u^i, relative to g_max
  double program_scale = 1;  ///< multiplies it
  StateFit nu_mean;          ///< drift exponent nu = |nu_mean(u) + nu_std(u) z|
  StateFit nu_std;
  double nu_scale = 1;     ///< multiplies nu
  ReadFit read;            ///< std of the 1/f part relative to g
  double read_scale = 1;   ///< multiplies it
  double white = 0;        ///< std of the part drawn per product, relative to g
  double t0_s = 1;         ///< end of programming to first read
  double t_read_s = 1e-6;  ///< duration of one read

  /// Standard deviation of the programmed conductance at target u (both relative to g_max), >= 0.
  [[nodiscard]] double program_std(double u) const noexcept;
};

/// The model that a device file names (cell.model, program.*, drift.*, read.*).
[[nodiscard]] CellModel cell_model_from(const DeviceSpec& spec);

}  // namespace jb::crossbar
