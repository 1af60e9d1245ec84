#pragma once
// The front of J/MAC against error over all machines, with what the intervals leave open.

#include <string>
#include <vector>

#include "results/record.h"

namespace jb::results {

struct ParetoRow {
  std::string label;
  std::string record_id;
  double energy_J_per_mac = 0;
  double energy_low = 0, energy_high = 0;  ///< 95 %, constants; the value where none is known
  double error = 0;
  double error_low = 0, error_high = 0;  ///< 95 %, sampling or instances; the value where none
  Provenance provenance = Provenance::modelled;
  bool on_front = false;         ///< no other has less of one and not more of the other
  double front_probability = 0;  ///< share of draws of the constants in which it is on the front
};

struct ParetoFront {
  std::string group;            ///< the workload and its data: only these are compared
  std::string quality;          ///< "relative_error_frobenius" or "1 - accuracy_top1_frac"
  std::vector<ParetoRow> rows;  ///< by energy, least first
};

/// One front for each workload among ok records with an energy at `boundary`; the error is
/// 1 - accuracy of points on a data set and the relative Frobenius error of others. Constants are
/// drawn once for all rows compared, so that two machines with one constant move together. Bounds
/// of theory are no machines and stay out.
std::vector<ParetoFront> pareto_fronts(const std::vector<Record>& records, Boundary boundary);

/// Tables for a terminal.
std::string describe(const std::vector<ParetoFront>& fronts, Boundary boundary, int width);

}  // namespace jb::results
