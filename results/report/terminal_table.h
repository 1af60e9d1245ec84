#pragma once
// Aligned text tables for terminals, and the energy-per-op table of records.

#include <string>
#include <vector>

#include "results/record.h"

namespace jb::results {

struct TableStyle {
  int width = 80;      ///< columns available; cells are shortened, columns dropped by rank to fit
  bool color = false;  ///< ANSI colours
};

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
  int rank = 0;  ///< 0 never dropped; larger ranks are dropped first when width is short
};

/// Generic aligned table: a line of titles, then a line a row, each ended by a newline. Cells are
/// UTF-8; width counts code points; control characters become spaces. Too wide a table is narrowed
/// in this order: one space between columns instead of two, left-aligned columns shortened (to 12),
/// the columns of largest rank dropped (the right one of equals), everything left shortened.
/// Internal error when a row has more cells than there are columns; missing cells are empty.
std::string render_table(const std::vector<Column>& columns,
                         const std::vector<std::vector<std::string>>& rows,
                         const TableStyle& style);

/// The energy-per-op table: backend, device, workload, J/MAC at each known boundary with its mark
/// (measured: none, modelled: ~, literature: *), share of data movement, throughput, fidelity or
/// accuracy, age. MNIST and synthetic data never share a table: one table a dataset, products
/// before networks; in it workloads and backends in order of appearance, a heading a workload.
/// Machines whose settings differ from their preset, or only by one axis from their neighbour, say
/// so. What did not run follows with its reason, a legend last. Fits style.width (32 at least).
std::string energy_table(const std::vector<Record>& records, const TableStyle& style);

/// "1.23 pJ", "45 aJ": significant digits (two for class-D modelled values), SI prefix zJ to kJ;
/// beyond these "1.23e-25 J". "0 J" for zero.
std::string format_energy(double joules, int digits = 3);
/// "1.2 T", "45 G": the number and its SI prefix (z to Y), no unit.
std::string format_si(double value, int digits = 3);
/// "0 s", "20 us", "90 s", "16.7 min", "30 d", "2 y": at most three significant digits.
std::string format_duration(double seconds);

}  // namespace jb::results
