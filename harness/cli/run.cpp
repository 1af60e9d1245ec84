// joulebench run: executes points, prints the table, writes run.json and records.jsonl.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/output_flags.h"
#include "harness/cli/progress.h"
#include "harness/run_folder.h"

namespace jb::harness::cli {

namespace {

int run(const RunFlags& flags, const std::vector<std::string>& command) {
  RunRequest request;
  request.points = requested_points(flags, false, request.suite);
  if (flags.dry_run) {
    show_points(request.points, flags.json);
    return kDone;
  }
  request.command = command;
  request.directory = flags.directory;
  request.options.cache_dir = flags.cache;
  request.options.layers = flags.layers;
  request.options.workloads = load_workloads(request.points);
  ProgressDisplay progress(progress_style_from(flags.progress, flags.quiet));
  RunResult result;
  {
    const InterruptGuard guard;
    result = run_into_folder(request, [&progress, &guard](const RunProgress& now) {
      progress.update(now);
      return !guard.interrupted();
    });
    progress.finish();
  }
  show_records(result.records, flags);
  flush_output();
  if (result.interrupted) {
    say(fmt::format("interrupted: {} of {} points are in {}", result.records.size(),
                    request.points.size(), result.directory.string()));
    return kInterrupted;
  }
  if (!flags.quiet) say(fmt::format("wrote {}", result.directory.string()));
  return exit_code_of(result.records, flags.strict);
}

}  // namespace

void add_run_verb(CLI::App& app, VerbAction& action, const std::vector<std::string>& command) {
  CLI::App* verb =
      add_verb(app, "run", "executes points, prints the table, writes the records",
               "joulebench run\n"
               "joulebench run --backend crossbar --age 86400\n"
               "joulebench run --backend onednn,photonic --gemm 64,100,784 -o my-run\n"
               "joulebench run --backend photonic --gemm 1,9,9 -a 'n_mac[pow2]=6:12:2'\n"
               "joulebench run --network mlp-784-100-10 --dataset mnist --data DIR\n"
               "joulebench run --network lenet5 --map 'conv*=crossbar,fc*=photonic,*=onednn'\n"
               "joulebench run --onnx model.onnx --backend systolic --batch 8");
  const auto flags = std::make_shared<RunFlags>();
  verb->add_option("SUITE", flags->suite,
                   "suite name or file; flags override its points; without a suite and without a "
                   "workload flag: the default suite");
  add_run_flags(*verb, *flags);
  verb->callback(
      [flags, command, &action] { action = [flags, command] { return run(*flags, command); }; });
}

}  // namespace jb::harness::cli
