// joulebench merge: shards of a run into one folder.

#include "harness/merge.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <optional>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/energy_flags.h"
#include "harness/cli/output.h"
#include "harness/join_log.h"

namespace jb::harness::cli {

namespace {

struct MergeFlags {
  std::vector<std::string> runs;
  std::string directory;
  bool force = false;
  EnergyFlags energy;
  std::string shift_s;
};

/// The log to be joined; nothing when none is named.
std::optional<LogJoin> log_of(const MergeFlags& flags) {
  const meter::BenchOptions options = bench_options(flags.energy);
  if (flags.energy.power_log.empty()) {
    if (!flags.shift_s.empty()) fail_usage("--log-shift goes with --power-log");
    return std::nullopt;
  }
  constexpr double kMostShift_s = 86400;
  double shift_s = 0;
  if (!flags.shift_s.empty() &&
      (!parse_number(flags.shift_s, shift_s) || std::abs(shift_s) > kMostShift_s)) {
    fail_usage("--log-shift: '{}' is not a number of seconds from {} to {}", flags.shift_s,
               -kMostShift_s, kMostShift_s);
  }
  return LogJoin(flags.energy.power_log, options.log_boundary, shift_s);
}

int merge(const MergeFlags& flags, const std::vector<std::string>& command) {
  const std::optional<LogJoin> log = log_of(flags);
  const MergeResult result = merge_runs({flags.runs.begin(), flags.runs.end()}, flags.directory,
                                        flags.force, command, log ? &*log : nullptr);
  print(fmt::format(
      "{} records in {}; {} duplicates, {} of them with other modelled numbers; {} "
      "points missing\n",
      result.records, flags.directory, result.duplicates, result.contradictions, result.missing));
  if (log) print(fmt::format("the log was joined to {} records\n", result.joined));
  for (const std::string& note : result.notes) say(note);
  return result.missing > 0 || result.contradictions > 0 ? kWorse : kDone;
}

}  // namespace

void add_merge_verb(CLI::App& app, VerbAction& action, const std::vector<std::string>& command) {
  CLI::App* verb = add_verb(app, "merge", "joins shards of a run; tells duplicates and holes",
                            "joulebench merge shard-0 shard-1 shard-2 -o whole\n"
                            "joulebench merge folder-of-shards -o whole\n"
                            "joulebench merge RUN -o metered --power-log watts.csv");
  const auto flags = std::make_shared<MergeFlags>();
  verb->add_option("RUN", flags->runs, "run folders, folders of runs or records.jsonl files")
      ->required();
  verb->add_option("-o,--output", flags->directory, "folder for the joined run")
      ->type_name("DIR")
      ->required();
  add_power_log_flags(*verb, flags->energy);
  verb->add_option("--log-shift", flags->shift_s,
                   "seconds to be added to the log's times, where its clock is known to be late")
      ->type_name("S")
      ->group("Energy");
  verb->add_flag("--force", flags->force, "replace a run that lies in the folder of -o");
  verb->callback(
      [flags, command, &action] { action = [flags, command] { return merge(*flags, command); }; });
}

}  // namespace jb::harness::cli
