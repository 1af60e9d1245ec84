// joulebench validate: schema, ledger, bounds and reporting rules of records.

#include "results/validate.h"

#include <CLI/CLI.hpp>
#include <iterator>
#include <memory>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "results/journal.h"

namespace jb::harness::cli {

namespace {

struct ValidateFlags {
  std::vector<std::string> results;
  bool json = false;
};

int validate_results(const ValidateFlags& flags) {
  std::size_t records = 0;
  std::size_t broken = 0;
  Json all = Json::array();
  for (const std::string& path : flags.results) {
    const std::vector<results::Record> loaded = results::load_results(path);
    records += loaded.size();
    for (const results::Violation& violation : results::validate(loaded)) {
      ++broken;
      all.push_back({{"path", path},
                     {"rule", violation.rule},
                     {"record_id", violation.record_id},
                     {"text", violation.text}});
      if (!flags.json) {
        print(fmt::format("{}: {}: {}: {}\n", path, violation.record_id, violation.rule,
                          violation.text));
      }
    }
  }
  if (flags.json) {
    print(Json{{"records", records}, {"violations", std::move(all)}}.dump(2) + "\n");
  } else {
    print(fmt::format("{} records, {} broken rules\n", records, broken));
  }
  return broken == 0 ? kDone : kWorse;
}

}  // namespace

void add_validate_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      add_verb(app, "validate", "checks records: schema, ledger, bounds, reporting rules",
               "joulebench validate joulebench-runs\n"
               "joulebench validate results/baselines/gate my-run/records.jsonl");
  const auto flags = std::make_shared<ValidateFlags>();
  verb->add_option("RESULTS", flags->results, "records.jsonl files, run folders, folders of runs")
      ->required();
  verb->add_flag("--json", flags->json, "JSON instead of text");
  verb->callback([flags, &action] { action = [flags] { return validate_results(*flags); }; });
}

}  // namespace jb::harness::cli
