// joulebench merge: shards of a run into one folder.

#include "harness/merge.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "harness/cli/app.h"
#include "harness/cli/output.h"

namespace jb::harness::cli {

namespace {

struct MergeFlags {
  std::vector<std::string> runs;
  std::string directory;
  bool force = false;
};

int merge(const MergeFlags& flags, const std::vector<std::string>& command) {
  const MergeResult result =
      merge_runs({flags.runs.begin(), flags.runs.end()}, flags.directory, flags.force, command);
  print(fmt::format(
      "{} records in {}; {} duplicates, {} of them with other modelled numbers; {} "
      "points missing\n",
      result.records, flags.directory, result.duplicates, result.contradictions, result.missing));
  for (const std::string& note : result.notes) say(note);
  return result.missing > 0 || result.contradictions > 0 ? kWorse : kDone;
}

}  // namespace

void add_merge_verb(CLI::App& app, VerbAction& action, const std::vector<std::string>& command) {
  CLI::App* verb = add_verb(app, "merge", "joins shards of a run; tells duplicates and holes",
                            "joulebench merge shard-0 shard-1 shard-2 -o whole\n"
                            "joulebench merge folder-of-shards -o whole");
  const auto flags = std::make_shared<MergeFlags>();
  verb->add_option("RUN", flags->runs, "run folders, folders of runs or records.jsonl files")
      ->required();
  verb->add_option("-o,--output", flags->directory, "folder for the joined run")
      ->type_name("DIR")
      ->required();
  verb->add_flag("--force", flags->force, "replace a run that lies in the folder of -o");
  verb->callback(
      [flags, command, &action] { action = [flags, command] { return merge(*flags, command); }; });
}

}  // namespace jb::harness::cli
