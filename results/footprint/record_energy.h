#pragma once
// The energy of a record in joules, with an interval and what it leaves out.

#include <optional>
#include <string>
#include <vector>

#include "results/footprint/method_sheet.h"
#include "results/record.h"

namespace jb::results {

/// An energy on its way to kilowatt-hours.
struct EnergyUse {
  std::string subject;
  double energy_J = 0;
  std::optional<double> low_J, high_J;  ///< 95 %
  std::string interval_source;
  std::string boundary;  ///< "B3"
  Provenance provenance = Provenance::modelled;
  double machine_hours = 0;  ///< of all machines together; 0: not known
  std::string formula;
  std::vector<SheetInput> inputs;
  std::vector<std::string> omissions;
  std::vector<std::string> notes;
};

/// A factor f such that [value / f, value * f] holds the true value with 95 %: that of the sum of
/// the rows' constants (results/statistics/constants.h), and at least `least`.
double interval_factor(const std::vector<RecordRow>& rows, double least = 1.3);

/// Energy of `executions` executions of a record, set-up and calibration once. `boundary` "" takes
/// what a meter measured, where one did, else the highest modelled boundary. Usage error when the
/// record holds no such energy.
EnergyUse energy_of(const Record& record, double executions, const std::string& boundary);

/// All of them together: a run as one. Energies, hours and both ends of the intervals add up (the
/// constants are shared); the provenance is the weakest. Error not_comparable at different
/// boundaries.
EnergyUse sum_of(const std::vector<EnergyUse>& uses, const std::string& subject);

/// Joules more per percentage point of top-1 accuracy gained from `base` to `better`.
/// Error not_comparable at different boundaries; usage error without accuracies.
MethodSheet joules_per_point(const Record& base, const Record& better, const std::string& boundary);

}  // namespace jb::results
