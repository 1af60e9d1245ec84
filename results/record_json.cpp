// The record as JSON, both ways. Field names and order are a contract with users' scripts.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "backends/core/error.h"
#include "results/record.h"

namespace jb::results {
namespace {

// Whole counts below 2^53 are exact in a double: scripts want "macs": 1024, not 1024.0.
Json count_json(double value) {
  constexpr double kExact = 9007199254740992.0;
  if (std::abs(value) < kExact && value == std::floor(value)) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

void refuse_non_finite(const Json& value, const std::string& path, const std::string& point_id) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    fail_internal("record of point {} holds a number that is not finite in {}", point_id, path);
  }
  if (value.is_object()) {
    for (const auto& item : value.items()) {
      refuse_non_finite(item.value(), path + "." + item.key(), point_id);
    }
  } else if (value.is_array()) {
    for (const auto& item : value) refuse_non_finite(item, path + "[]", point_id);
  }
}

Json point_json(const Record& record) {
  if (!record.point.is_object()) return record.point;
  Json point = Json::object();
  const auto take_version = [&](const char* key) {
    if (!record.point.contains(key) && !point.contains(key) && record.versions.contains(key)) {
      point[key] = record.versions[key];
    }
  };
  for (const auto& item : record.point.items()) {
    point[item.key()] = item.value();
    if (item.key() == "device") take_version("device_hash");
    if (item.key() == "set") take_version("model_version");
  }
  take_version("device_hash");
  take_version("model_version");
  return point;
}

Json quantity_json(const Quantity& q) {
  Json json = Json::object();
  json["value"] = q.value;
  if (q.ci_low) json["ci_low"] = *q.ci_low;
  if (q.ci_high) json["ci_high"] = *q.ci_high;
  if (!q.interval_kind.empty()) json["interval_kind"] = q.interval_kind;
  json["n"] = q.n;
  json["provenance"] = name_of(q.provenance);
  json["source"] = q.source;
  return json;
}

Json rows_json(const std::vector<RecordRow>& rows) {
  Json list = Json::array();
  for (const RecordRow& row : rows) {
    Json json = Json::object();
    json["component"] = row.component;
    json["action"] = row.action;
    json["category"] = name_of(row.category);
    json["layer"] = row.layer;
    json["count"] = count_json(row.count);
    json["energy_per_action_J"] = row.energy_per_action_J;
    json["energy_J"] = row.energy_J;
    json["boundary"] = name_of(row.boundary);
    json["class"] = row.cls;
    json["constant"] = row.constant;
    json["provenance"] = name_of(row.provenance);
    json["source"] = row.source;
    if (row.data_dependent) json["data_dependent"] = true;
    list.push_back(std::move(json));
  }
  return list;
}

// One object that is being read: every wrong type is a sentence naming place and field.
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string where, std::string path)
      : object_(object), where_(std::move(where)), path_(std::move(path)) {
    if (!object_.is_object()) fail_usage("{}: {} must be an object", where_, place());
  }

  [[nodiscard]] std::string text(const char* key, bool required) const {
    const Json* value = find(key, required);
    if (value == nullptr) return {};
    if (!value->is_string()) fail_usage("{}: field '{}' must be a text", where_, name(key));
    return value->get<std::string>();
  }
  [[nodiscard]] double number(const char* key, bool required) const {
    const Json* value = find(key, required);
    if (value == nullptr) return 0;
    if (!value->is_number()) fail_usage("{}: field '{}' must be a number", where_, name(key));
    const auto number = value->get<double>();
    if (!std::isfinite(number)) fail_usage("{}: field '{}' is not finite", where_, name(key));
    return number;
  }
  [[nodiscard]] std::optional<double> optional_number(const char* key) const {
    const Json* value = find(key, false);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return number(key, true);
  }
  [[nodiscard]] std::int64_t integer(const char* key, std::int64_t fallback) const {
    const Json* value = find(key, false);
    if (value == nullptr) return fallback;
    if (!value->is_number_integer()) {
      fail_usage("{}: field '{}' must be an integer", where_, name(key));
    }
    return value->get<std::int64_t>();
  }
  [[nodiscard]] bool flag(const char* key) const {
    const Json* value = find(key, false);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fail_usage("{}: field '{}' must be true or false", where_, name(key));
    return value->get<bool>();
  }
  template <class Parse>
  [[nodiscard]] auto word(const char* key, Parse parse) const {
    const std::string text_value = text(key, true);
    const auto parsed = parse(text_value);
    if (!parsed) fail_usage("{}: field '{}' cannot be '{}'", where_, name(key), text_value);
    return *parsed;
  }
  /// Null when it is not there.
  [[nodiscard]] const Json* object(const char* key, bool required) const {
    const Json* value = find(key, required);
    if (value != nullptr && !value->is_object()) {
      fail_usage("{}: field '{}' must be an object", where_, name(key));
    }
    return value;
  }
  [[nodiscard]] const Json* list(const char* key) const {
    const Json* value = find(key, false);
    if (value != nullptr && !value->is_array()) {
      fail_usage("{}: field '{}' must be a list", where_, name(key));
    }
    return value;
  }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  [[nodiscard]] std::string name(const char* key) const {
    return path_.empty() ? key : path_ + "." + key;
  }
  [[nodiscard]] std::string place() const { return path_.empty() ? "a record" : "'" + path_ + "'"; }
  [[nodiscard]] const Json* find(const char* key, bool required) const {
    const auto it = object_.find(key);
    if (it != object_.end()) return &*it;
    if (required) fail_usage("{}: field '{}' is missing", where_, name(key));
    return nullptr;
  }

  const Json& object_;
  std::string where_;
  std::string path_;
};

