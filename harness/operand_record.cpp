#include "harness/operand_record.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "backends/core/error.h"

namespace jb::harness {
namespace {

/// Figures of one operand, in the order of a row's columns.
constexpr std::array<const char*, 8> kFigures = {"mean_square",    "mean_abs",         "max_abs",
                                                 "nonzero_frac",   "signed_rows_frac", "papr",
                                                 "square_of_peak", "abs_of_peak"};
constexpr std::size_t kNeeded = 4;  // of them; the others may be absent
constexpr std::array<const char*, 4> kPairs = {"square_of_peak", "abs_of_peak", "mean_square",
                                               "mean_abs"};
constexpr std::array<const char*, 6> kPlace = {"layer", "part", "m", "n", "k", "products"};

using Figures = std::array<std::optional<double>, kFigures.size()>;

Figures figures_of(const OperandMoments& m) {
  Figures figures = {m.mean_square,      m.mean_abs, m.max_abs, m.nonzero_frac,
                     m.signed_rows_frac, {},         {},        {}};
  if (m.ratios) {
    figures[5] = m.ratios->papr;
    figures[6] = m.ratios->square_of_peak;
    figures[7] = m.ratios->abs_of_peak;
  }
  return figures;
}

OperandMoments moments_of(const Figures& figures, const std::string& where) {
  for (std::size_t i = 0; i < kFigures.size(); ++i) {
    if (i < kNeeded && !figures[i]) {
      fail_usage("{}: the operand statistics hold no number '{}'", where, kFigures[i]);
    }
    if (figures[i] && (!(*figures[i] >= 0) || !std::isfinite(*figures[i]))) {
      fail_usage("{}: the operand statistics are no moments of any data", where);
    }
  }
  OperandMoments m{*figures[0], *figures[1], *figures[2], *figures[3], figures[4]};
  const bool ratios = figures[5] && figures[6] && figures[7];
  if (ratios) m.ratios = PeakRatios{*figures[5], *figures[6], *figures[7]};
  // 1e-9: means of shares are sums that are rounded.
  constexpr double kShare = 1 + 1e-9;
  if (m.nonzero_frac > kShare || m.signed_rows_frac.value_or(0) > kShare ||
      (ratios && (m.ratios->square_of_peak > kShare || m.ratios->abs_of_peak > kShare))) {
    fail_usage("{}: the operand statistics are no moments of any data", where);
  }
  return m;
}

Json moments_json(const OperandMoments& moments) {
  Json json = Json::object();
  const Figures figures = figures_of(moments);
  for (std::size_t i = 0; i < kFigures.size(); ++i) {
    if (figures[i]) json[kFigures[i]] = *figures[i];
  }
  return json;
}

OperandMoments moments_from(const Json& json, const std::string& where) {
  if (!json.is_object()) {
    fail_usage("{}: the operand statistics hold no number '{}'", where, kFigures.front());
  }
  Figures figures;
  for (std::size_t i = 0; i < kFigures.size(); ++i) {
    const auto found = json.find(kFigures[i]);
    if (found == json.end()) continue;
    if (!found->is_number()) {
      fail_usage("{}: the operand statistics hold no number '{}'", where, kFigures[i]);
    }
    figures[i] = found->get<double>();
  }
  return moments_of(figures, where);
}

std::array<double, kPairs.size()> values_of(const PairMeans& p) {
  return {p.square_of_peak, p.abs_of_peak, p.mean_square, p.mean_abs};
}

OperandStatistics product_from(const Json& json, const std::string& where) {
  OperandStatistics statistics{moments_from(json.at("a"), where),
                               moments_from(json.at("b"), where)};
  const auto pairs = json.find("pairs");
  if (pairs == json.end()) return statistics;
  std::array<double, kPairs.size()> values{};
  for (std::size_t i = 0; i < kPairs.size(); ++i) {
    if (!pairs->is_object() || !pairs->contains(kPairs[i]) || !pairs->at(kPairs[i]).is_number()) {
      fail_usage("{}: the operand statistics hold no number 'pairs.{}'", where, kPairs[i]);
    }
    values[i] = pairs->at(kPairs[i]).get<double>();
  }
  statistics.pairs = PairMeans{values[0], values[1], values[2], values[3]};
  return statistics;
}

std::vector<std::string> columns() {
  std::vector<std::string> names(kPlace.begin(), kPlace.end());
  for (const char* operand : {"a", "b"}) {
    for (const char* figure : kFigures) names.push_back(std::string(operand) + "." + figure);
  }
  for (const char* pair : kPairs) names.push_back(std::string("pairs.") + pair);
  names.emplace_back("events");
  return names;
}

/// One row of the table; `cells` by the names of its columns.
class RowReader {
 public:
  RowReader(const Json& row, const std::vector<std::string>& names, std::string where)
      : row_(row), names_(names), where_(std::move(where)) {
    if (!row.is_array() || row.size() != names.size()) {
      fail_usage("{}: a row of the operand statistics must have {} values, one per column", where_,
                 names.size());
    }
  }
  [[nodiscard]] const Json* cell(const std::string& name) const {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == name) return row_[i].is_null() ? nullptr : &row_[i];
    }
    return nullptr;
  }
  [[nodiscard]] std::optional<double> number(const std::string& name) const {
    const Json* const value = cell(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) {
      fail_usage("{}: column '{}' of the operand statistics must hold numbers", where_, name);
    }
    return value->get<double>();
  }
  [[nodiscard]] std::int64_t count(const char* name) const {
    constexpr double kMost = 9007199254740992.0;  // 2^53: larger counts are not whole in a double
    const std::optional<double> value = number(name);
    if (!value || !(*value >= 0) || *value > kMost) {
      fail_usage("{}: column '{}' of the operand statistics must hold counts", where_, name);
    }
    return static_cast<std::int64_t>(*value);
  }
  [[nodiscard]] Figures figures(const char* operand) const {
    Figures all;
    for (std::size_t i = 0; i < kFigures.size(); ++i) {
      all[i] = number(std::string(operand) + "." + kFigures[i]);
    }
    return all;
  }

