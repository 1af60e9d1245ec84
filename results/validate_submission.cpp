// What a published run needs beyond consistent records (RULES.md, "Submitting").

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "backends/core/error.h"
#include "results/journal.h"
#include "results/json_schema.h"
#include "results/label.h"
#include "results/validate.h"

namespace jb::results {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLeastSamples = 5;

using Sink = std::function<void(const Violation&)>;

/// Questions of declaration.json: what no file can prove.
constexpr std::array<std::string_view, 8> kDeclared{
    "submitter", "licence",        "hardware_availability", "power_management",
    "ambient",   "device_sharing", "modelled_components",   "carbon"};

class Submission {
 public:
  Submission(const fs::path& folder, const Sink& sink) : folder_(folder), sink_(sink) {}

  std::size_t check() {
    std::error_code error;
    if (!fs::is_directory(folder_, error)) {
      fail_usage("--submission: '{}' is no run folder", folder_.string());
    }
    check_run();
    check_declaration();
    for (const fs::path& file : record_files(folder_)) {
      read_journal(file, [this](Record&& record) { check_record(record); });
    }
    if (expected_ >= 0 && records_ < expected_) {
      add("run", "",
          fmt::format("{} of {} points have no record: finish it with --resume.",
                      expected_ - records_, expected_));
    }
    return found_;
  }

 private:
  void add(const char* rule, const std::string& id, std::string text) {
    ++found_;
    sink_({rule, id, std::move(text)});
  }

  void check_run() {
    std::error_code error;
    const fs::path file = folder_ / "run.json";
    if (!fs::exists(file, error)) return add("run", "", "run.json is missing.");
    const Json run = read_json_file(file);
    if (const auto broken = JsonSchema("run").error_in(run)) {
      return add("run", "", "run.json: " + *broken + ".");
    }
    if (point_text(run, "status") != "done") {
      add("run", "", fmt::format("the run is '{}', not done.", point_text(run, "status")));
    }
    const auto points = run.find("points");
    if (points != run.end() && points->is_number_integer()) {
      expected_ = points->get<std::int64_t>();
    }
    for (const char* key : {"build", "libraries", "tables_hash", "host", "findings"}) {
      if (!run.contains(key) || run[key].is_null()) {
        add("environment", "", fmt::format("run.json does not hold '{}'.", key));
      }
    }
    if (run.contains("build") && point_text(run["build"], "build_type") == "Debug") {
      add("environment", "", "the program was built for debugging; build it for release.");
    }
  }

  void check_declaration() {
    std::error_code error;
    const fs::path file = folder_ / "declaration.json";
    if (!fs::exists(file, error)) {
      return add("declaration", "", "declaration.json is missing (results/RULES.md shows one).");
    }
    const Json declared = read_json_file(file);
    for (const std::string_view key : kDeclared) {
      if (point_text(declared, std::string(key).c_str()).empty()) {
        add("declaration", "", fmt::format("declaration.json does not answer '{}'.", key));
      }
    }
  }

  void check_record(const Record& record) {
    ++records_;
    const std::string& id = record.record_id;
    if (record.repro.empty()) add("repro", id, "the record does not say how to make it again.");
    if (record.status != Status::ok) return;
    const bool computed = point_text(record.point, "estimate") != "true";
    const std::string op = point_text(record.point, "op");
    if (computed && (op == "gemm" || op == "conv2d") && record.find("max_abs_error") == nullptr) {
      add("accuracy", id, "the point computed and does not carry its error against float64.");
    }
    if (computed && op == "network" && record.point.contains("dataset") &&
        record.find("accuracy_top1_frac") == nullptr) {
      add("accuracy", id, "the point ran on a data set and does not carry its accuracy.");
    }
    check_quantities(record);
    for (const auto* rows : {&record.ledger, &record.setup_ledger}) {
      for (const RecordRow& row : *rows) {
        if (!row.constant.empty() && !row.cls.empty() && !row.source.empty()) continue;
        add("source", id,
            fmt::format("row {}/{} lacks constant, class or source.", row.component, row.action));
        break;
      }
    }
  }

  void check_quantities(const Record& record) {
    const bool uncertain =
        std::any_of(record.ledger.begin(), record.ledger.end(),
                    [](const RecordRow& row) { return row.cls != "exact" && row.energy_J > 0; });
    for (const auto& [name, q] : record.quantities) {
      if (q.source.empty()) {
        add("source", record.record_id, fmt::format("{} names no source.", name));
      }
      const bool energy = name.rfind("energy_B", 0) == 0;
      if (energy && uncertain && q.provenance == Provenance::modelled && !q.ci_low) {
        add("uncertainty", record.record_id, fmt::format("{} carries no interval.", name));
      }
      if (name == "device_time_s" && q.provenance == Provenance::measured && q.n < kLeastSamples) {
        add("repeats", record.record_id,
            fmt::format("device_time_s rests on {} samples; {} are needed.", q.n, kLeastSamples));
      }
    }
  }

  fs::path folder_;
  const Sink& sink_;
  std::size_t found_ = 0;
  std::int64_t expected_ = -1;
  std::int64_t records_ = 0;
};

}  // namespace

ValidationReport validate_submission(const fs::path& folder, const Sink& sink) {
  ValidationReport report = validate_files(folder, sink);
  report.violations += Submission(folder, sink).check();
  return report;
}

}  // namespace jb::results
