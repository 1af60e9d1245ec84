#pragma once
// The energy-per-op tables of a view, before they become Markdown or LaTeX: the same tables, rows
// and order as the terminal shows.

#include <array>
#include <string>
#include <vector>

#include "results/report/view.h"

namespace jb::results {

/// Rows of one workload, by backend in order of appearance.
struct TableSection {
  std::string workload;
  std::vector<const ViewRow*> rows;
};

struct ReportTable {
  std::string title;  ///< "Matrix products", "Data set synthetic-digits"
  std::vector<TableSection> sections;
  std::vector<const ViewRow*> not_run;
  std::array<bool, kBoundaries> boundaries{};  ///< somebody has a number there
  bool movement = false, rate = false, error = false, accuracy = false, age = false;
};

std::vector<ReportTable> tables_of(const View& view);

/// What did not run, told once for each backend, device and reason, with the number of points.
std::vector<std::string> not_run_sentences(const View& view, const ReportTable& table);

/// For each row of a section: the boundaries at which no row of the same provenance is better in
/// both energy and error. Only modelled (validated) and measured rows compete, and only where two
/// of them do.
std::vector<std::array<bool, kBoundaries>> leaders(const TableSection& section);

/// "2.05e-13" with `digits` significant ones, without a padded exponent; "1230", "0.012".
std::string plain_number(double value, int digits);

/// What each boundary adds, for legends and captions: "B0 arithmetic, conversion, light".
std::string_view meaning_of(Boundary boundary) noexcept;

/// "1.2e-3", "97.05 %", "" when the row has neither.
std::string fidelity_text(const ViewRow& row);

}  // namespace jb::results
