// joulebench conformance: ONNX's backend tests on one backend.

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/energy_flags.h"
#include "harness/cli/output.h"
#include "harness/cli/point_flags.h"
#include "harness/conformance.h"
#include "models/onnx/onnx.h"

namespace jb::harness::cli {

namespace {

struct ConformanceFlags {
  PointFlags points;
  EnergyFlags energy;
  std::vector<std::string> folders;
  std::string relative;
  std::string absolute;
  bool quiet = false;
  bool json = false;
};

void set_tolerance(double& tolerance, const std::string& flag, const std::string& text) {
  if (text.empty()) return;
  if (!parse_number(text, tolerance) || tolerance < 0) {
    fail_usage("{}: '{}' is no tolerance, a number of 0 or more", flag, text);
  }
}

const char* word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "PASS";
    case Verdict::fail:
      return "FAIL";
    case Verdict::skip:
      return "SKIP";
  }
  fail_internal("unknown verdict");
}

void print_case(const CaseResult& result, const ConformanceFlags& flags) {
  if (flags.json) {
    const Json line = {
        {"name", result.name}, {"verdict", word_of(result.verdict)}, {"reason", result.reason}};
    print(line.dump() + "\n");
  } else if (!flags.quiet) {
    const std::string reason = result.reason.empty() ? "" : ": " + result.reason;
    print(fmt::format("{} {}{}\n", word_of(result.verdict), result.name, reason));
  }
  flush_output();
}

int conformance(const ConformanceFlags& flags) {
  refuse_meter(flags.energy,
               "conformance tests compare outputs and run each model once, too short for a meter; "
               "use 'joulebench infer' with its inputs, or 'joulebench run --onnx'");
  if (const Support onnx = models::onnx_support(); !onnx) fail_usage("{}", onnx.reason);
  Tolerance tolerance;
  set_tolerance(tolerance.relative, "--rtol", flags.relative);
  set_tolerance(tolerance.absolute, "--atol", flags.absolute);
  const PointSpec point = one_machine_point(flags.points);
  std::vector<std::filesystem::path> cases;
  for (const std::string& folder : flags.folders) {
    for (const auto& found : find_cases(folder)) cases.push_back(found);
  }
  InferenceMachine machine(point);
  if (const Support here = machine.available(); !here) {
    say(fmt::format("unavailable: {}", here.reason));
    return kSomeFailed;
  }
  std::int64_t passed = 0;
  std::int64_t failed = 0;
  std::int64_t skipped = 0;
  for (const std::filesystem::path& folder : cases) {
    const CaseResult result = run_case(machine, folder, tolerance);
    print_case(result, flags);
    passed += result.verdict == Verdict::pass ? 1 : 0;
    failed += result.verdict == Verdict::fail ? 1 : 0;
    skipped += result.verdict == Verdict::skip ? 1 : 0;
  }
  if (flags.json) {
    print(Json{{"passed", passed}, {"failed", failed}, {"skipped", skipped}}.dump() + "\n");
  } else {
    print(fmt::format("{} passed, {} failed, {} skipped\n", passed, failed, skipped));
  }
  return failed > 0 ? kWorse : kDone;
}

}  // namespace

void add_conformance_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = add_verb(app, "conformance",
                            "runs ONNX backend tests on one backend: a line for each case, exit "
                            "code 1 when one failed",
                            "joulebench conformance onnx-node-tests --backend onednn\n"
                            "joulebench conformance test_add test_conv --backend crossbar "
                            "--device ideal --rtol 1e-2");
  const auto flags = std::make_shared<ConformanceFlags>();
  verb->add_option("DIR", flags->folders,
                   "folders with model.onnx and test_data_set_*, or trees of them")
      ->required();
  add_point_flags(*verb, flags->points, FlagUse::one_model);
  add_energy_flags(*verb, flags->energy);
  verb->add_option("--rtol", flags->relative, "relative tolerance (default 1e-3)")
      ->type_name("X")
      ->group("Comparison");
  verb->add_option("--atol", flags->absolute, "absolute tolerance (default 1e-7)")
      ->type_name("X")
      ->group("Comparison");
  verb->add_flag("--json", flags->json, "a JSON object a case instead of a line of text")
      ->group("Output");
  verb->add_flag("-q,--quiet", flags->quiet, "the last line only")->group("Output");
  verb->callback([flags, &action] { action = [flags] { return conformance(*flags); }; });
}

}  // namespace jb::harness::cli
