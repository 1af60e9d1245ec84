#pragma once
// The record: one measured or modelled point, one line of records.jsonl (schema
// joulebench/record/1).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/json_file.h"
#include "backends/energy/vocabulary.h"

namespace jb::results {

inline constexpr const char* kRecordSchema = "joulebench/record/1";

enum class Status : std::uint8_t {
  ok,
  unsupported,
  unavailable,
  failed,
  inconsistent,
  throttled,
  timeout,
  skipped
};
std::string_view name_of(Status s) noexcept;
std::optional<Status> status_from(std::string_view name) noexcept;

/// One number with its interval and provenance. Never NaN or infinite (the writer refuses).
struct Quantity {
  double value = 0;
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  std::string
      interval_kind;  ///< "sampling", "instances", "constants", "combined"; "" without interval
  std::int64_t n = 1;
  Provenance provenance = Provenance::modelled;
  std::string source;  ///< meter, clock or model it came from
};

/// A ledger row as text: what `LedgerRow` becomes on disk.
struct RecordRow {
  std::string component, action;
  Category category = Category::compute;
  std::string layer;
  double count = 0, energy_per_action_J = 0, energy_J = 0;
  Boundary boundary = Boundary::B0;
  std::string cls;       ///< "A".."D" or "exact"
  std::string constant;  ///< name of the constant
  Provenance provenance = Provenance::modelled;
  std::string source;
  bool data_dependent = false;  ///< the values in A or B decided the count: compared as simulated
};

struct Lint {
  std::string id;    ///< "unvalidated", "saturated", "reference-implementation", ...
  std::string text;  ///< one sentence
};

struct Work {
  double macs = 0;
  double executed_macs = 0;
  double compulsory_bytes = 0;
};

struct Record {
  std::string record_id, point_id, run_id, time_utc;
  Status status = Status::ok;
  std::string reason;  ///< one sentence when status is not ok
  std::string repro;   ///< command line that runs this point again
  Json point = Json::object();
  Json versions = Json::object();  ///< model_version, device_hash, tables_hash
  Work work;
  std::map<std::string, Quantity> quantities;
  std::vector<RecordRow> ledger;        ///< of the execution; its sum is the modelled total
  std::vector<RecordRow> setup_ledger;  ///< programming and calibration before it
  Json verification = Json::object();
  Json measurement = Json::object();
  Json statistics = Json::object();  ///< operand statistics, for `estimate --stats`
  std::vector<Lint> lints;
  Json extra = Json::object();  ///< fields this version does not know; kept when rewritten

  [[nodiscard]] const Quantity* find(const std::string& name) const;
};

/// One JSON object, keys in the order of the contract. `point` carries device_hash and
/// model_version of `versions` when it does not hold them itself; a quantity without interval has
/// no ci_ and interval_kind keys; counts that are whole numbers below 2^53 are written as integers.
/// Internal error on a non-finite number anywhere.
Json to_json(const Record& record);
/// Reads one record; usage error (`where` names file and line) when it is not one of this schema.
Record record_from_json(const Json& json, const std::string& where);
Record record_from_json(Json&& json, const std::string& where);

/// What identity hashes: keys sorted at every level, 1.0 written as 1, without what a version or a
/// preset decides (model_version, device_hash, tables_hash, implementation, theory_bound), and
/// without threads when they are 0.
std::string canonical_point(const Json& point);

/// 16 hex digits of the canonical point.
std::string point_id_of(const Json& point);
/// 16 hex digits of point_id and versions.
std::string record_id_of(const std::string& point_id, const Json& versions);

}  // namespace jb::results
