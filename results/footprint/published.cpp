#include "results/footprint/published.h"

#include <fmt/core.h>

#include "backends/core/error.h"
#include "backends/core/paths.h"
#include "backends/core/text.h"
#include "results/footprint/footprint.h"

namespace jb::results {
namespace {

constexpr const char* kPublishedSchema = "joulebench/published-footprint/1";

Json publication(const char* file) {
  const std::string path = (footprint_dir() / file).string();
  Json json = read_json_file(path, 1U << 20U);
  if (!json.is_object() || json.value("schema", "") != kPublishedSchema) {
    fail_usage("{} is no published footprint: its schema must be '{}'", path, kPublishedSchema);
  }
  return json;
}

std::optional<double> optional_number(const Json& json, const char* key) {
  return json.at(key).is_null() ? std::nullopt : std::optional<double>(json.at(key).get<double>());
}

StrubellRow strubell_row(const Json& json, const StrubellTables& tables,
                         const FootprintData& data) {
  StrubellRow row;
  row.model = json.at("model").get<std::string>();
  row.hardware = json.at("hardware").get<std::string>();
  row.note = json.at("note").get<std::string>();
  row.devices = json.at("devices").get<double>();
  row.power_W = optional_number(json, "power_W");
  row.hours_printed = json.at("hours_printed").get<double>();
  row.hours = json.at("hours").get<double>();
  row.kWh_pue_printed = optional_number(json, "kWh_pue_printed");
  row.co2e_lb_printed = optional_number(json, "co2e_lb_printed");
  row.cloud_low_printed = json.at("cloud_low_printed").get<double>();
  row.cloud_high_printed = json.at("cloud_high_printed").get<double>();
  const FootprintConstant price = data.cloud(json.at("cloud").get<std::string>());
  row.cloud_low = row.devices * row.hours * price.value;
  row.cloud_high = row.devices * row.hours * price.high.value_or(price.value);
  if (!row.power_W) return row;
  row.kWh_pue = tables.pue.value * row.hours * *row.power_W / 1000;
  row.co2e_lb = *row.kWh_pue * tables.grid.value / 1000 / kPoundKg;
  row.co2e_t = *row.co2e_lb * kPoundKg / 1000;
  row.fee_USD = *row.co2e_t * tables.fee.value;
  row.power_USD = *row.kWh_pue * tables.electricity.value;
  return row;
}

DevelopmentRow development_row(const Json& json, double power_W, const StrubellTables& tables,
                               const FootprintConstant& price) {
  DevelopmentRow row;
  row.name = json.at("name").get<std::string>();
  row.label = json.at("label").get<std::string>();
  row.jobs = json.at("jobs").get<double>();
  row.hours = json.at("hours").get<double>();
  row.cloud_low_printed = json.at("cloud_low_printed").get<double>();
  row.cloud_high_printed = json.at("cloud_high_printed").get<double>();
  row.electricity_printed = json.at("electricity_printed").get<double>();
  row.unit_dollars = json.at("unit_dollars").get<double>();
  row.co2e_lb_printed = optional_number(json, "co2e_lb_printed");
  row.kWh_pue = tables.pue.value * row.hours * power_W / 1000;
  row.co2e_lb = row.kWh_pue * tables.grid.value / 1000 / kPoundKg;
  row.electricity_USD = row.kWh_pue * tables.electricity.value;
  row.cloud_low = row.hours * price.value;
  row.cloud_high = row.hours * price.high.value_or(price.value);
  return row;
}

}  // namespace

StrubellTables strubell_tables() {
  const Json json = publication("strubell2019.json");
  const FootprintData data = FootprintData::load();
  StrubellTables tables;
  tables.source = json.at("source").get<std::string>();
  tables.pue = data.pue(json.at("pue").get<std::string>());
  tables.grid =
      data.grid(json.at("grid").get<std::string>(), CarbonBasis::location, CarbonSignal::average);
  tables.electricity = data.electricity(json.at("electricity").get<std::string>());
  tables.fee = data.fee(json.at("fee").get<std::string>());
  tables.development_power_source = json.at("development_power_source").get<std::string>();
  for (const Json& row : json.at("rows")) tables.rows.push_back(strubell_row(row, tables, data));
  const double power_W = json.at("development_power_W").get<double>();
  for (const Json& row : json.at("development")) {
    tables.development.push_back(development_row(row, power_W, tables, data.cloud("p100")));
  }
  for (const Json& row : json.at("comparisons")) {
    tables.everyday.push_back({row.at("name").get<std::string>(), row.at("co2e_lb").get<double>()});
  }
  return tables;
}

PattersonTable patterson_table() {
  const Json json = publication("patterson2021.json");
  PattersonTable table;
  table.source = json.at("source").get<std::string>();
  for (const Json& from : json.at("rows")) {
    PattersonRow row;
    row.model = from.at("model").get<std::string>();
    row.chip = from.at("chip").get<std::string>();
    row.chips = from.at("chips").get<double>();
    row.days = from.at("days").get<double>();
    row.power_W = from.at("power_W").get<double>();
    row.pue = from.at("pue").get<double>();
    row.tdp_W = from.at("tdp_W").get<double>();
    row.MWh_printed = from.at("MWh_printed").get<double>();
    row.t_gross_printed = from.at("t_gross_printed").get<double>();
    row.t_net_printed = from.at("t_net_printed").get<double>();
    row.gross_kg_per_kWh = from.at("gross_kg_per_kWh").get<double>();
    row.net_kg_per_kWh = from.at("net_kg_per_kWh").get<double>();
    row.MWh = row.chips * 24 * row.days * row.power_W * row.pue / 1e6;
    row.t_gross = row.MWh * row.gross_kg_per_kWh;
    row.t_net = row.MWh * row.net_kg_per_kWh;
    table.rows.push_back(row);
  }
  const Json& nas = json.at("nas_correction");
  table.nas = {nas.at("of").get<std::string>(),        nas.at("of_hardware").get<std::string>(),
               nas.at("reason").get<std::string>(),    nas.at("source").get<std::string>(),
               nas.at("t_CO2e").get<double>(),         nas.at("too_high_average").get<double>(),
               nas.at("too_high_google").get<double>()};
  return table;
}

std::vector<std::string> publication_names() { return {"strubell2019", "patterson2021"}; }

}  // namespace jb::results
