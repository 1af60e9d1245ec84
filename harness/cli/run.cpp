// joulebench run: executes points, prints the table, writes run.json and records.jsonl.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/output_flags.h"
#include "harness/cli/run_session.h"
#include "harness/run_folder.h"

namespace jb::harness::cli {

namespace {

struct SearchFlags {
  std::string accuracy;
  std::string error;
  std::string knob;
  std::string range;
  std::string inferences;
};

/// Everything that `joulebench run` takes.
struct RunCommand {
  RunFlags flags;
  SearchFlags search;
};

double share(const char* flag, const std::string& text) {
  double value = 0;
  if (!parse_number(text, value) || value <= 0 || value >= 1) {
    fail_usage("{}: '{}' is not a share between 0 and 1", flag, text);
  }
  return value;
}

/// An error of a network is 1 - accuracy; of a product, its relative Frobenius error.
void set_limit(const SearchFlags& flags, const std::vector<PointSpec>& points,
               SearchTarget& target) {
  if (flags.error.empty()) {
    target.limit = share("--target-accuracy", flags.accuracy);
    return;
  }
  const double error = share("--target-error", flags.error);
  bool networks = false;
  bool products = false;
  for (const PointSpec& point : points) (point.op == Op::network ? networks : products) = true;
  if (networks && products) {
    fail_usage(
        "--target-error means 1 - accuracy of networks and the relative error of products; search "
        "one kind at a time with --filter");
  }
  target.limit = products ? error : 1 - error;
  if (!products) return;
  target.quantity = "relative_error_frobenius";
  target.at_most = true;
}

std::optional<SearchTarget> search_of(const SearchFlags& flags,
                                      const std::vector<PointSpec>& points) {
  if (flags.accuracy.empty() && flags.error.empty()) {
    for (const auto& [flag, text] :
         {std::pair{"--target-knob", flags.knob}, std::pair{"--target-range", flags.range},
          std::pair{"--inferences", flags.inferences}}) {
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
  set_limit(flags, points, target);
  target.knob = flags.knob;
  if (!flags.range.empty()) {
    const std::size_t colon = flags.range.find(':');
    if (colon == std::string::npos || !parse_number(flags.range.substr(0, colon), target.low) ||
        !parse_number(flags.range.substr(colon + 1), target.high)) {
      fail_usage("--target-range: '{}' is not LOW:HIGH", flags.range);
    }
  }
  if (!flags.inferences.empty() &&
      (!parse_integer(flags.inferences, target.inferences) || target.inferences < 1)) {
    fail_usage("--inferences: '{}' is not a whole number from 1", flags.inferences);
  }
  return target;
}

/// Refused before anything is written.
void check_searches(const std::optional<SearchTarget>& target,
                    const std::vector<PointSpec>& points) {
  if (!target) return;
  for (const PointSpec& point : points) {
    if (point.estimate) fail_usage("a target needs results; an estimate computes none");
    const KnobSearch search(point, *target);
  }
}

void add_options(CLI::App& verb, RunCommand& command) {
  verb.add_option("SUITE", command.flags.suite,
                  "suite name or file; flags override its points; without a suite and without a "
                  "workload flag: the default suite");
  add_run_flags(verb, command.flags);
  add_metering_flags(verb, command.flags.energy);
  const auto add = [&](const char* name, std::string& out, const char* metavar, const char* help) {
    verb.add_option(name, out, help)->type_name(metavar)->group("Search");
  };
  SearchFlags& search = command.search;
  add("--target-accuracy", search.accuracy, "X",
      "find the setting of the knob with the least J/MAC that reaches this top-1 accuracy");
  add("--target-error", search.error, "X",
      "the same with an error that must not be exceeded: 1 - accuracy of a network, the relative "
      "Frobenius error of a product");
  add("--target-knob", search.knob, "KEY",
      "device parameter (n_mac, adc.bits, ...), precision, or calibrate (the interval); default: "
      "n_mac, adc.bits or precision, whichever the device has");
  add("--target-range", search.range, "LOW:HIGH",
      "where to search; default: 10^4 below to 10^4 above the device's value");
  add("--inferences", search.inferences, "N",
      "samples that set-up and calibration energy are spread over; default 10000");
}

/// The command that started a run, with what is said now about output.
RunCommand started_command(const RunCommand& now) {
  RunCommand started;
  CLI::App app;
  app.allow_extras();
  add_options(app, started);
  std::vector<std::string> words = arguments_of_run(now.flags, "run");
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::ParseError&) {
    fail_usage("--resume: this version does not understand the command in '{}'; give its flags too",
               now.flags.resume);
  }
  keep_output_flags(now.flags, started.flags);
  return started;
}

int run(const RunCommand& given, const std::vector<std::string>& words) {
  const RunCommand command = resumes_as_started(given.flags) ? started_command(given) : given;
  const RunFlags& flags = command.flags;
  Requested requested = requested_points(flags, false);
  const std::vector<PointSpec> mine = requested.of_shard();
  RunRequest request;
  request.search = search_of(command.search, requested.points);
  check_searches(request.search, mine);
  if (flags.dry_run) {
    show_points(mine, flags.json);
    return kDone;
  }
  set_folder(flags, request);
  set_timing(flags, request.options);
  request.points = std::move(requested.points);
  request.suite = requested.suite;
  request.shard = requested.shard;
  request.checked = true;
  request.command = words;
  request.options.cache_dir = flags.cache;
  request.options.layers = flags.layers;
  const std::shared_ptr<Metering> metering = metering_of(flags.energy, mine);
  request.options.metering = metering;
  request.options.workloads = load_workloads(mine);
  return run_session(request, flags, metering);
}

}  // namespace

void add_run_verb(CLI::App& app, VerbAction& action, const std::vector<std::string>& command) {
  CLI::App* verb =
      add_verb(app, "run", "executes points, prints the table, writes the records",
               "joulebench run\n"
               "joulebench run --backend crossbar --age 86400\n"
               "joulebench run --backend onednn,photonic --gemm 64,100,784 -o my-run\n"
               "joulebench run --backend photonic --gemm 1,9,9 -a 'n_mac[pow2]=6:12:2'\n"
               "joulebench run --resume my-run\n"
               "joulebench run sweep.json --shard auto -o shard-$SLURM_ARRAY_TASK_ID\n"
               "joulebench run --network mlp-784-100-10 --dataset mnist --data DIR\n"
               "joulebench run --network lenet5 --map 'conv*=crossbar,fc*=photonic,*=onednn'\n"
               "joulebench run --onnx model.onnx --backend systolic --batch 8\n"
               "joulebench run --backend onednn --gemm 1024,1024,1024 --require-energy measured\n"
               "joulebench run --backend photonic --device hamerly2019-sql --network "
               "mlp-784-100-10 --target-error 0.1");
  const auto flags = std::make_shared<RunCommand>();
  add_options(*verb, *flags);
  verb->callback(
      [flags, command, &action] { action = [flags, command] { return run(*flags, command); }; });
}

}  // namespace jb::harness::cli
