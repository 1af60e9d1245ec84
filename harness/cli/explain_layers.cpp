// The layers of a network's record as a table.

#include <algorithm>
#include <filesystem>

#include "backends/core/json_file.h"
#include "harness/cli/explain.h"
#include "harness/cli/output.h"
#include "results/report/terminal_table.h"

namespace jb::harness::cli {

namespace {

using results::Align;

constexpr std::size_t kColumns = 9;
constexpr std::size_t kMostFileBytes = std::size_t{64} << 20U;

/// A row of the table has the columns that layer_table() writes.
bool is_row(const Json& row) {
  if (!row.is_array() || row.size() != kColumns) return false;
  for (const std::size_t text : {0U, 1U}) {
    if (!row[text].is_string()) return false;
  }
  for (const std::size_t number : {2U, 3U, 5U, 6U}) {
    if (!row[number].is_number()) return false;
  }
  return row[4].is_array() && std::all_of(row[4].begin(), row[4].end(),
                                          [](const Json& energy) { return energy.is_number(); });
}

bool is_table(const Json& table) {
  return table.is_object() && table.contains("rows") && table.at("rows").is_array() &&
         !table.at("rows").empty() && table.contains("boundaries") &&
         table.at("boundaries").is_array() &&
         std::all_of(table.at("rows").begin(), table.at("rows").end(), is_row);
}

/// The whole table where the record's folder has it, else what the record holds.
Json table_of(const results::Record& record, const std::string& folder) {
  const auto held = record.measurement.find("layers");
  if (held == record.measurement.end() || !is_table(*held)) return Json();
  const auto file = held->find("file");
  if (file == held->end() || !file->is_string()) return *held;
  try {
    Json whole =
        read_json_file(std::filesystem::path(folder) / file->get<std::string>(), kMostFileBytes);
    return is_table(whole) ? whole : *held;
  } catch (const Error&) {
    return *held;  // a record away from its run folder
  }
}

std::string per_mac(double joules, double macs) {
  if (!(macs > 0)) return joules > 0 ? results::format_energy(joules, 3) : "-";
  return results::format_energy(joules / macs, 3);
}

std::string error_text(const Json& error) {
  return error.is_number() ? fmt::format("{:.1e}", error.get<double>()) : "-";
}

std::vector<std::string> cells_of(const Json& row) {
  const double macs = row[2].get<double>();
  const double executed = row[3].get<double>();
  std::vector<std::string> cells = {
      row[0].get<std::string>(), row[1].get<std::string>(),
      macs > 0 ? results::format_si(macs, 3) : "-",
      macs > 0 && executed > 0 ? fmt::format("{:.0f}%", 100 * macs / executed) : "-"};
  for (const Json& energy : row[4]) cells.push_back(per_mac(energy.get<double>(), macs));
  cells.push_back(row[4].empty() ? "-" : per_mac(row[5].get<double>(), macs));
  cells.push_back(error_text(row[7]));
  cells.push_back(error_text(row[8]));
  return cells;
}

}  // namespace

std::string explain_layers(const results::Record& record, const std::string& folder, int width) {
  const Json table = table_of(record, folder);
  if (table.is_null()) return {};
  std::vector<results::Column> columns = {{"layer", Align::left, 0},
                                          {"machine", Align::left, 0},
                                          {"MAC", Align::right, 6},
                                          {"util", Align::right, 0}};
  // Where there is no room the inner boundaries go first: utilisation, movement and what a layer
  // adds to the error are said nowhere else.
  const std::size_t boundaries = table.at("boundaries").size();
  for (std::size_t b = 0; b < boundaries; ++b) {
    const Json& name = table.at("boundaries")[b];
    const int dropped = b + 1 == boundaries ? 0 : b == 0 ? 4 : b == 1 ? 5 : 3;
    columns.push_back({name.is_string() ? name.get<std::string>() : "?", Align::right, dropped});
  }
  columns.insert(
      columns.end(),
      {{"move", Align::right, 0}, {"error", Align::right, 2}, {"added", Align::right, 0}});
  std::vector<std::vector<std::string>> rows;
  for (const Json& row : table.at("rows")) {
    rows.push_back(cells_of(row));
    rows.back().resize(columns.size(), "-");
  }
  results::TableStyle style;
  style.width = width;
  std::string out = "\nlayers: J/MAC up to each boundary (digital: J)\n" +
                    results::render_table(columns, rows, style);
  out += wrap(
      "util: logical / executed MACs; move: data movement up to B2; error: relative error of the "
      "layer's output against the float64 run; added: against the layer in float64 on the inputs "
      "that it was given",
      width, 2);
  return out;
}

}  // namespace jb::harness::cli
