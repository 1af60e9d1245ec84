// joulebench estimate: counts and prices without computing, for sizes that nobody could compute.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/output_flags.h"
#include "harness/cli/record_source.h"
#include "harness/cli/run_session.h"
#include "harness/cli/scale.h"

namespace jb::harness::cli {

namespace {

struct EstimateFlags {
  RunFlags run;
  std::string statistics;  // record whose operand statistics are taken
  ScaleFlags scale;
};

void add_options(CLI::App& verb, EstimateFlags& flags) {
  verb.add_option("SUITE", flags.run.suite,
                  "suite name or file; default without a workload flag: the default suite");
  add_run_flags(verb, flags.run);
  verb.add_option("--stats", flags.statistics,
                  "record of a run whose operand statistics are taken (default: those that the "
                  "operands are "
                  "expected to have)")
      ->type_name("RECORD")
      ->group("Workload");
  add_scale_flags(verb, flags.scale);
}

/// The command that started a run of estimates, with what is said now about output.
EstimateFlags started_command(const EstimateFlags& now) {
  EstimateFlags started;
  CLI::App app;
  app.allow_extras();
  add_options(app, started);
  std::vector<std::string> words = arguments_of_run(now.run, "estimate");
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::ParseError&) {
    fail_usage("--resume: this version does not understand the command in '{}'; give its flags too",
               now.run.resume);
  }
  keep_output_flags(now.run, started.run);
  return started;
}

int estimate_into_folder(const RunFlags& flags, Requested&& requested,
                         const std::vector<std::string>& command) {
  RunRequest request;
  set_folder(flags, request);
  request.points = std::move(requested.points);
  request.suite = requested.suite;
  request.shard = requested.shard;
  request.checked = true;
  request.command = command;
  request.options.cache_dir = flags.cache;
  return run_session(request, flags);
}

int estimate(const EstimateFlags& given, const std::vector<std::string>& command) {
  refuse_meter(given.run.energy,
               "an estimate computes nothing that a meter could tell; use "
               "'joulebench run'");
  if (given.scale.asked()) {
    if (!given.statistics.empty()) {
      fail_usage(
          "--stats goes with the points of a run (--gemm, --conv, --shape, --network, --onnx), not "
          "with --training and --service, whose networks no run has computed");
    }
    return estimate_at_scale(given.scale, given.run);
  }
  check_unused(given.scale);
  const EstimateFlags flags = resumes_as_started(given.run) ? started_command(given) : given;
  Requested requested = requested_points(flags.run, true);
  const std::vector<PointSpec> points = requested.of_shard();
  if (flags.run.dry_run) {
    show_points(points, flags.run.json);
    return kDone;
  }
  const bool folder = !flags.run.directory.empty() || !flags.run.resume.empty();
  if (folder) {
    if (!flags.statistics.empty()) {
      fail_usage(
          "--stats and -o do not go together: a run folder must be repeatable from its own "
          "points; keep the records with --json > FILE");
    }
    return estimate_into_folder(flags.run, std::move(requested), command);
  }
  std::optional<GivenStatistics> statistics;
  if (!flags.statistics.empty()) {
    statistics = statistics_of(load_one_record(flags.statistics, ""));
  }
  RunOptions options;
  options.cache_dir = flags.run.cache;
  options.run_id = make_run_id(points);
  std::vector<results::Record> records;
  for (const PointSpec& point : points) {
    records.push_back(estimate_point(point, options, statistics ? &*statistics : nullptr));
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
  add_options(*verb, *flags);
  verb->callback([flags, command, &action] {
    action = [flags, command] { return estimate(*flags, command); };
  });
}

}  // namespace jb::harness::cli
