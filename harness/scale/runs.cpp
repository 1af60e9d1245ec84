#include "harness/scale/runs.h"

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/paths.h"
#include "backends/core/text.h"

namespace jb::harness::scale {
namespace {

Json run_entries() {
  const std::string path = (footprint_dir() / "training-runs.json").string();
  const Json file = read_json_file(path, 1U << 20U);
  if (!file.is_object() || file.value("schema", "") != "joulebench/training-runs/1") {
    fail_usage("{} is no file of training runs: its schema must be 'joulebench/training-runs/1'",
               path);
  }
  return file.at("runs");
}

TrainingRun run_from(const Json& json, double steps) {
  TrainingRun run;
  run.name = json.at("name").get<std::string>();
  run.as = json.at("as").get<std::string>();
  run.network = json.at("network").get<std::string>();
  run.devices = json.at("devices").get<std::int64_t>();
  run.published_model = json.at("published").at(0).get<std::string>();
  run.published_hardware = json.at("published").at(1).get<std::string>();
  run.source = json.at("source").get<std::string>();
  run.omitted = json.at("omitted").get<std::vector<std::string>>();
  for (const Json& from : json.at("phases")) {
    Phase phase;
    if (!from.at("steps").is_null()) {
      phase.steps = from.at("steps").get<double>();
    } else if (steps > 0) {
      phase.steps = steps;
    } else {
      fail_usage("the steps of '{}' were not published ({}); give --steps", run.name, run.source);
    }
    phase.batch = from.at("batch").get<std::int64_t>();
    phase.sequence = from.at("sequence").get<std::int64_t>();
    run.phases.push_back(phase);
  }
  return run;
}

}  // namespace

double TrainingRun::steps() const noexcept {
  double sum = 0;
  for (const Phase& phase : phases) sum += phase.steps;
  return sum;
}

TrainingRun published_run(const std::string& name, const std::string& as, double steps) {
  const Json entries = run_entries();
  std::vector<std::string> publications;
  std::vector<std::string> names;
  for (const Json& entry : entries) {
    const auto published = entry.at("as").get<std::string>();
    if (publications.empty() || publications.back() != published) publications.push_back(published);
    if (published != as) continue;
    names.push_back(entry.at("name").get<std::string>());
    if (names.back() == name) return run_from(entry, steps);
  }
  if (names.empty()) {
    fail_usage("--as: unknown publication '{}'{} (there are: {})", as,
               did_you_mean(as, publications), join(publications));
  }
  fail_usage("--training: '{}' has no training run in {}{} (there are: {})", name, as,
             did_you_mean(name, names), join(names));
}

}  // namespace jb::harness::scale
