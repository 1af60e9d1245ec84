#pragma once
// Cells as measured by the user: a CSV file of means and deviations over age and target.
//
//   age_s,target_uS,mean_uS,std_uS[,read_std_uS]
//
// One line for each target at each age; ages in rising order, targets in rising order within an
// age, at least two each. Between lines values are interpolated: linearly in the target, along
// ln(age + 1 s) between ages; outside, the nearest are held. read_std_uS is the deviation of the
// read noise drawn anew per product, that of the first age.

#include <filesystem>

#include "backends/crossbar/cell_model.h"

namespace jb::crossbar {

/// Reads the file; conductances become relative to `g_max_uS`. Usage error, with the line, when it
/// is not as above; `where` starts the sentence.
[[nodiscard]] CellModel measured_cells(const std::filesystem::path& path, double g_max_uS,
                                       double program_scale, double drift_scale,
                                       const std::string& where);

}  // namespace jb::crossbar
