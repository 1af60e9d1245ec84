#include "harness/cli/output_flags.h"

#include <CLI/CLI.hpp>
#include <map>
#include <set>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/progress.h"
#include "harness/cli/record_source.h"
#include "harness/suite.h"
#include "harness/workload_cache.h"

namespace jb::harness::cli {

namespace {

constexpr const char* kDefaultSuite = "default";

// --verbose: each lint once, with how many points it concerns.
void show_lints(const std::vector<results::Record>& records) {
  std::map<std::string, std::size_t> counts;
  for (const results::Record& record : records) {
    for (const results::Lint& lint : record.lints) ++counts[lint_text(lint)];
  }
  for (const auto& [text, count] : counts) {
    fmt::print(stderr, "{}",
               wrap(fmt::format("{} ({} {})", text, count, count == 1 ? "point" : "points"),
                    kDefaultWidth));
  }
}

}  // namespace

void add_run_flags(CLI::App& verb, RunFlags& flags) {
  add_point_flags(verb, flags.points, FlagUse::points);
  add_energy_flags(verb, flags.energy);
  constexpr const char* kGroup = "Output";
  verb.add_option("-o,--output", flags.directory, "folder for run.json and records.jsonl")
      ->type_name("DIR")
      ->group(kGroup);
  verb.add_flag("--json", flags.json, "records as JSON lines on stdout instead of the table")
      ->group(kGroup);
  verb.add_flag("--dry-run", flags.dry_run, "list the points and run none")->group(kGroup);
  verb.add_flag("--layers", flags.layers,
                "each layer of a network by itself: its rows in the ledger however many there are, "
                "its error also where telling it takes long")
      ->group(kGroup);
  verb.add_option("--progress", flags.progress, "auto, bar, plain or none (on stderr)")
      ->type_name("HOW")
      ->group(kGroup);
  verb.add_option("--color", flags.color, "auto, always or never; NO_COLOR is obeyed")
      ->type_name("WHEN")
      ->group(kGroup);
  verb.add_flag("-q,--quiet", flags.quiet, "no progress, no notes, no table: files and exit code")
      ->group(kGroup);
  verb.add_flag("-v,--verbose", flags.verbose, "notes on the records' reliability on stderr")
      ->group(kGroup);
  verb.add_flag("--strict", flags.strict, "exit 3 also when a point was not run")->group(kGroup);
  verb.add_option("--cache", flags.cache, "folder of trained weights; default: the user's cache")
      ->type_name("DIR")
      ->group(kGroup);
}

std::vector<PointSpec> requested_points(const RunFlags& flags, bool estimate,
                                        std::string& suite_name) {
  check_choice("--color", flags.color, {"auto", "always", "never"});
  progress_style_from(flags.progress, flags.quiet);
  std::vector<PointSpec> suite_points;
  const bool workload = names_workload(flags.points);
  if (!flags.suite.empty() && workload) {
    fail_usage("a suite names its own workloads; give the suite '{}' or a workload flag",
               flags.suite);
  }
  suite_name.clear();
  if (!workload) {
    Suite suite = load_suite(flags.suite.empty() ? kDefaultSuite : flags.suite);
    suite_name = suite.name;
    suite_points = std::move(suite.points);
    if (suite_points.empty()) fail_usage("the suite '{}' has no points", suite_name);
  }
  std::vector<PointSpec> points = make_points(flags.points, suite_points);
  for (PointSpec& point : points) {
    if (estimate) point.estimate = true;
  }
  check_runnable(points);
  return points;
}

std::shared_ptr<WorkloadCache> load_workloads(const std::vector<PointSpec>& points) {
  auto workloads = std::make_shared<WorkloadCache>();
  std::set<std::vector<std::string>> seen;
  for (const PointSpec& point : points) {
    if (point.op != Op::network || point.estimate) continue;
    if (point.dataset.empty()) continue;
    if (!seen.insert({point.network, point.onnx, point.dataset, point.data_dir}).second) continue;
    check_fits(*open_network(point), *workloads->dataset(point.dataset, point.data_dir));
  }
  return workloads;
}

void show_points(const std::vector<PointSpec>& points, bool json) {
  for (const PointSpec& point : points) {
    if (json) {
      print(Json{{"label", point_label(point)}, {"repro", repro_line(point)}}.dump() + "\n");
    } else {
      print(point_label(point) + "\n");
    }
  }
  if (!json) print(fmt::format("{} {}\n", points.size(), points.size() == 1 ? "point" : "points"));
}

void show_records(const std::vector<results::Record>& records, const RunFlags& flags) {
  if (flags.json) {
    for (const results::Record& record : records) print(results::to_json(record).dump() + "\n");
  } else if (!flags.quiet) {
    print(results::energy_table(records, table_style(flags.color)));
  }
  if (flags.verbose && !flags.quiet) show_lints(records);
}

int exit_code_of(const std::vector<results::Record>& records, bool strict) {
  const RunSummary summary = summarize(records);
  if (summary.failed > 0 || summary.ok == 0) return kSomeFailed;
  return strict && summary.not_run > 0 ? kSomeFailed : kDone;
}

}  // namespace jb::harness::cli
