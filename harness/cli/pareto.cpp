// joulebench pareto: the front of J/MAC against error over all machines.

#include "results/pareto.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "results/journal.h"

namespace jb::harness::cli {

namespace {

struct ParetoFlags {
  std::vector<std::string> results;
  std::string boundary = "B2";
  bool json = false;
};

Json to_json(const std::vector<results::ParetoFront>& fronts) {
  Json all = Json::array();
  for (const results::ParetoFront& front : fronts) {
    Json rows = Json::array();
    for (const results::ParetoRow& row : front.rows) {
      rows.push_back({{"machine", row.label},
                      {"record_id", row.record_id},
                      {"energy_J_per_mac", row.energy_J_per_mac},
                      {"energy_ci", {row.energy_low, row.energy_high}},
                      {"error", row.error},
                      {"error_ci", {row.error_low, row.error_high}},
                      {"provenance", name_of(row.provenance)},
                      {"on_front", row.on_front},
                      {"front_probability", row.front_probability}});
    }
    all.push_back({{"workload", front.group}, {"error", front.quality}, {"rows", rows}});
  }
  return all;
}

int pareto(const ParetoFlags& flags) {
  const auto boundary = boundary_from(flags.boundary);
  if (!boundary) fail_usage("--boundary: '{}' is not B0, B1, B2, B3, B4 or B5", flags.boundary);
  std::vector<results::Record> records;
  for (const std::string& path : flags.results) {
    for (results::Record& record : results::load_results(path)) {
      record.setup_ledger.clear();
      record.setup_ledger.shrink_to_fit();
      records.push_back(std::move(record));
    }
  }
  const std::vector<results::ParetoFront> fronts = results::pareto_fronts(records, *boundary);
  if (fronts.empty()) {
    fail_usage("none of the {} records has both an error and an energy at {}; try --boundary B1",
               records.size(), flags.boundary);
  }
  print(flags.json ? to_json(fronts).dump(2) + "\n"
                   : results::describe(fronts, *boundary, terminal_width()));
  return kDone;
}

}  // namespace

void add_pareto_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      add_verb(app, "pareto", "J/MAC against error over all machines, and who is on the front",
               "joulebench pareto my-run\n"
               "joulebench pareto run-1 run-2 --boundary B1 --json");
  const auto flags = std::make_shared<ParetoFlags>();
  verb->add_option("RESULTS", flags->results, "records.jsonl files, run folders, folders of runs")
      ->required();
  verb->add_option("--boundary", flags->boundary, "B0 to B5; default B2")->type_name("Bx");
  verb->add_flag("--json", flags->json, "JSON instead of text");
  verb->callback([flags, &action] { action = [flags] { return pareto(*flags); }; });
}

}  // namespace jb::harness::cli
