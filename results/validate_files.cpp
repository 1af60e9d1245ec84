// Validation of files: lines are read in batches and checked on all cores.

#include <fmt/core.h>

#include <exception>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/threads.h"
#include "results/json_schema.h"
#include "results/label.h"
#include "results/record_index.h"
#include "results/validate.h"
#include "results/validate_rules.h"

namespace jb::results {
namespace {

constexpr std::size_t kBatch = 1024;

struct Checked {
  Record record;
  std::vector<Violation> found;
  bool is_record = false;
  std::exception_ptr error;
};

bool has_energy(const Record& record, Provenance provenance) {
  for (const auto& [name, quantity] : record.quantities) {
    if (quantity.provenance == provenance && name.find("energy") != std::string::npos) return true;
  }
  return false;
}

/// A record of the schema, or why it is none.
Checked check_one(const RecordIndex& index, std::size_t i, const JsonSchema& schema) {
  Checked result;
  try {
    Json json = index.read_json(i);
    // Of another schema nothing can be said.
    const std::string named = json.is_object() ? point_text(json, "schema") : std::string();
    if (!named.empty() && named != kRecordSchema) {
      fail_usage("{}: schema is '{}', this version reads '{}'", index.where(i), named,
                 kRecordSchema);
    }
    if (const auto error = schema.error_in(json)) {
      const std::string id(json.is_object() && json.contains("record_id") &&
                                   json["record_id"].is_string()
                               ? json["record_id"].get<std::string>()
                               : std::string("?"));
      result.found.push_back({"schema", id, fmt::format("{}: {}", index.where(i), *error)});
      return result;
    }
    result.record = record_from_json(std::move(json), index.where(i));
    result.is_record = true;
    result.found = validate(result.record);
  } catch (...) {
    result.error = std::current_exception();
  }
  return result;
}

}  // namespace

ValidationReport validate_files(const std::filesystem::path& path,
                                const std::function<void(const Violation&)>& sink) {
  const RecordIndex index(path);
  const JsonSchema schema("record");
  SetChecks set;
  ValidationReport report;
  std::vector<Checked> batch;
  for (std::size_t begin = 0; begin < index.size(); begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, index.size());
    batch.clear();
    batch.resize(end - begin);
    parallel_for(static_cast<std::int64_t>(batch.size()), 16,
                 [&](std::int64_t from, std::int64_t to) {
                   for (std::int64_t i = from; i < to; ++i) {
                     batch[static_cast<std::size_t>(i)] =
                         check_one(index, begin + static_cast<std::size_t>(i), schema);
                   }
                 });
    for (Checked& one : batch) {
      if (one.error) std::rethrow_exception(one.error);
      if (one.is_record) set.take(one.record, one.found);
      ++report.records;
      report.measured += has_energy(one.record, Provenance::measured) ? 1 : 0;
      report.modelled += has_energy(one.record, Provenance::modelled) ? 1 : 0;
      report.violations += one.found.size();
      for (const Violation& violation : one.found) sink(violation);
    }
  }
  return report;
}

std::vector<Violation> validate_document(const Json& json) {
  const std::string name = schema_of(json);
  if (name.empty()) fail_usage("the file names no schema of this version in its field 'schema'");
  std::vector<Violation> found;
  if (const auto error = JsonSchema(name).error_in(json)) {
    found.push_back({"schema", "", fmt::format("{} file: {}", name, *error)});
  }
  return found;
}

}  // namespace jb::results