Quantity quantity_from(const Json& json, const std::string& where, const std::string& name) {
  const ObjectReader in(json, where, "quantities." + name);
  Quantity q;
  q.value = in.number("value", true);
  q.ci_low = in.optional_number("ci_low");
  q.ci_high = in.optional_number("ci_high");
  q.interval_kind = in.text("interval_kind", false);
  q.n = in.integer("n", 1);
  q.provenance = in.word("provenance", provenance_from);
  q.source = in.text("source", false);
  return q;
}

std::vector<RecordRow> rows_from(const ObjectReader& record, const char* key) {
  std::vector<RecordRow> rows;
  const Json* list = record.list(key);
  if (list == nullptr) return rows;
  rows.reserve(list->size());
  for (const Json& json : *list) {
    const ObjectReader in(json, record.where(), fmt::format("{}[{}]", key, rows.size()));
    RecordRow row;
    row.component = in.text("component", true);
    row.action = in.text("action", true);
    row.category = in.word("category", category_from);
    row.layer = in.text("layer", false);
    row.count = in.number("count", true);
    row.energy_per_action_J = in.number("energy_per_action_J", true);
    row.energy_J = in.number("energy_J", true);
    row.boundary = in.word("boundary", boundary_from);
    row.cls = in.text("class", false);
    row.constant = in.text("constant", false);
    row.provenance = in.word("provenance", provenance_from);
    row.source = in.text("source", false);
    row.data_dependent = in.flag("data_dependent");
    rows.push_back(std::move(row));
  }
  return rows;
}

// Scripts that follow the contract alone put the versions into the point.
Json versions_from(const ObjectReader& in) {
  const Json* given = in.object("versions", false);
  if (given != nullptr && !given->empty()) return *given;
  Json versions = Json::object();
  const Json* point = in.object("point", true);
  for (const char* key : {"model_version", "device_hash", "tables_hash"}) {
    if (point->contains(key)) versions[key] = (*point)[key];
  }
  return versions;
}

constexpr std::array<std::string_view, 18> kFields{
    "schema", "record_id",    "point_id",     "run_id",      "time_utc",   "status",
    "reason", "repro",        "point",        "versions",    "work",       "quantities",
    "ledger", "setup_ledger", "verification", "measurement", "statistics", "lints"};

}  // namespace

