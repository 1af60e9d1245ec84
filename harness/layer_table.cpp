#include "harness/layer_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "backends/core/linear_lowering.h"
#include "backends/energy/ledger.h"

namespace jb::harness {
namespace {

constexpr const char* kDigitalRow = "(digital)";
constexpr const char* kOthersRow = "(others)";
constexpr std::size_t kMostPlacements = 24;  // named one by one in a record

struct Row {
  std::string layer, backend;
  double macs = 0, executed_macs = 0;
  std::vector<double> energy_J;  // up to each boundary
  double movement_J = 0, device_time_s = 0;
  LayerError error;

  void add(const Row& other) {
    macs += other.macs;
    executed_macs += other.executed_macs;
    energy_J.resize(std::max(energy_J.size(), other.energy_J.size()));
    for (std::size_t b = 0; b < other.energy_J.size(); ++b) energy_J[b] += other.energy_J[b];
    movement_J += other.movement_J;
    device_time_s += other.device_time_s;
    error.so_far = std::max(error.so_far, other.error.so_far);
    error.added = std::max(error.added, other.error.added);
    if (backend != other.backend) backend = backend.empty() ? other.backend : "several";
  }
};

/// Four digits say what a table needs.
Json rounded(double value) {
  if (value == 0) return 0;
  const double digits = std::floor(std::log10(std::abs(value)));
  const double unit = std::pow(10.0, digits - 3);
  const double result = std::round(value / unit) * unit;
  return std::isfinite(result) ? Json::parse(fmt::format("{:.4g}", result)) : Json(value);
}

Json optional_number(const std::optional<double>& value) {
  return value ? rounded(*value) : Json();
}

Json json_of(const Row& row) {
  Json energies = Json::array();
  for (const double joules : row.energy_J) energies.push_back(rounded(joules));
  return Json::array({row.layer, row.backend, row.macs, rounded(row.executed_macs), energies,
                      rounded(row.movement_J), rounded(row.device_time_s),
                      optional_number(row.error.so_far), optional_number(row.error.added)});
}

std::optional<double> number_or_none(const Json& json) {
  return json.is_number() ? std::optional<double>(json.get<double>()) : std::nullopt;
}

Row row_of(const Json& json) {
  Row row;
  row.layer = json.at(0).get<std::string>();
  row.backend = json.at(1).get<std::string>();
  row.macs = json.at(2).get<double>();
  row.executed_macs = json.at(3).get<double>();
  row.energy_J = json.at(4).get<std::vector<double>>();
  row.movement_J = json.at(5).get<double>();
  row.device_time_s = json.at(6).get<double>();
  row.error = {number_or_none(json.at(7)), number_or_none(json.at(8))};
  return row;
}

Json columns() {
  return {"layer",      "backend",       "macs",  "executed_macs", "energy_J",
          "movement_J", "device_time_s", "error", "added_error"};
}

/// "layer3.conv12" -> "layer*.conv*"
std::string without_numbers(const std::string& name) {
  std::string pattern;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) {
      pattern += c;
    } else if (pattern.empty() || pattern.back() != '*') {
      pattern += '*';
    }
  }
  return pattern;
}

/// Energies of the ledger's rows by layer; those of no layer under 0.
void add_energies(const Ledger& ledger, const PriceTable& prices,
                  const std::vector<std::size_t>& row_of_layer, std::vector<Row>& rows) {
  const int lowest = static_cast<int>(prices.lowest);
  const int highest = static_cast<int>(prices.highest);
  for (Row& row : rows) row.energy_J.assign(static_cast<std::size_t>(highest - lowest + 1), 0.0);
  for (const LedgerRow& entry : ledger.rows()) {
    Row& row = rows[row_of_layer[entry.layer]];
    const int boundary = static_cast<int>(entry.price->boundary);
    for (int b = std::max(boundary, lowest); b <= highest; ++b) {
      row.energy_J[static_cast<std::size_t>(b - lowest)] += entry.energy_J;
    }
    if (entry.price->category == Category::movement &&
        boundary <= std::min(highest, static_cast<int>(Boundary::B2))) {
      row.movement_J += entry.energy_J;
    }
  }
}

Json placements_json(const std::vector<std::string>& names,
                     const std::vector<std::string>& placements) {
  Json json = Json::object();
  if (names.size() <= kMostPlacements) {
    for (std::size_t i = 0; i < names.size(); ++i) json[names[i]] = placements[i];
    return json;
  }
  std::map<std::string, std::map<std::string, int>> merged;
  for (std::size_t i = 0; i < names.size(); ++i) {
    ++merged[without_numbers(names[i])][placements[i]];
  }
  for (const auto& [pattern, counts] : merged) {
    if (counts.size() == 1) {
      json[pattern] = counts.begin()->first;
    } else {
      for (const auto& [backend, count] : counts) json[pattern][backend] = count;
    }
  }
  return json;
}