 private:
  const Json& row_;
  const std::vector<std::string>& names_;
  std::string where_;
};

LayerStatistics layer_from(const RowReader& row, const std::string& where) {
  LayerStatistics entry;
  const Json* const layer = row.cell("layer");
  if (layer == nullptr || !layer->is_string()) {
    fail_usage("{}: a row of the operand statistics names no layer", where);
  }
  entry.layer = layer->get<std::string>();
  entry.part = static_cast<std::size_t>(row.count("part"));
  entry.shape = {row.count("m"), row.count("n"), row.count("k")};
  entry.products = row.number("products").value_or(1);
  if (!(entry.products > 0)) {
    fail_usage("{}: column 'products' of the operand statistics must hold counts", where);
  }
  entry.mean = {moments_of(row.figures("a"), where), moments_of(row.figures("b"), where)};
  std::array<double, kPairs.size()> pairs{};
  std::size_t found = 0;
  for (std::size_t i = 0; i < kPairs.size(); ++i) {
    const std::optional<double> value = row.number(std::string("pairs.") + kPairs[i]);
    pairs[i] = value.value_or(0);
    found += value ? 1 : 0;
  }
  if (found == kPairs.size()) entry.mean.pairs = PairMeans{pairs[0], pairs[1], pairs[2], pairs[3]};
  entry.events = row.number("events").value_or(0);
  return entry;
}

NetworkStatistics network_from(const Json& table, const std::string& where) {
  NetworkStatistics statistics;
  if (!table.is_object() || !table.contains("columns") || !table.contains("rows") ||
      !table.at("columns").is_array() || !table.at("rows").is_array()) {
    fail_usage("{}: the operand statistics must be a table of columns and rows", where);
  }
  std::vector<std::string> names;
  for (const Json& name : table.at("columns")) {
    names.push_back(name.is_string() ? name.get<std::string>() : "");
  }
  for (const Json& row : table.at("rows")) {
    statistics.add(layer_from(RowReader(row, names, where), where));
  }
  return statistics;
}

bool is_of_layers(const results::Record& record) {
  const auto op = record.point.find("op");
  return op != record.point.end() && (*op == "network" || *op == "training");
}

}  // namespace

Json statistics_json(const OperandStatistics& statistics) {
  Json json = {{"a", moments_json(statistics.a)}, {"b", moments_json(statistics.b)}};
  if (statistics.pairs) {
    const auto values = values_of(*statistics.pairs);
    for (std::size_t i = 0; i < kPairs.size(); ++i) json["pairs"][kPairs[i]] = values[i];
  }
  return json;
}

Json statistics_json(const NetworkStatistics& statistics) {
  const std::vector<std::string> names = columns();
  Json rows = Json::array();
  std::vector<bool> used(names.size(), false);
  for (const LayerStatistics& entry : statistics.entries()) {
    Json row = {entry.layer,   entry.part,    entry.shape.m,
                entry.shape.n, entry.shape.k, static_cast<std::int64_t>(entry.products)};
    for (const OperandMoments* operand : {&entry.mean.a, &entry.mean.b}) {
      for (const std::optional<double>& figure : figures_of(*operand)) {
        row.push_back(figure ? Json(*figure) : Json());
      }
    }
    for (std::size_t i = 0; i < kPairs.size(); ++i) {
      row.push_back(entry.mean.pairs ? Json(values_of(*entry.mean.pairs)[i]) : Json());
    }
    row.push_back(entry.events > 0 ? Json(entry.events) : Json());
    for (std::size_t i = 0; i < names.size(); ++i) used[i] = used[i] || !row[i].is_null();
    rows.push_back(std::move(row));
  }
  // Columns that no row needs are left out.
  Json kept_names = Json::array();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (used[i]) kept_names.push_back(names[i]);
  }
  Json kept_rows = Json::array();
  for (Json& row : rows) {
    Json kept = Json::array();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (used[i]) kept.push_back(std::move(row[i]));
    }
    kept_rows.push_back(std::move(kept));
  }
  return {{"products", {{"columns", std::move(kept_names)}, {"rows", std::move(kept_rows)}}}};
}

GivenStatistics statistics_of(const results::Record& record) {
  const std::string where = "record " + record.record_id;
  const Json& json = record.statistics;
  if (record.status != results::Status::ok && record.status != results::Status::inconsistent) {
    fail_usage("{} holds no operand statistics: its point is {}", where,
               results::name_of(record.status));
  }
  GivenStatistics given;
  if (is_of_layers(record)) {
    // A machine of which no count depends on data may have measured none, and needs none.
    given.network.emplace();
    if (json.is_object() && json.contains("products")) {
      given.network = network_from(json.at("products"), where);
    }
    return given;
  }
  if (!json.is_object() || !json.contains("a") || !json.contains("b")) {
    fail_usage("{} holds no operand statistics: name a record of a point that ran", where);
  }
  given.product = product_from(json, where);
  return given;
}

}  // namespace jb::harness
