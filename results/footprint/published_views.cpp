// Text, JSON and method sheets of the published footprints.

#include <fmt/core.h>

#include <cmath>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "results/footprint/footprint.h"
#include "results/footprint/published.h"
#include "results/report/text_layout.h"

namespace jb::results {
namespace {

/// To the unit, halves to even, as the tables print.
std::string rounded(double value) { return grouped(std::nearbyint(value)); }
std::string rounded(const std::optional<double>& value) { return value ? rounded(*value) : "-"; }

std::string paragraph(const std::string& text, int width, int indent = 0) {
  std::string out;
  for (const std::string& line : wrap(text, width, indent)) out += line + "\n";
  return out;
}

constexpr Column left(const char* title) { return {title, Align::left, 0}; }

Column right(const char* title, int rank = 0) { return {title, Align::right, rank}; }

std::string table_3(const StrubellTables& tables, const TableStyle& style) {
  std::vector<std::vector<std::string>> cells;
  for (const StrubellRow& row : tables.rows) {
    cells.push_back({row.model, row.hardware,
                     row.power_W ? fmt::format("{:.2f}", *row.power_W) : "-",
                     row.hours == row.hours_printed
                         ? grouped(row.hours)
                         : grouped(row.hours, row.hours == std::floor(row.hours) ? 0 : 1) + "*",
                     rounded(row.kWh_pue), rounded(row.co2e_lb),
                     rounded(row.cloud_low) + "-" + rounded(row.cloud_high),
                     row.fee_USD ? grouped(*row.fee_USD, 2) : "-"});
  }
  return render_table({left("model"), left("hardware"), right("power W"), right("hours"),
                       right("kWh x PUE"), right("CO2e lb"), right("cloud $"), right("fee $", 1)},
                      cells, style);
}

std::string hidden_precisions(const StrubellTables& tables, int width) {
  std::string out;
  for (const StrubellRow& row : tables.rows) {
    if (row.hours == row.hours_printed) continue;
    out += paragraph(
        fmt::format("* {} on {}: the table prints {} h; its other columns need {} h ({})",
                    row.model, row.hardware, grouped(row.hours_printed),
                    grouped(row.hours, row.hours == std::floor(row.hours) ? 0 : 1), row.note),
        width, 2);
  }
  return out;
}

std::string table_1(const StrubellTables& tables, const TableStyle& style) {
  std::vector<Column> columns = {left("consumption"), right("CO2e lb")};
  std::vector<std::vector<std::string>> cells;
  for (const EverydayRow& row : tables.everyday) {
    cells.push_back({row.name, grouped(row.co2e_lb)});
  }
  for (const DevelopmentRow& row : tables.development) {
    if (!row.label.empty()) cells.push_back({row.label, rounded(row.co2e_lb)});
  }
  for (const StrubellRow& row : tables.rows) {
    if (!row.co2e_lb || (row.model != "Transformer big" && row.model != "NAS")) continue;
    cells.push_back({row.model == "NAS" ? "Transformer big with architecture search" : row.model,
                     rounded(row.co2e_lb)});
  }
  std::string out = render_table(columns, cells, style);
  for (const StrubellRow& row : tables.rows) {
    if (row.model != "NAS" || !row.co2e_lb) continue;
    std::string parts;
    for (const EverydayRow& other : tables.everyday) {
      parts += fmt::format("{}{:.3g} x {}", parts.empty() ? "" : "; ", *row.co2e_lb / other.co2e_lb,
                           other.name);
    }
    out += paragraph("NAS = " + parts, style.width, 2);
  }
  return out;
}

std::string table_4(const StrubellTables& tables, const TableStyle& style) {
  std::vector<std::vector<std::string>> cells;
  for (const DevelopmentRow& row : tables.development) {
    const auto cost = [&row](double dollars) {
      return row.unit_dollars == 1 ? rounded(dollars)
                                   : grouped(std::nearbyint(dollars / row.unit_dollars)) + "k";
    };
    cells.push_back({row.name, grouped(row.hours), cost(row.cloud_low) + "-" + cost(row.cloud_high),
                     grouped(row.unit_dollars == 1 ? std::nearbyint(row.electricity_USD)
                                                   : 10 * std::nearbyint(row.electricity_USD / 10)),
                     rounded(row.co2e_lb)});
  }
  return render_table({left("research and development"), right("hours"), right("cloud $"),
                       right("electricity $"), right("CO2e lb")},
                      cells, style);
}

std::string nas_note(const StrubellTables& tables, const NasCorrection& nas, int width) {
  for (const StrubellRow& row : tables.rows) {
    if (row.model != nas.of || row.hardware != nas.of_hardware || !row.co2e_t) continue;
    return paragraph(
        fmt::format(
            "NAS corrected: {:.1f} t CO2e instead of {:.1f} t, {:.1f} times too high (printed: "
            "{:.0f}) for the search as it was run, {} times ({:.1f} t) for an average "
            "organisation: {}. {}.",
            nas.t_CO2e, *row.co2e_t, *row.co2e_t / nas.t_CO2e, nas.too_high_google,
            nas.too_high_average, *row.co2e_t / nas.too_high_average, nas.reason, nas.source),
        width, 2);
  }
  fail_internal("the corrected row is not there");
}

std::string strubell_text(const TableStyle& style) {
  const StrubellTables tables = strubell_tables();
  std::string out = paragraph(
      tables.source + ": Table 3, recomputed. Published estimates (literature) at B3 x PUE.",
      style.width);
  out += "\n" + table_3(tables, style) + hidden_precisions(tables, style.width);
  out += nas_note(tables, patterson_table().nas, style.width);
  std::string fees;
  for (const StrubellRow& row : tables.rows) {
    if (!row.fee_USD) continue;
    fees += fmt::format("{}{} ${}", fees.empty() ? "" : ", ", row.model, grouped(*row.fee_USD, 2));
  }
  out += paragraph(
      fmt::format("fee: ${} a tonne CO2e ({}): {}.", tables.fee.value, tables.fee.source, fees),
      style.width, 2);
  out += "\n" + paragraph("Table 1: everyday comparisons", style.width) + "\n" +
         table_1(tables, style);
  out += "\n" + paragraph("Table 4: what it takes to develop one model", style.width) + "\n" +
         table_4(tables, style);
  return out;
}

std::string patterson_text(const TableStyle& style) {
  const PattersonTable table = patterson_table();
  std::string out = paragraph(
      table.source + ", recomputed. Published estimates (literature) at B3 x PUE.", style.width);
  std::vector<std::vector<std::string>> cells;
  for (const PattersonRow& row : table.rows) {
    cells.push_back({row.model, fmt::format("{} {}", grouped(row.chips), row.chip),
                     fmt::format("{}", row.days), fmt::format("{}", row.power_W),
                     fmt::format("{:.2f}", row.pue), fmt::format("{:.1f}", row.MWh),
                     fmt::format("{}", row.MWh_printed), fmt::format("{:.1f}", row.t_gross),
                     fmt::format("{:.1f}", row.t_net)});
  }
  out += "\n" + render_table(
                    {left("model"), left("chips"), right("days"), right("W/chip"), right("PUE", 1),
                     right("MWh"), right("printed", 2), right("t gross"), right("t net")},
                    cells, style);
  out += paragraph(
      "gross: location-based; net: market-based, of the clean energy bought. W/chip is the "
      "system's "
      "power, which exceeds the TDP where the rest of the system draws more (V100: 330 of 300 W).",
      style.width, 2);
  out += nas_note(strubell_tables(), table.nas, style.width);
  return out;
}

Json number_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json strubell_json() {
  const StrubellTables tables = strubell_tables();
  const NasCorrection nas = patterson_table().nas;
  Json json = {{"schema", kFootprintSchema},
               {"publication", "strubell2019"},
               {"source", tables.source},
               {"provenance", "literature"},
               {"boundary", "B3 x PUE"},
               {"pue", tables.pue.value},
               {"grid_g_per_kWh", tables.grid.value},
               {"rows", Json::array()}};
  for (const StrubellRow& row : tables.rows) {
    Json one = {{"model", row.model},
                {"hardware", row.hardware},
                {"devices", row.devices},
                {"power_W", number_or_null(row.power_W)},
                {"hours_printed", row.hours_printed},
                {"hours", row.hours},
                {"energy_kWh", number_or_null(row.kWh_pue)},
                {"energy_kWh_printed", number_or_null(row.kWh_pue_printed)},
                {"co2e_lb", number_or_null(row.co2e_lb)},
                {"co2e_lb_printed", number_or_null(row.co2e_lb_printed)},
                {"co2e_t", number_or_null(row.co2e_t)},
                {"carbon_fee_USD", number_or_null(row.fee_USD)},
                {"electricity_USD", number_or_null(row.power_USD)},
                {"cloud_USD_low", row.cloud_low},
                {"cloud_USD_high", row.cloud_high},
                {"cloud_USD_low_printed", row.cloud_low_printed},
                {"cloud_USD_high_printed", row.cloud_high_printed},
                {"note", row.note}};
    if (row.model == nas.of && row.co2e_t) {
      one["corrected"] = {{"co2e_t", nas.t_CO2e},
                          {"times_too_high", *row.co2e_t / nas.t_CO2e},
                          {"times_too_high_printed", nas.too_high_google},
                          {"times_too_high_average_organisation", nas.too_high_average},
                          {"reason", nas.reason},
                          {"source", nas.source}};
    }
    json["rows"].push_back(std::move(one));
  }
  for (const EverydayRow& row : tables.everyday) {
    json["comparisons"].push_back({{"name", row.name}, {"co2e_lb", row.co2e_lb}});
  }
  for (const DevelopmentRow& row : tables.development) {
    json["development"].push_back({{"name", row.name},
                                   {"hours", row.hours},
                                   {"energy_kWh", row.kWh_pue},
                                   {"co2e_lb", row.co2e_lb},
                                   {"electricity_USD", row.electricity_USD},
                                   {"cloud_USD_low", row.cloud_low},
                                   {"cloud_USD_high", row.cloud_high}});
  }
  return json;
}

Json patterson_json() {
  const PattersonTable table = patterson_table();
  Json json = {{"schema", kFootprintSchema}, {"publication", "patterson2021"},
               {"source", table.source},     {"provenance", "literature"},
               {"boundary", "B3 x PUE"},     {"rows", Json::array()}};
  for (const PattersonRow& row : table.rows) {
    json["rows"].push_back({{"model", row.model},
                            {"chip", row.chip},
                            {"chips", row.chips},
                            {"days", row.days},
                            {"power_W", row.power_W},
                            {"pue", row.pue},
                            {"energy_MWh", row.MWh},
                            {"energy_MWh_printed", row.MWh_printed},
                            {"co2e_gross_t", row.t_gross},
                            {"co2e_net_t", row.t_net},
                            {"co2e_gross_t_printed", row.t_gross_printed},
                            {"co2e_net_t_printed", row.t_net_printed}});
  }
  return json;
}

void check_name(const std::string& name) {
  for (const std::string& known : publication_names()) {
    if (name == known) return;
  }
  fail_usage("unknown publication '{}' (there are: {})", name, join(publication_names()));
}

}  // namespace

std::string published_text(const std::string& name, const TableStyle& style) {
  check_name(name);
  return name == "strubell2019" ? strubell_text(style) : patterson_text(style);
}

Json published_json(const std::string& name) {
  check_name(name);
  return name == "strubell2019" ? strubell_json() : patterson_json();
}

MethodSheet published_sheet(const std::string& name) {
  check_name(name);
  MethodSheet sheet;
  sheet.subject = name;
  const auto add = [&sheet](Figure figure) {
    figure.provenance = Provenance::literature;
    sheet.figures.push_back(std::move(figure));
  };
  if (name == "strubell2019") {
    const StrubellTables tables = strubell_tables();
    for (const StrubellRow& row : tables.rows) {
      const std::string of = row.model + ", " + row.hardware;
      if (row.kWh_pue) {
        add({"energy_kWh: " + of,
             *row.kWh_pue,
             {},
             {},
             "kWh",
             "B3 x PUE",
             "PUE x t x power / 1000",  // eq. (1)
             {tables.pue.input("PUE"),
              {"t", row.hours, "h", row.note.empty() ? tables.source : row.note},
              {"power", *row.power_W, "W", tables.source}}});
        add({"carbon_lb: " + of,
             *row.co2e_lb,
             {},
             {},
             "lb CO2e",
             "B3 x PUE",
             "energy_kWh x intensity / 453.59237",
             {tables.grid.input("intensity")}});
      }
      add({"cloud_USD: " + of,
           row.cloud_low,
           row.cloud_low,
           row.cloud_high,
           "$",
           "",
           "devices x t x price of a device-hour",
           {{"devices", row.devices, "1", tables.source}}});
    }
    sheet.omissions = {"host parts other than processors, memory and GPUs",
                       "carbon embodied in the machines"};
  } else {
    const PattersonTable table = patterson_table();
    for (const PattersonRow& row : table.rows) {
      add({"energy_MWh: " + row.model,
           row.MWh,
           {},
           {},
           "MWh",
           "B3 x PUE",
           "chips x 24 x days x power x PUE / 1e6",
           {{"chips", row.chips, "1", table.source},
            {"days", row.days, "d", table.source},
            {"power", row.power_W, "W", table.source + "; of the system, a chip"},
            {"PUE", row.pue, "1", table.source}}});
      add({"carbon_t: " + row.model,
           row.t_gross,
           {},
           {},
           "t CO2e",
           "B3 x PUE",
           "energy_MWh x gross intensity",
           {{"gross intensity", row.gross_kg_per_kWh, "kg/kWh", table.source}}});
    }
    sheet.omissions = {"carbon embodied in the machines"};
  }
  return sheet;
}

}  // namespace jb::results
