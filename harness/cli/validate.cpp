// joulebench validate: schema, ledger, bounds and reporting rules of records; JSON Schemas of
// files.

#include "results/validate.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "results/json_schema.h"
#include "results/report/text_layout.h"

namespace jb::harness::cli {

namespace {

struct ValidateFlags {
  std::vector<std::string> results;
  std::string division;
  std::string schema;
  bool list = false;
  bool json = false;
  bool submission = false;
};

constexpr std::size_t kMostListed = 1000;  // violations; the rest is counted

/// A .json file that is no record: a run.json, suite, preset or network.
bool is_document(const std::filesystem::path& path) {
  std::error_code error;
  if (path.extension() != ".json" || !std::filesystem::is_regular_file(path, error)) return false;
  const Json json = read_json_file(path);
  const std::string schema = results::schema_of(json);
  return !schema.empty() && schema != "record";
}

class Validation {
 public:
  explicit Validation(const ValidateFlags& flags) : flags_(flags) {}

  int run() {
    if (!flags_.division.empty()) {
      check_choice("--division", flags_.division, {"measured", "modelled", "mixed"});
    }
    if (!results::schemas_available()) say(results::schemas_available().reason);
    for (const std::string& path : flags_.results) validate_path(path);
    check_division();
    if (flags_.json) {
      print(Json{{"records", total_.records},
                 {"division", results::name_of(total_.division())},
                 {"violations", std::move(all_)}}
                .dump(2, ' ', false, Json::error_handler_t::replace) +
            "\n");
    } else {
      if (total_.violations > kMostListed) {
        print(fmt::format("{} more\n", total_.violations - kMostListed));
      }
      print(fmt::format("{} records, {} broken rules\n", total_.records, total_.violations));
    }
    return total_.violations == 0 ? kDone : kWorse;
  }

 private:
  void validate_path(const std::string& path) {
    const auto sink = [&](const results::Violation& violation) { show(path, violation); };
    if (is_document(path)) {
      for (const results::Violation& v : results::validate_document(read_json_file(path))) {
        ++total_.violations;
        sink(v);
      }
      return;
    }
    const results::ValidationReport report = flags_.submission
                                                 ? results::validate_submission(path, sink)
                                                 : results::validate_files(path, sink);
    total_.records += report.records;
    total_.violations += report.violations;
    total_.measured += report.measured;
    total_.modelled += report.modelled;
  }

  void check_division() {
    if (flags_.division.empty() || flags_.division == results::name_of(total_.division())) return;
    ++total_.violations;
    show(flags_.results.front(),
         {"division", "",
          fmt::format("the records are of division {}, not {}.",
                      results::name_of(total_.division()), flags_.division)});
  }

  void show(const std::string& path, const results::Violation& violation) {
    if (shown_ == kMostListed) return;
    ++shown_;
    if (flags_.json) {
      all_.push_back({{"path", path},
                      {"rule", violation.rule},
                      {"record_id", violation.record_id},
                      {"text", violation.text}});
      return;
    }
    const std::string id = violation.record_id.empty() ? "" : violation.record_id + ": ";
    print(
        results::printable(fmt::format("{}: {}{}: {}", path, id, violation.rule, violation.text)) +
        "\n");
  }

  const ValidateFlags& flags_;
  results::ValidationReport total_;
  std::size_t shown_ = 0;
  Json all_ = Json::array();
};

int validate_results(const ValidateFlags& flags) {
  if (!flags.schema.empty()) {
    print(results::schema_text(flags.schema));
    return kDone;
  }
  if (flags.list) {
    for (const results::Check& check : results::checks()) {
      print(fmt::format("{}: {}\n", check.name, check.description));
    }
    return kDone;
  }
  if (flags.results.empty()) {
    fail_usage("the argument RESULTS is missing; see 'joulebench validate --help'");
  }
  return Validation(flags).run();
}

}  // namespace

void add_validate_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      add_verb(app, "validate", "checks records: schema, ledger, bounds, reporting rules",
               "joulebench validate joulebench-runs\n"
               "joulebench validate results/baselines/gate my-run/records.jsonl\n"
               "joulebench validate my-device.json my-suite.json my-run/run.json\n"
               "joulebench validate --submission my-run");
  const auto flags = std::make_shared<ValidateFlags>();
  verb->add_option("RESULTS", flags->results,
                   "records.jsonl files, run folders, folders of runs; or run.json, suite, preset "
                   "and network files");
  verb->add_flag("--submission", flags->submission,
                 "also what a published run needs (results/RULES.md, \"Submitting\")");
  verb->add_option("--division", flags->division,
                   "the division they must be of: measured, modelled or mixed")
      ->type_name("NAME");
  verb->add_flag("--list", flags->list, "name the checks and what they ask");
  verb->add_option("--schema", flags->schema,
                   "print a JSON Schema: record, run, suite, preset or network")
      ->type_name("NAME");
  verb->add_flag("--json", flags->json, "JSON instead of text");
  verb->callback([flags, &action] { action = [flags] { return validate_results(*flags); }; });
}

}  // namespace jb::harness::cli
