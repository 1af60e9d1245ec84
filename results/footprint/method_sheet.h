#pragma once
// The method sheet: every figure with its formula, its inputs and their sources, and what it leaves
// out. Footprints and estimates at scale are made as sheets, so that text, JSON, `explain` and
// reports tell the same.

#include <optional>
#include <string>
#include <vector>

#include "backends/core/json_file.h"
#include "results/record.h"

namespace jb::results {

inline constexpr const char* kFootprintSchema = "joulebench/footprint/1";

/// A number that went into a figure.
struct SheetInput {
  std::string name;
  double value = 0;
  std::string unit;
  std::string source;
};

/// A number that came out, with an interval (95 %) where one is known.
struct Figure {
  std::string name;  ///< "carbon_kg"
  double value = 0;
  std::optional<double> low, high;
  std::string unit;
  std::string boundary;  ///< "B3", "B3 x PUE"; "" where none applies
  std::string formula;   ///< in the names of inputs and of other figures
  std::vector<SheetInput> inputs;
  Provenance provenance = Provenance::modelled;
};

struct MethodSheet {
  std::string subject;  ///< what the figures are of
  std::vector<Figure> figures;
  std::vector<std::string> omissions;  ///< what no figure counts
  std::vector<std::string> notes;      ///< what a reader must know beside the numbers

  [[nodiscard]] const Figure* find(const std::string& name) const;
  /// The figure of that name; internal error when there is none.
  [[nodiscard]] const Figure& at(const std::string& name) const;
};

Json to_json(const MethodSheet& sheet);
/// Usage error (`where` names the file) when it is no sheet.
MethodSheet sheet_from_json(const Json& json, const std::string& where);

/// Formula, inputs, sources and omissions as text of at most `width` columns.
std::string sheet_text(const MethodSheet& sheet, int width);

/// How a record's quantity is formed, in the names of others; "" for an unknown one.
std::string quantity_formula(const std::string& name);

/// The sheet of a record's own figures: energies, movement, time and power.
MethodSheet sheet_of(const Record& record);

/// "1,507": digits in groups of three; `decimals` after the point.
std::string grouped(double value, int decimals = 0);
/// Value and unit with four significant digits and its interval: "1507 kWh (1200 to 1900)".
std::string figure_text(const Figure& figure);

}  // namespace jb::results
