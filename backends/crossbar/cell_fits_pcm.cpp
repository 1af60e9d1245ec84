// Phase-change memory.
//
//   [Nandakumar2019] S. R. Nandakumar et al., IEEE ICECS 2019: mushroom cells, g_max 25 uS.
//   [Joshi2020] V. Joshi et al., Nature Communications 11, 2473 (2020), Fig. 3b: programming error,
//     fit as in CrossSim V3.2 (BSD-3), 0.25 to 25 uS.
//   [LeGallo2023]  M. Le Gallo et al., Nature Electronics 6, 680 (2023), and
//   [Vasilopoulos2023] A. Vasilopoulos et al., IEEE Trans. Electron Devices 70 (2023): one (g_max
//     10.35 uS) and two devices (20.7 uS) per polarity, fits as in IBM/aihwkit 1.1 (MIT).

#include <algorithm>
#include <cmath>

#include "backends/crossbar/cell_fits.h"

namespace jb::crossbar {
namespace {

// Fits are evaluated from u = 1e-7 on: the floor of the published code, below any conductance.
constexpr double kSmallestState = 1e-7;

using Cubic = std::array<double, 4>;

/// clip(slope ln u + offset, low, high).
CellModel::Law logarithm(double slope, double offset, double low, double high) {
  return [=](double u) {
    return std::clamp(slope * std::log(std::max(u, kSmallestState)) + offset, low, high);
  };
}

/// A clipped logarithm below `threshold`, from there on a cubic in u.
CellModel::Law pieces(double threshold, const CellModel::Law& below, const Cubic& cubic) {
  return [=](double u) { return u < threshold ? below(u) : polynomial(cubic, u); };
}

/// Deviation in uS over u = G / g_max, made relative to g_max.
template <std::size_t N>
CellModel::Law deviation(const std::array<double, N>& in_uS, double g_max_uS) {
  return [=](double u) { return std::max(0.0, polynomial(in_uS, u) / g_max_uS); };
}

}  // namespace

CellModel pcm_like() {
  CellModel model;
  model.program_std = deviation<3>({0.26348, 1.9650, -1.1731}, 25.0);
  model.nu_mean = logarithm(-0.0155, 0.0244, 0.049, 0.1);
  model.nu_std = logarithm(-0.0125, -0.0059, 0.008, 0.045);
  model.flicker = [](double u) {
    return std::min(0.0088 / std::max(std::pow(std::max(u, 0.0), 0.65), 1e-3), 0.2);
  };
  model.t0_s = 20;
  model.t_read_s = 250e-9;
  return model;
}

CellModel pcm_joshi() {
  CellModel model;
  constexpr double kFit_uS = 25.0;
  model.program_std = [](double u) {
    constexpr std::array<double, 3> kOverUs = {0.28638599, 0.07585724, -0.00178767};
    return std::max(0.0, polynomial(kOverUs, u * kFit_uS) / kFit_uS);
  };
  model.t0_s = 27.36;  // first read after programming, as CrossSim's comments give it
  return model;
}

CellModel pcm_hermes_one_device() {
  CellModel model;
  model.program_std = deviation<4>({0.15781817, 2.32443916, -2.16310839, 0.68841818}, 10.35);
  model.nu_mean =
      pieces(0.0945, logarithm(-0.0387, -0.0182, 0.072, 0.13), {0.0736, -0.0126, -0.0436, 0});
  model.nu_std =
      pieces(0.3039, logarithm(-0.0120, -0.0023, 0.0124, 0.04), {0.0104, 0.0116, -0.0165, 0});
  model.flicker =
      pieces(0.1591, logarithm(-0.0078, 0.0038, 0.0179, 0.04), {0.0088, 0.0768, -0.1352, 0.0664});
  model.t0_s = 200;
  model.t_read_s = 512e-9;
  return model;
}

CellModel pcm_hermes_two_devices() {
  CellModel model = pcm_hermes_one_device();
  model.program_std = deviation<4>({0.16603222, 4.71806468, -8.48101252, 4.68961419}, 20.7);
  model.nu_std =
      pieces(0.3055, logarithm(-0.0117, -0.0057, 0.0091, 0.04), {0.0073, 0.0093, -0.0118, 0});
  model.flicker =
      pieces(0.16, logarithm(-0.0117, -0.0069, 0.015, 0.04), {0.0123, 0.0211, -0.0280, 0.0069});
  model.t0_s = 300;
  return model;
}

}  // namespace jb::crossbar
