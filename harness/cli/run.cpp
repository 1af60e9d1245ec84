// joulebench run: executes points, prints the table, writes run.json and records.jsonl.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/output_flags.h"
#include "harness/cli/progress.h"
#include "harness/run_folder.h"

namespace jb::harness::cli {

namespace {

struct SearchFlags {
  std::string accuracy;
  std::string error;
  std::string knob;
  std::string range;
};

double share(const char* flag, const std::string& text) {
  double value = 0;
  if (!parse_number(text, value) || value <= 0 || value >= 1) {
    fail_usage("{}: '{}' is not a share between 0 and 1", flag, text);
  }
  return value;
}

std::optional<SearchTarget> search_of(const SearchFlags& flags) {
  if (flags.accuracy.empty() && flags.error.empty()) {
    for (const auto& [flag, text] :
         {std::pair{"--target-knob", flags.knob}, std::pair{"--target-range", flags.range}}) {
      if (!text.empty()) {
        fail_usage("{} goes with --target-accuracy or --target-error", flag);
      }
    }
    return std::nullopt;
  }
  if (!flags.accuracy.empty() && !flags.error.empty()) {
    fail_usage("--target-accuracy and --target-error say the same thing; give one of them");
  }
  SearchTarget target;
  target.least = flags.error.empty() ? share("--target-accuracy", flags.accuracy)
                                     : 1 - share("--target-error", flags.error);
  if (!flags.knob.empty()) target.knob = flags.knob;
  if (!flags.range.empty()) {
    const std::size_t colon = flags.range.find(':');
    if (colon == std::string::npos || !parse_number(flags.range.substr(0, colon), target.low) ||
        !parse_number(flags.range.substr(colon + 1), target.high)) {
      fail_usage("--target-range: '{}' is not LOW:HIGH", flags.range);
    }
  }
  return target;
}

int run(const RunFlags& flags, const SearchFlags& search, const std::vector<std::string>& command) {
  RunRequest request;
  request.search = search_of(search);
  request.points = requested_points(flags, false, request.suite);
  if (flags.dry_run) {
    show_points(request.points, flags.json);
    return kDone;
  }
  request.command = command;
  request.directory = flags.directory;
  request.options.cache_dir = flags.cache;
  request.options.layers = flags.layers;
  const std::shared_ptr<Metering> metering = metering_of(flags.energy, request.points);
  request.options.metering = metering;
  request.options.workloads = load_workloads(request.points);
  ProgressDisplay progress(progress_style_from(flags.progress, flags.quiet));
  RunResult result;
  {
    const InterruptGuard guard;
    if (metering) metering->stop = [&guard] { return guard.interrupted(); };
    result = run_into_folder(request, [&progress, &guard](const RunProgress& now) {
      progress.update(now);
      return !guard.interrupted();
    });
    progress.finish();
  }
  show_records(result.records, flags);
  flush_output();
  for (const std::string& found : result.searches) say(found);
  if (result.interrupted) {
    say(fmt::format("interrupted: {} of {} points are in {}", result.records.size(),
                    request.points.size(), result.directory.string()));
    return kInterrupted;
  }
  if (!flags.quiet) say(fmt::format("wrote {}", result.directory.string()));
  check_measured(flags.energy, result.records);
  const int code = exit_code_of(result.records, flags.strict);
  return code == kDone && result.target_missed ? kSomeFailed : code;
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
               "joulebench run --onnx model.onnx --backend systolic --batch 8\n"
               "joulebench run --backend onednn --gemm 1024,1024,1024 --require-energy measured\n"
               "joulebench run --backend photonic --device hamerly2019-sql --network "
               "mlp-784-100-10 --target-error 0.1");
  const auto flags = std::make_shared<RunFlags>();
  verb->add_option("SUITE", flags->suite,
                   "suite name or file; flags override its points; without a suite and without a "
                   "workload flag: the default suite");
  add_run_flags(*verb, *flags);
  add_metering_flags(*verb, flags->energy);
  const auto search = std::make_shared<SearchFlags>();
  const auto add = [&](const char* name, std::string& out, const char* metavar, const char* help) {
    verb->add_option(name, out, help)->type_name(metavar)->group("Search");
  };
  add("--target-accuracy", search->accuracy, "X",
      "find the least setting of the knob that reaches this top-1 accuracy");
  add("--target-error", search->error, "X", "the same, as an error: 1 - accuracy");
  add("--target-knob", search->knob, "KEY", "device parameter to search over; default n_mac");
  add("--target-range", search->range, "LOW:HIGH",
      "where to search; default: 10^4 below to 10^4 above the device's value");
  verb->callback([flags, search, command, &action] {
    action = [flags, search, command] { return run(*flags, *search, command); };
  });
}

}  // namespace jb::harness::cli
