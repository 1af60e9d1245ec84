#pragma once
// One record as cells of the energy-per-op table.

#include <array>
#include <map>
#include <string>
#include <vector>

#include "results/record.h"

namespace jb::results {

/// Which marks tables used: the legend explains these and no others.
struct MarksUsed {
  bool modelled = false, measured = false, literature = false;
  bool theory_bound = false, unvalidated = false;
};

struct EnergyRow {
  std::string label;                            ///< "photonic ideal", settings after it
  std::array<std::string, kBoundaries> energy;  ///< "" where the boundary is not known
  std::string movement, rate, fidelity, age;
};

/// Cells of a record that ran; marks it needs are set in `marks`.
EnergyRow energy_row(const Record& record, const std::string& label, MarksUsed& marks);

/// Cells of a meter's readings of that record; no energy cell is set when there are none.
EnergyRow meter_row(const Record& record, MarksUsed& marks);

/// Heading under which records share a workload: "gemm 64 x 100 x 784, normal".
std::string workload_heading(const Json& point);

/// Whether constants known to a factor of five carry most of the joules up to this boundary: such
/// figures have two digits.
bool rests_on_class_d(const Record& record, Boundary limit);

/// Settings that may tell two machines apart, by flat key ("set.n_mac", "seed"): the point without
/// what has a column or a heading of its own and what no user chose.
std::map<std::string, std::string> settings_of(const Json& point);

/// Row labels of records under one heading: backend and device, the settings that make the machine
/// another than its preset, and what tells records of one machine apart ("age_s=3600" has a column
/// and is left out).
std::vector<std::string> row_labels(const std::vector<const Record*>& records);

}  // namespace jb::results
