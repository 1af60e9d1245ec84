#include "harness/cli/output_flags.h"

#include <CLI/CLI.hpp>
#include <map>
#include <set>

#include "backends/core/error.h"
#include "backends/core/text.h"
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
  verb.add_option("--resume", flags.resume,
                  "go on with the interrupted run in DIR; without other flags: with its own")
      ->type_name("DIR")
      ->group(kGroup);
  verb.add_flag("--force", flags.force, "replace a run that lies in the folder of -o")
      ->group(kGroup);
  verb.add_option(
          "--shard", flags.shard,
          "run every n-th point: i/n (i from 0 or 1), or auto for Slurm arrays and MPI ranks")
      ->type_name("i/n|auto")
      ->group("Sweep");
  const auto measured = [&](const char* name, std::string& out, const char* metavar,
                            const char* help) {
    verb.add_option(name, out, help)->type_name(metavar)->group("Measured points");
  };
  measured("--repetitions", flags.repetitions, "N", "timed repetitions, at least; default 6");
  measured("--min-time", flags.min_time, "S", "of each repetition; default 0.1");
  measured("--max-time", flags.max_time, "S",
           "of all repetitions: more are taken until the interval is narrow or the noise stable; "
           "default 1");
  measured("--rel-ci", flags.narrow, "SHARE",
           "half width of the median's interval that is narrow enough; 0: --repetitions are all; "
           "default 0.01");
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

void set_timing(const RunFlags& flags, RunOptions& options) {
  constexpr std::int64_t kMostRepetitions = 100000;
  constexpr double kLongest_s = 86400;
  const auto number = [](const char* flag, const std::string& text, double most, double& out) {
    if (text.empty()) return;
    if (!parse_number(text, out) || out < 0 || out > most) {
      fail_usage("{}: '{}' is not a number from 0 to {}", flag, text, most);
    }
  };
  std::int64_t repetitions = options.repetitions;
  if (!flags.repetitions.empty() && (!parse_integer(flags.repetitions, repetitions) ||
                                     repetitions < 1 || repetitions > kMostRepetitions)) {
    fail_usage("--repetitions: '{}' is not a whole number from 1 to {}", flags.repetitions,
               kMostRepetitions);
  }
  options.repetitions = static_cast<int>(repetitions);
  number("--min-time", flags.min_time, kLongest_s, options.min_time_s);
  number("--max-time", flags.max_time, kLongest_s, options.max_time_s);
  number("--rel-ci", flags.narrow, 1, options.narrow);
}

std::vector<PointSpec> Requested::of_shard() const {
  if (shard.whole()) return points;
  std::vector<PointSpec> mine;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (shard.takes(i)) mine.push_back(points[i]);
  }
  return mine;
}

Requested requested_points(const RunFlags& flags, bool estimate) {
  check_choice("--color", flags.color, {"auto", "always", "never"});
  progress_style_from(flags.progress, flags.quiet);
  std::vector<PointSpec> suite_points;
  const bool workload = names_workload(flags.points);
  if (!flags.suite.empty() && workload) {
    fail_usage("a suite names its own workloads; give the suite '{}' or a workload flag",
               flags.suite);
  }
  Requested requested;
  if (!flags.shard.empty()) requested.shard = shard_from(flags.shard);
  if (!workload) {
    Suite suite = load_suite(flags.suite.empty() ? kDefaultSuite : flags.suite);
    requested.suite = suite.name;
    suite_points = std::move(suite.points);
    if (suite_points.empty()) fail_usage("the suite '{}' has no points", requested.suite);
  }
  requested.points = make_points(flags.points, suite_points);
  for (PointSpec& point : requested.points) {
    if (estimate) point.estimate = true;
  }
  check_runnable(requested.of_shard());
  return requested;
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

void show_records(const std::vector<results::Record>& records, const RunFlags& flags) {
  if (flags.json) {
    for (const results::Record& record : records) print(results::to_json(record).dump() + "\n");
  } else if (!flags.quiet) {
    print(results::energy_table(records, table_style(flags.color)));
  }
  if (flags.verbose && !flags.quiet) show_lints(records);
}

int exit_code_of(const std::vector<results::Record>& records, bool strict) {
  return exit_code_of(summarize(records), strict);
}

int exit_code_of(const RunSummary& summary, bool strict) {
  if (summary.failed > 0 || summary.ok == 0) return kSomeFailed;
  return strict && summary.not_run > 0 ? kSomeFailed : kDone;
}

}  // namespace jb::harness::cli
