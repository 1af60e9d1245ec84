#pragma once
// From windows to joules of one execution with a 95 % interval.

#include <vector>

namespace jb::harness::meter {

/// What one meter told: windows of joules, and the idle power before and after them.
struct EnergySeries {
  std::vector<double> joules;      ///< gross, of each window; at least two windows
  std::vector<double> seconds;     ///< of each window
  std::vector<double> executions;  ///< in each window
  double idle_before_W = 0;
  double idle_after_W = 0;
  double idle_s = 0;           ///< of either idle time
  double meter_frac = 0;       ///< standard relative uncertainty of the meter's gain
  double update_period_s = 0;  ///< of the meter
};

struct Estimate {
  double value = 0;
  double half_width = 0;  ///< of the 95 % interval
};

struct EnergyStatistics {
  Estimate gross_J;            ///< of one execution
  Estimate net_J;              ///< of one execution, idle power times its time subtracted
  Estimate power_W;            ///< mean over the windows
  double idle_W = 0;           ///< mean of before and after
  double idle_drift_frac = 0;  ///< |before - after| / their mean
  double cv_frac = 0;          ///< scatter of the windows: standard deviation by mean
  // Standard relative uncertainties of gross_J.
  double sampling_frac = 0;
  double meter_frac = 0;
  double quantisation_frac = 0;
  double idle_frac = 0;  ///< of net_J
};

/// Standard uncertainties add in squares: scatter s / sqrt(n) of the windows; the meter's gain,
/// common to all windows; the meter's updates, T_u P / (sqrt(6) E) (two ends, each uniform in an
/// update period T_u); and, of the net value, half the difference of the two idle powers taken as
/// uniform between them (difference / sqrt(12)) with their own updates. The interval takes
/// Student's t with the effective degrees of freedom of Welch and Satterthwaite (GUM,
/// JCGM 100:2008, G.4), in which the scatter alone has few.
EnergyStatistics energy_statistics(const EnergySeries& series);

}  // namespace jb::harness::meter