Json to_json(const Record& record) {
  Json json = Json::object();
  json["schema"] = kRecordSchema;
  json["record_id"] = record.record_id;
  json["point_id"] = record.point_id;
  json["run_id"] = record.run_id;
  json["time_utc"] = record.time_utc;
  json["status"] = name_of(record.status);
  json["reason"] = record.reason;
  json["repro"] = record.repro;
  json["point"] = point_json(record);
  json["versions"] = record.versions;
  json["work"] = {{"macs", count_json(record.work.macs)},
                  {"executed_macs", count_json(record.work.executed_macs)},
                  {"compulsory_bytes", count_json(record.work.compulsory_bytes)}};
  Json& quantities = json["quantities"] = Json::object();
  for (const auto& entry : record.quantities) {
    quantities[entry.first] = quantity_json(entry.second);
  }
  json["ledger"] = rows_json(record.ledger);
  if (!record.setup_ledger.empty()) json["setup_ledger"] = rows_json(record.setup_ledger);
  json["verification"] = record.verification;
  json["measurement"] = record.measurement;
  if (!record.statistics.empty()) json["statistics"] = record.statistics;
  Json& lints = json["lints"] = Json::array();
  for (const Lint& lint : record.lints) lints.push_back({{"id", lint.id}, {"text", lint.text}});
  for (const auto& item : record.extra.items()) {
    if (!json.contains(item.key())) json[item.key()] = item.value();
  }
  refuse_non_finite(json, "record", record.point_id);
  return json;
}

Record record_from_json(const Json& json, const std::string& where) {
  return record_from_json(Json(json), where);
}

Record record_from_json(Json&& json, const std::string& where) {
  const ObjectReader in(json, where, "");
  const std::string schema = in.text("schema", true);
  if (schema != kRecordSchema) {
    fail_usage("{}: schema is '{}', this version reads '{}'", where, schema, kRecordSchema);
  }
  Record record;
  record.record_id = in.text("record_id", true);
  record.point_id = in.text("point_id", true);
  record.run_id = in.text("run_id", false);
  record.time_utc = in.text("time_utc", false);
  record.status = in.word("status", status_from);
  record.reason = in.text("reason", false);
  record.repro = in.text("repro", false);
  record.versions = versions_from(in);
  if (const Json* work_json = in.object("work", true)) {
    const ObjectReader work(*work_json, where, "work");
    record.work.macs = work.number("macs", true);
    record.work.executed_macs = work.number("executed_macs", false);
    record.work.compulsory_bytes = work.number("compulsory_bytes", false);
  }
  if (const Json* quantities = in.object("quantities", false)) {
    for (const auto& item : quantities->items()) {
      record.quantities.emplace(item.key(), quantity_from(item.value(), where, item.key()));
    }
  }
  record.ledger = rows_from(in, "ledger");
  record.setup_ledger = rows_from(in, "setup_ledger");
  if (const Json* lints = in.list("lints"); lints != nullptr) {
    for (const Json& item : *lints) {
      const ObjectReader lint(item, where, fmt::format("lints[{}]", record.lints.size()));
      record.lints.push_back({lint.text("id", true), lint.text("text", false)});
    }
  }
  // What is kept as it is moves out of the text's tree once all of it has been looked at.
  for (const char* key : {"point", "verification", "measurement", "statistics"}) {
    (void)in.object(key, key == std::string_view("point"));
  }
  const auto move_out = [&json](const char* key, Json& out) {
    const auto at = json.find(key);
    if (at != json.end()) out = std::move(*at);
  };
  move_out("point", record.point);
  move_out("verification", record.verification);
  move_out("measurement", record.measurement);
  move_out("statistics", record.statistics);
  for (auto& item : json.items()) {
    if (std::find(kFields.begin(), kFields.end(), item.key()) == kFields.end()) {
      record.extra[item.key()] = std::move(item.value());
    }
  }
  return record;
}

}  // namespace jb::results
