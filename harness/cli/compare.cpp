// joulebench compare: regression check between two sets of records, joined on point_id.

#include "results/compare.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/remeasure.h"

namespace jb::harness::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostListed = 10000;  // more lines are read by nobody

struct CompareFlags {
  std::string base;
  std::string now;
  std::string gate = "none";
  std::string markdown;
  std::string junit;
  std::string band;
  std::string base_program;
  std::string new_program;
  std::string rounds;
  bool strict = false;
  bool force = false;
};

results::Gate gate_of(const std::string& name) {
  check_choice("--gate", name, {"none", "model", "pin", "all"});
  const std::optional<results::Gate> gate = results::gate_from(name);
  if (!gate) fail_internal("no gate '{}'", name);
  return *gate;
}

/// Before anything is computed: the file can be written, and none is lost by it.
void check_new_file(const char* flag, const std::string& name, bool force) {
  check_output_file(name, "comparison.txt");
  std::error_code error;
  if (!force && !name.empty() && fs::is_regular_file(name, error) && !fs::is_empty(name, error)) {
    fail_usage("{}: '{}' is there already; replace it with --force, or name another file", flag,
               name);
  }
}

results::CompareOptions options_of(const CompareFlags& flags) {
  results::CompareOptions options;
  options.gate = gate_of(flags.gate);
  options.list_not_gated = false;
  options.list_points = !flags.junit.empty();
  options.most_listed = kMostListed;
  if (!flags.band.empty()) {
    double band = 0;
    if (!parse_number(flags.band, band) || !(band > 0) || band >= 1) {
      fail_usage("--band: '{}' is not a share between 0 and 1", flags.band);
    }
    options.time_band = options.energy_band = band;
  }
  return options;
}

Remeasurement remeasurement_of(const CompareFlags& flags) {
  Remeasurement how;
  how.base_program = flags.base_program;
  how.new_program = flags.new_program;
  if (flags.new_program.empty()) {
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    if (error) fail_usage("cannot tell where this program lies; name it with --new-program");
    how.new_program = self.string();
  }
  if (!flags.rounds.empty()) {
    std::int64_t rounds = 0;
    if (!parse_integer(flags.rounds, rounds) || rounds < 1 || rounds > 1000) {
      fail_usage("--rounds: '{}' is not a whole number from 1 to 1000", flags.rounds);
    }
    how.rounds = static_cast<int>(rounds);
  }
  return how;
}

int compare_results(const CompareFlags& flags) {
  const results::CompareOptions options = options_of(flags);
  check_new_file("--markdown", flags.markdown, flags.force);
  check_new_file("--junit", flags.junit, flags.force);
  if (flags.base_program.empty() && (!flags.new_program.empty() || !flags.rounds.empty())) {
    fail_usage("--new-program and --rounds go with --base-program");
  }
  results::Comparison comparison = results::compare_files(flags.base, flags.now, options);
  if (!flags.base_program.empty()) {
    confirm_regressions(comparison, options, remeasurement_of(flags));
  }
  if (!flags.markdown.empty()) {
    write_file_atomically(flags.markdown, results::describe_markdown(comparison, options.gate));
  }
  if (!flags.junit.empty()) {
    write_file_atomically(flags.junit, results::describe_junit(comparison));
  }
  print(results::describe(comparison));
  if (comparison.failed()) return kWorse;
  if (comparison.points_compared == 0) {
    say("inconclusive: the two have no point in common");
    if (flags.strict) return kInconclusive;
  }
  return flags.strict && comparison.inconclusive > 0 ? kInconclusive : kDone;
}

}  // namespace

void add_compare_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      add_verb(app, "compare", "regression check between runs, folders of runs or baselines",
               "joulebench compare results/baselines/gate my-run --gate pin\n"
               "joulebench compare old-run new-run --gate all --base-program ./joulebench-old "
               "--markdown summary.md\n"
               "joulebench compare old-run new-run");
  const auto flags = std::make_shared<CompareFlags>();
  verb->add_option("BASE", flags->base, "records.jsonl, run folder or folder of runs")->required();
  verb->add_option("NEW", flags->now, "the same")->required();
  verb->add_option("--gate", flags->gate,
                   "none: only list; model: exit 1 for modelled points that got worse or went "
                   "missing; pin: for any modelled number that moved under the same versions; all: "
                   "model, and measured points by statistics")
      ->type_name("GATE");
  verb->add_option("--band", flags->band,
                   "measured ratios within 1 +- SHARE are the same; default: 0.03 for times, 0.05 "
                   "for energies")
      ->type_name("SHARE");
  verb->add_option("--base-program", flags->base_program,
                   "joulebench of the base: a suspected regression is measured again, this program "
                   "and that one turn by turn, before it fails")
      ->type_name("FILE");
  verb->add_option("--new-program", flags->new_program, "joulebench of the new side; default: this")
      ->type_name("FILE");
  verb->add_option("--rounds", flags->rounds,
                   "runs of each program when measuring again; default 3")
      ->type_name("N");
  verb->add_option("--markdown", flags->markdown, "writes a summary for a pull request")
      ->type_name("FILE");
  verb->add_option("--junit", flags->junit, "writes JUnit XML, a test case a point")
      ->type_name("FILE");
  verb->add_flag("--force", flags->force, "replace files of --markdown and --junit");
  verb->add_flag("--strict", flags->strict,
                 "exit 5 when a measured number is inconclusive or nothing could be compared");
  verb->callback([flags, &action] { action = [flags] { return compare_results(*flags); }; });
}

}  // namespace jb::harness::cli
