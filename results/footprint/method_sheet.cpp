#include "results/footprint/method_sheet.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "backends/core/error.h"
#include "results/footprint/omissions.h"
#include "results/metrics.h"
#include "results/report/text_layout.h"

namespace jb::results {
namespace {

/// Units of quantities are the end of their names.
std::string unit_of(const std::string& name) {
  const Metric* metric = find_metric(name);
  return metric != nullptr ? std::string(metric->unit) : std::string();
}

/// Indented text; lines after the first two columns deeper.
std::string wrapped(const std::string& text, int width, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  std::string out;
  for (const std::string& line : wrap(text, width - indent, 2)) out += margin + line + "\n";
  return out;
}

std::string number_text(double value) { return fmt::format("{:.6g}", value); }

/// The constants behind the rows up to a boundary, each once.
std::vector<SheetInput> constants_up_to(const Record& record, Boundary highest) {
  std::vector<SheetInput> inputs;
  std::set<std::string> known;
  for (const RecordRow& row : record.ledger) {
    if (row.boundary > highest || !known.insert(row.constant).second) continue;
    inputs.push_back({row.constant, row.energy_per_action_J, "J",
                      fmt::format("{} (class {})", row.source, row.cls)});
  }
  return inputs;
}

double number_in(const Json& json, const char* key, const std::string& where) {
  if (!json.is_object() || !json.contains(key) || !json.at(key).is_number()) {
    fail_usage("{}: a figure holds no number '{}'", where, key);
  }
  return json.at(key).get<double>();
}

std::string text_in(const Json& json, const char* key, const std::string& where) {
  if (!json.is_object() || !json.contains(key) || !json.at(key).is_string()) {
    fail_usage("{}: the text '{}' is missing", where, key);
  }
  return json.at(key).get<std::string>();
}

const Json& list_in(const Json& json, const char* key, const std::string& where) {
  if (!json.is_object() || !json.contains(key) || !json.at(key).is_array()) {
    fail_usage("{}: the list '{}' is missing", where, key);
  }
  return json.at(key);
}

Figure figure_from(const Json& json, const std::string& where) {
  Figure figure;
  figure.name = text_in(json, "name", where);
  figure.value = number_in(json, "value", where);
  if (json.contains("low")) figure.low = number_in(json, "low", where);
  if (json.contains("high")) figure.high = number_in(json, "high", where);
  figure.unit = text_in(json, "unit", where);
  figure.boundary = text_in(json, "boundary", where);
  figure.formula = text_in(json, "formula", where);
  const auto provenance = provenance_from(text_in(json, "provenance", where));
  if (!provenance) fail_usage("{}: a figure's provenance is unknown", where);
  figure.provenance = *provenance;
  for (const Json& input : list_in(json, "inputs", where)) {
    figure.inputs.push_back({text_in(input, "name", where), number_in(input, "value", where),
                             text_in(input, "unit", where), text_in(input, "source", where)});
  }
  return figure;
}

}  // namespace

std::string quantity_formula(const std::string& name) {
  for (int b = 0; b < kBoundaries; ++b) {
    if (name == fmt::format("energy_B{}_J_per_mac", b)) {
      return fmt::format("sum over ledger rows up to B{} of count x joules per action / MAC", b);
    }
  }
  if (name == "data_movement_J_per_mac") return "ledger rows of category movement up to B2 / MAC";
  if (name == "data_movement_share_frac") return "data_movement_J_per_mac / energy_B2_J_per_mac";
  if (name == "throughput_mac_per_s") return "MAC / device_time_s";
  if (name == "average_power_W") return "energy at the highest boundary x MAC / device_time_s";
  if (name == "relative_error_frobenius") return "||C - C64|| / ||C64||, Frobenius norms";
  if (name == "setup_energy_J") return "sum of the set-up ledger's rows of programming and loading";
  const Metric* metric = find_metric(name);
  return metric != nullptr ? std::string(metric->description) : std::string();
}

const Figure* MethodSheet::find(const std::string& name) const {
  const auto found = std::find_if(figures.begin(), figures.end(),
                                  [&name](const Figure& figure) { return figure.name == name; });
  return found == figures.end() ? nullptr : &*found;
}

const Figure& MethodSheet::at(const std::string& name) const {
  const Figure* figure = find(name);
  if (figure == nullptr) fail_internal("the method sheet has no figure '{}'", name);
  return *figure;
}

Json to_json(const MethodSheet& sheet) {
  Json json = {
      {"schema", kFootprintSchema}, {"subject", sheet.subject}, {"figures", Json::array()}};
  for (const Figure& figure : sheet.figures) {
    if (!std::isfinite(figure.value)) fail_internal("figure '{}' is not finite", figure.name);
    Json one = {{"name", figure.name}, {"value", figure.value}};
    if (figure.low && figure.high) {
      one["low"] = *figure.low;
      one["high"] = *figure.high;
    }
    one["unit"] = figure.unit;
    one["boundary"] = figure.boundary;
    one["provenance"] = name_of(figure.provenance);
    one["formula"] = figure.formula;
    one["inputs"] = Json::array();
    for (const SheetInput& input : figure.inputs) {
      one["inputs"].push_back({{"name", input.name},
                               {"value", input.value},
                               {"unit", input.unit},
                               {"source", input.source}});
    }
    json["figures"].push_back(std::move(one));
  }
  json["omissions"] = sheet.omissions;
  json["notes"] = sheet.notes;
  return json;
}

MethodSheet sheet_from_json(const Json& json, const std::string& where) {
  if (!json.is_object() || !json.contains("schema") || json.at("schema") != kFootprintSchema) {
    fail_usage("{} is no footprint: its schema must be '{}'", where, kFootprintSchema);
  }
  MethodSheet sheet;
  sheet.subject = text_in(json, "subject", where);
  for (const Json& figure : list_in(json, "figures", where)) {
    sheet.figures.push_back(figure_from(figure, where));
  }
  const auto texts = [&](const char* key, std::vector<std::string>& out) {
    for (const Json& text : list_in(json, key, where)) {
      if (!text.is_string()) fail_usage("{}: '{}' must hold texts", where, key);
      out.push_back(text.get<std::string>());
    }
  };
  texts("omissions", sheet.omissions);
  texts("notes", sheet.notes);
  return sheet;
}

std::string sheet_text(const MethodSheet& sheet, int width) {
  std::string out = wrapped("method sheet: " + printable(sheet.subject), width, 0);
  for (const Figure& figure : sheet.figures) {
    std::string head = printable(figure.name + " = " + figure_text(figure));
    if (!figure.boundary.empty()) head += ", " + printable(figure.boundary);
    head += fmt::format(" ({})", name_of(figure.provenance));
    out += "\n" + wrapped(head, width, 0);
    out += wrapped("= " + printable(figure.formula), width, 2);
    for (const SheetInput& input : figure.inputs) {
      out += wrapped(printable(fmt::format("{} = {} {}: {}", input.name, number_text(input.value),
                                           input.unit, input.source)),
                     width, 4);
    }
  }
  if (!sheet.omissions.empty()) out += "\nnot counted:\n";
  for (const std::string& text : sheet.omissions) out += wrapped("- " + printable(text), width, 2);
  if (!sheet.notes.empty()) out += "\nnotes:\n";
  for (const std::string& text : sheet.notes) out += wrapped("- " + printable(text), width, 2);
  return out;
}

MethodSheet sheet_of(const Record& record) {
  MethodSheet sheet;
  sheet.subject = "record " + record.record_id;
  std::optional<Boundary> highest;
  for (const auto& [name, quantity] : record.quantities) {
    Figure figure;
    figure.name = name;
    figure.value = quantity.value;
    figure.low = quantity.ci_low;
    figure.high = quantity.ci_high;
    figure.unit = unit_of(name);
    figure.provenance = quantity.provenance;
    figure.formula = quantity_formula(name);
    if (!quantity.source.empty()) {
      figure.formula += (figure.formula.empty() ? "" : "; ") + quantity.source;
    }
    for (int b = 0; b < kBoundaries; ++b) {
      if (name != fmt::format("energy_B{}_J_per_mac", b)) continue;
      highest = static_cast<Boundary>(b);
      figure.boundary = name_of(*highest);
      figure.inputs = constants_up_to(record, *highest);
      figure.inputs.insert(figure.inputs.begin(),
                           {"MAC", record.work.macs, "1", "logical MACs of the work"});
    }
    sheet.figures.push_back(std::move(figure));
  }
  if (highest) sheet.omissions = omissions_above(*highest);
  for (const Lint& lint : record.lints) sheet.notes.push_back(lint.text);
  return sheet;
}

std::string grouped(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", std::abs(value), decimals);
  const std::size_t point = std::min(text.find('.'), text.size());
  for (std::size_t at = point; at > 3; at -= 3) text.insert(at - 3, ",");
  return (value < 0 ? "-" : "") + text;
}

namespace {

/// Plain digits where a reader takes them in, powers of ten beyond.
std::string short_number(double value) {
  const double size = std::abs(value);
  if (size >= 1e5 && size < 1e15) return grouped(value);
  return fmt::format("{:.4g}", value);
}

}  // namespace

std::string figure_text(const Figure& figure) {
  std::string text = short_number(figure.value);
  if (!figure.unit.empty() && figure.unit != "1") text += " " + figure.unit;
  if (figure.low && figure.high) {
    text += fmt::format(" ({} to {})", short_number(*figure.low), short_number(*figure.high));
  }
  return text;
}

}  // namespace jb::results