/// Adds what the activity tells of each layer to its row, and writes the table.
Json table_of(const Activity& activity, const PriceTable& prices,
              const std::vector<std::size_t>& row_of_layer, std::vector<Row>& rows) {
  for (const LayerShare& share : activity.shares()) {
    Row& row = rows[row_of_layer[share.layer]];
    row.executed_macs += share.executed_macs;
    row.device_time_s += share.device_time_s;
  }
  Json table = Json::object();
  table["boundaries"] = Json::array();
  if (prices.has_energy) {
    add_energies(price(activity, prices), prices, row_of_layer, rows);
    for (int b = static_cast<int>(prices.lowest); b <= static_cast<int>(prices.highest); ++b) {
      table["boundaries"].push_back(name_of(static_cast<Boundary>(b)));
    }
  }
  table["columns"] = columns();
  table["rows"] = Json::array();
  for (const Row& row : rows) table["rows"].push_back(json_of(row));
  return table;
}

}  // namespace

Json training_table(const Activity& activity, const PriceTable& prices,
                    const std::vector<std::string>& names, const std::vector<double>& macs,
                    const std::string& backend) {
  std::vector<Row> rows(names.size() + 1);
  std::vector<std::size_t> row_of_layer(names.size() + 1, names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    row_of_layer[i + 1] = i;
    rows[i].layer = names[i];
    rows[i].backend = backend;
    rows[i].macs = macs.at(i);
  }
  rows.back().layer = kDigitalRow;
  rows.back().backend = "digital";
  return table_of(activity, prices, row_of_layer, rows);
}

Json layer_table(const Executable& executable, const NetworkWorkload& workload,
                 const Activity& execution, const std::optional<LayerErrors>& errors) {
  const std::vector<std::string>& names = executable.layer_names();
  const std::vector<std::string>& placements = executable.placements();
  const GraphView graph = workload.graph.bind(workload.per_run);
  const double times = workload.macs() / std::max(1.0, graph.macs());
  std::map<std::string, double> macs;
  for (const NodeView& node : graph.nodes) {
    for (const LinearProduct& product : products_of(graph, node)) {
      macs[node.name] += product.macs() * times;
    }
  }
  std::vector<Row> rows;
  std::vector<std::size_t> row_of_layer(names.size() + 1, 0);  // by layer number
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto linear = macs.find(names[i]);
    if (linear == macs.end()) continue;
    row_of_layer[i + 1] = rows.size();
    Row row;
    row.layer = names[i];
    row.backend = placements[i];
    row.macs = linear->second;
    if (errors) {
      const auto error = errors->by_layer.find(names[i]);
      if (error != errors->by_layer.end()) row.error = error->second;
    }
    rows.push_back(row);
  }
  rows.push_back({});
  rows.back().layer = kDigitalRow;
  rows.back().backend = "digital";
  row_of_layer[0] = rows.size() - 1;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (macs.find(names[i]) == macs.end()) row_of_layer[i + 1] = rows.size() - 1;
  }
  Json table = table_of(execution, executable.prices(), row_of_layer, rows);
  table["placements"] = placements_json(names, placements);
  if (errors) table["error_samples"] = errors->samples;
  return table;
}

Json smaller_layer_table(const Json& table, std::size_t most) {
  if (!table.contains("rows") || table.at("rows").size() <= most) return table;
  std::vector<Row> rows;
  std::map<std::string, std::size_t> known;
  for (const Json& json : table.at("rows")) {
    Row row = row_of(json);
    row.layer = without_numbers(row.layer);
    const auto [entry, is_new] = known.emplace(row.layer, rows.size());
    if (is_new) {
      rows.push_back(std::move(row));
    } else {
      rows[entry->second].add(row);
    }
  }
  if (rows.size() > most) {
    const auto weight = [](const Row& row) {
      return std::pair(row.energy_J.empty() ? 0.0 : row.energy_J.back(), row.macs);
    };
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const Row& a, const Row& b) { return weight(a) > weight(b); });
    Row others;
    for (std::size_t i = most - 1; i < rows.size(); ++i) others.add(rows[i]);
    others.layer = kOthersRow;
    rows.resize(most - 1);
    rows.push_back(std::move(others));
  }
  Json smaller = table;
  smaller["rows"] = Json::array();
  for (const Row& row : rows) smaller["rows"].push_back(json_of(row));
  smaller["merged"] = true;
  return smaller;
}

}  // namespace jb::harness
