// Resistive memory: no power law; distributions widen, or shift with the logarithm of time.
//
//   [Wan2022] W. Wan et al., Nature 608, 504 (2022): deviation of cells 1 s, 1 day and 2 days after
//     programming, fits as in IBM/aihwkit 1.1 (MIT) at g_max 40 uS; `reram_wan_write`: of
//     programming alone, fit as in CrossSim V3.2 (BSD-3), up to 39.26 uS.
//   [Milo2021] V. Milo et al., IEEE Trans. Electron Devices 68, 3832 (2021): IGVVA-100 programming,
//     50 to 225 uS, fit as in CrossSim V3.2.
//   [Falcone2024] D. F. Falcone et al., conductive-metal-oxide/HfOx cells, 9 to 88.2 uS, fits of
//     programming, relaxation and 1/f noise as in IBM/aihwkit 1.1.

#include <algorithm>
#include <cmath>

#include "backends/crossbar/cell_fits.h"

namespace jb::crossbar {
namespace {

constexpr double kWan_uS = 40.0;
constexpr double kDay_s = 86400;
using Quartic = std::array<double, 5>;
constexpr Quartic kWanSecond = {0.348, 16.030, -43.853, 45.393, -16.815};
constexpr Quartic kWanDay = {0.701, 22.086, -50.773, 47.095, -16.458};
constexpr Quartic kWanTwoDays = {0.782, 20.274, -43.507, 37.062, -11.934};

double wan_std(const Quartic& in_uS, double u) {
  return std::max(0.0, polynomial(in_uS, u) / kWan_uS);
}

/// Deviation at an age: between the published ages along the logarithm of time (choice), held
/// before the first and after the last, as the published spread saturates.
double wan_std_at(double u, double age_s) {
  if (age_s <= 1) return wan_std(kWanSecond, u);
  if (age_s >= 2 * kDay_s) return wan_std(kWanTwoDays, u);
  const bool first = age_s < kDay_s;
  const double low_s = first ? 1.0 : kDay_s;
  const double high_s = first ? kDay_s : 2 * kDay_s;
  const double share = std::log(age_s / low_s) / std::log(high_s / low_s);
  const double low = wan_std(first ? kWanSecond : kWanDay, u);
  const double high = wan_std(first ? kWanDay : kWanTwoDays, u);
  return low + share * (high - low);
}

}  // namespace

CellModel reram_wan(double program_scale, double drift_scale) {
  CellModel model;
  model.retention = [=](double u, double age_s) -> analog::Moments {
    const double start = wan_std(kWanSecond, u);
    const double added = drift_scale * (wan_std_at(u, age_s) - start);
    return {u, program_scale * std::max(0.0, start + added)};
  };
  return model;
}

CellModel reram_wan_write() {
  CellModel model;
  constexpr double kFit_uS = 39.26;
  model.program_std = [](double u) {
    constexpr std::array<double, 4> kOverUs = {1.053, 0.2374, -1.167e-2, 1.536e-4};
    return std::max(0.0, polynomial(kOverUs, u * kFit_uS) / kFit_uS);
  };
  return model;
}

CellModel reram_milo() {
  CellModel model;
  constexpr double kFit_uS = 225.0;
  model.program_std = [](double u) {
    constexpr std::array<double, 2> kOverUs = {4.782321, -0.009107};
    return std::max(0.0, polynomial(kOverUs, u * kFit_uS) / kFit_uS);
  };
  return model;
}

CellModel reram_cmo(double acceptance_percent, double drift_scale) {
  CellModel model;
  constexpr double kMax_uS = 88.199997;
  constexpr double kMin_uS = 9.0;
  const std::array<double, 2> in_uS = acceptance_percent < 1
                                          ? std::array<double, 2>{0.00081107, 0.00106879}
                                          : std::array<double, 2>{0.0112185391, 0.01129027418};
  model.program_std = [=](double u) { return polynomial(in_uS, u * kMax_uS) / kMax_uS; };
  model.retention = [=](double u, double age_s) -> analog::Moments {
    if (!(age_s > 0)) return {u, 0};
    // Shift and relaxation in uS, the same for all states; no less than none just after
    // programming, where the logarithm would turn them round.
    const double log_t = std::log(age_s);
    const double shift = -0.08900206 * log_t;
    const double spread = std::max(0.0, 0.41183342 + 0.04201137 * log_t);
    return {u + drift_scale * shift / kMax_uS, drift_scale * spread / kMax_uS};
  };
  model.flicker = [](double u) {
    return std::max(0.0, 0.0277316483 * std::log10(std::max(u * kMax_uS, 1.0))) / kMax_uS;
  };
  model.flicker_absolute = true;
  model.flicker_from_t0 = false;
  model.t_read_s = 1e-6;
  model.low = kMin_uS / kMax_uS;
  model.high = 1;
  return model;
}

}  // namespace jb::crossbar
