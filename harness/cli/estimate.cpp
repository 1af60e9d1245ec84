// joulebench estimate: counts and prices without computing, for sizes that nobody could compute.

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/output_flags.h"
#include "harness/cli/progress.h"
#include "harness/cli/record_source.h"
#include "harness/cli/scale.h"

namespace jb::harness::cli {

namespace {

struct EstimateFlags {
  RunFlags run;
  std::string statistics;  // record whose operand statistics are taken
  ScaleFlags scale;
};

std::vector<results::Record> estimate_into_folder(const RunFlags& flags, const std::string& suite,
                                                  const std::vector<PointSpec>& points,
                                                  const std::vector<std::string>& command) {
  RunRequest request;
  request.points = points;
  request.suite = suite;
  request.command = command;
  request.directory = flags.directory;
  request.options.cache_dir = flags.cache;
  const RunResult result = run_into_folder(request, [](const RunProgress&) { return true; });
  if (!flags.quiet) say(fmt::format("wrote {}", result.directory.string()));
  return result.records;
}

int estimate(const EstimateFlags& flags, const std::vector<std::string>& command) {
  refuse_meter(flags.run.energy,
               "an estimate computes nothing that a meter could tell; use "
               "'joulebench run'");
  if (flags.scale.asked()) {
    if (!flags.statistics.empty()) fail_usage("--stats goes with --gemm, --conv and --shape");
    return estimate_at_scale(flags.scale, flags.run);
  }
  check_unused(flags.scale);
  std::string suite;
  const std::vector<PointSpec> points = requested_points(flags.run, true, suite);
  if (flags.run.dry_run) {
    show_points(points, flags.run.json);
    return kDone;
  }
  std::optional<OperandStatistics> statistics;
  if (!flags.statistics.empty()) {
    if (!flags.run.directory.empty()) {
      fail_usage(
          "--stats and -o do not go together: a run folder must be repeatable from its own "
          "points; keep the records with --json > FILE");
    }
    statistics = statistics_of(load_one_record(flags.statistics, ""));
  }
  std::vector<results::Record> records;
  if (!flags.run.directory.empty()) {
    records = estimate_into_folder(flags.run, suite, points, command);
  } else {
    RunOptions options;
    options.cache_dir = flags.run.cache;
    options.run_id = make_run_id(points);
    for (const PointSpec& point : points) {
      records.push_back(estimate_point(point, options, statistics ? &*statistics : nullptr));
    }
  }
  show_records(records, flags.run);
  return exit_code_of(records, flags.run.strict);
}

}  // namespace

void add_estimate_verb(CLI::App& app, VerbAction& action, const std::vector<std::string>& command) {
  CLI::App* verb =
      add_verb(app, "estimate", "counts and prices without computing: any size",
               "joulebench estimate --backend crossbar,photonic --gemm 65536,16384,16384\n"
               "joulebench estimate --backend systolic --shape alexnet-conv1 -o my-estimate\n"
               "joulebench estimate --backend crossbar --gemm 64,100,784 --stats RECORD.json\n"
               "joulebench estimate --training bert-base --as strubell2019 --backend all\n"
               "joulebench estimate --service bert-base --queries-per-day 1e6 --backend all\n"
               "joulebench estimate --training decoder:layers=128,width=25600,heads=160 "
               "--steps 5e4 --batch 3072 --devices 3072 --backend cublas --device h100");
  const auto flags = std::make_shared<EstimateFlags>();
  verb->add_option("SUITE", flags->run.suite,
                   "suite name or file; default without a workload flag: the default suite");
  add_run_flags(*verb, flags->run);
  verb->add_option("--stats", flags->statistics,
                   "record of a run whose operand statistics are taken (default: normal data)")
      ->type_name("RECORD")
      ->group("Workload");
  add_scale_flags(*verb, flags->scale);
  verb->callback([flags, command, &action] {
    action = [flags, command] { return estimate(*flags, command); };
  });
}

}  // namespace jb::harness::cli
