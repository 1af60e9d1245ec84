#pragma once
// The figures of the HTML report. Each is a panel of SVG that stands without script; hovering tells
// the provenance. A panel with no data is "".

#include <string>
#include <vector>

#include "results/report/literature.h"
#include "results/report/tables.h"
#include "results/report/view.h"

namespace jb::results {

/// What a mark tells when pointed at, for one boundary's energy.
std::string hover_text(const View& view, const ViewRow& row, int boundary);

/// Joules per MAC against error, one panel a boundary on common axes, with intervals and the front
/// of what no row of the same provenance beats.
std::string pareto_figure(const View& view, const std::vector<const ViewRow*>& rows, bool front);

/// Shares of components (coloured by category) over shares of boundaries, a bar a machine, and
/// beside it the energies up to each boundary on one logarithmic axis.
std::string breakdown_figure(const View& view, const std::vector<const ViewRow*>& rows);

/// Error against time since programming, a line a calibration; a panel a workload and machine.
std::string drift_figure(const View& view);

/// Error against photons per MAC.
std::string photon_figure(const View& view);

/// MAC/s against MAC per byte of compulsory traffic, with the roof that each machine's points span.
std::string roofline_figure(const View& view);

/// Ours beside the literature, one panel a boundary, a column a family of machines.
std::string literature_figure(const View& view, const std::vector<LiteratureRow>& literature);

/// Index of a row in the view.
int index_of(const View& view, const ViewRow& row);

}  // namespace jb::results
