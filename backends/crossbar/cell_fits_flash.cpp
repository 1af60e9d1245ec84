// Charge-trapping transistors in the sub-threshold region: currents instead of conductances.
//
//   [Agrawal2022] V. Agrawal et al., IEEE IEDM 2022, 21.7.1: 40 nm SONOS, statistics of 128
//   thousand
//     cells over five days; fits as in CrossSim V3.2 (BSD-3).

#include <algorithm>
#include <cmath>

#include "backends/crossbar/cell_fits.h"

namespace jb::crossbar {
namespace {

constexpr double kDay_s = 86400;
constexpr std::size_t kDays = 6;

/// One day of the measurement: mean shift in nA as a polynomial of the current in nA, and the
/// deviation A (1 - exp(-I / B)) around the shifted mean.
struct Day {
  std::array<double, 11> shift;
  double a_nA;
  double b_nA;
};

constexpr std::array<Day, kDays> kSonosDays = {{
    {{}, 19.88665, 176.3115},
    {{1.72684e-01, 5.72552e-02, -6.85715e-04, 3.50271e-06, -9.37682e-09, 1.40575e-11, -1.19803e-14,
      5.41293e-18, -8.85448e-22, -1.66869e-25, 5.95180e-29},
     25.59102,
     186.85544},
    {{2.50712e-01, 6.62195e-02, -6.83218e-04, 2.99442e-06, -6.78255e-09, 7.70482e-12, -3.04983e-15,
      -2.15919e-18, 2.94617e-21, -1.23359e-24, 1.85329e-28},
     28.72753,
     193.56834},
    {{-1.75300e-02, 9.76883e-02, -9.63791e-04, 4.55551e-06, -1.22391e-08, 1.93786e-11, -1.85899e-14,
      1.07659e-17, -3.58211e-21, 5.96785e-25, -3.30410e-29},
     31.04318,
     198.90332},
    {{4.03338e-02, 1.03111e-01, -1.04740e-03, 4.83961e-06, -1.28132e-08, 1.99484e-11, -1.85139e-14,
      1.00008e-17, -2.84944e-21, 3.01008e-25, 1.18747e-29},
     33.76214,
     204.77023},
    {{3.19927e-01, 1.06596e-01, -1.04054e-03, 4.50290e-06, -1.10352e-08, 1.56477e-11, -1.27592e-14,
      5.45513e-18, -7.26841e-22, -2.43893e-25, 7.14608e-29},
     34.57909,
     207.34309},
}};

/// Coefficients between days are interpolated linearly in time; after the last they are held.
Day day_at(double age_s) {
  const double days = std::clamp(age_s / kDay_s, 0.0, static_cast<double>(kDays - 1));
  const auto before = std::min(static_cast<std::size_t>(days), kDays - 2);
  const double share = days - static_cast<double>(before);
  const Day& low = kSonosDays[before];
  const Day& high = kSonosDays[before + 1];
  Day day{};
  for (std::size_t i = 0; i < day.shift.size(); ++i) {
    day.shift[i] = low.shift[i] + share * (high.shift[i] - low.shift[i]);
  }
  day.a_nA = low.a_nA + share * (high.a_nA - low.a_nA);
  day.b_nA = low.b_nA + share * (high.b_nA - low.b_nA);
  return day;
}

}  // namespace

CellModel sonos(double i_max_nA, double program_scale, double drift_scale) {
  CellModel model;
  model.retention = [=](double u, double age_s) -> analog::Moments {
    const Day& start = kSonosDays[0];
    const Day day = day_at(age_s);
    // The polynomials hold over the currents of the drift fit; a state beyond shifts as its end.
    const double current = std::min(u * i_max_nA, kSonosLargestDrift_nA);
    const double mean = u * i_max_nA + drift_scale * polynomial(day.shift, current);
    const double a = start.a_nA + drift_scale * (day.a_nA - start.a_nA);
    const double b = start.b_nA + drift_scale * (day.b_nA - start.b_nA);
    const double std = std::max(0.0, a - a * std::exp(-mean / b));
    return {mean / i_max_nA, program_scale * std / i_max_nA};
  };
  model.retention_end_s = static_cast<double>(kDays - 1) * kDay_s;
  model.white_law = [=](double u) {
    constexpr double kA_nA = 12.58037;
    constexpr double kB_nA = 215.36557;
    return std::max(0.0, kA_nA - kA_nA * std::exp(-u * i_max_nA / kB_nA)) / i_max_nA;
  };
  return model;
}

}  // namespace jb::crossbar
