// joulebench compare: regression check between two sets of records, joined on point_id.

#include "results/compare.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "results/journal.h"

namespace jb::harness::cli {

namespace {

struct CompareFlags {
  std::string base;
  std::string now;
  std::string gate = "none";
  bool strict = false;
};

results::Gate gate_of(const std::string& name) {
  check_choice("--gate", name, {"none", "model", "pin"});
  const std::optional<results::Gate> gate = results::gate_from(name);
  if (!gate) fail_internal("no gate '{}'", name);
  return *gate;
}

int compare_results(const CompareFlags& flags) {
  const results::Gate gate = gate_of(flags.gate);
  const std::vector<results::Record> base = results::load_results(flags.base);
  const std::vector<results::Record> now = results::load_results(flags.now);
  const results::Comparison comparison = results::compare(base, now, gate);
  print(results::describe(comparison));
  if (comparison.failed()) return kWorse;
  if (comparison.points_compared == 0) {
    say("inconclusive: the two have no point in common");
    if (flags.strict) return kInconclusive;
  }
  return kDone;
}

}  // namespace

void add_compare_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      add_verb(app, "compare", "regression check between runs, folders of runs or baselines",
               "joulebench compare results/baselines/gate my-run --gate pin\n"
               "joulebench compare old-run new-run");
  const auto flags = std::make_shared<CompareFlags>();
  verb->add_option("BASE", flags->base, "records.jsonl, run folder or folder of runs")->required();
  verb->add_option("NEW", flags->now, "the same")->required();
  verb->add_option("--gate", flags->gate,
                   "none: only list; model: exit 1 for modelled points that got worse or went "
                   "missing; pin: for any modelled number that moved under the same versions")
      ->type_name("GATE");
  verb->add_flag("--strict", flags->strict, "exit 5 when nothing could be compared");
  verb->callback([flags, &action] { action = [flags] { return compare_results(*flags); }; });
}

}  // namespace jb::harness::cli
