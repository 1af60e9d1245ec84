#pragma once
// Checks of one record, of a set, and of a submission: schema, ledger sums, bounds and reporting
// rules. results/RULES.md numbers the rules and names the check of each.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "results/record.h"

namespace jb::results {

/// One named check; every Violation carries the name of one.
struct Check {
  std::string_view name;
  enum class Scope { record, set, submission } scope;
  std::string_view description;
};
std::span<const Check> checks() noexcept;

struct Violation {
  std::string rule;  ///< name of the check: "ledger-sum", "boundary-order", "duplicate-record", ...
  std::string record_id;
  std::string text;  ///< one sentence
};

/// Violations of one record by the checks of scope `record`, in their order.
std::vector<Violation> validate(const Record& record);
/// The same for many, and the checks of scope `set`.
std::vector<Violation> validate(const std::vector<Record>& records);

/// What kinds of energy a set of records holds.
enum class Division { measured, modelled, mixed };
std::string_view name_of(Division division) noexcept;

struct ValidationReport {
  std::size_t records = 0;
  std::size_t violations = 0;
  std::size_t measured = 0, modelled = 0;  ///< records with an energy of that provenance

  /// Mixed when both are there; modelled when there is no energy at all.
  [[nodiscard]] Division division() const noexcept;
};

/// Checks what a user names (record_files), streamed on all cores: each line by the JSON Schema,
/// each record by the checks. Each violation is given to `sink` in order; where the schema is
/// broken nothing else of that record is. Usage error for what is no record at all.
ValidationReport validate_files(const std::filesystem::path& path,
                                const std::function<void(const Violation&)>& sink);

/// The checks of scope `submission` on a run folder (RULES.md, "Submitting"): what a published run
/// needs beyond consistent records.
ValidationReport validate_submission(const std::filesystem::path& folder,
                                     const std::function<void(const Violation&)>& sink);

/// Violations of a file that is no record (run.json, suite, preset, network) by its schema.
std::vector<Violation> validate_document(const Json& json);

}  // namespace jb::results
