// joulebench cutoff: the least light at which networks still work, and its energy, from records.

#include <CLI/CLI.hpp>
#include <memory>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "results/journal.h"
#include "results/report/photon_cutoff.h"

namespace jb::harness::cli {

void add_cutoff_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = add_verb(
      app, "cutoff", "photons per MAC and joules where networks on photonic machines start to work",
      "joulebench run quantum-limit --dataset mnist --data DIR -o sweep\n"
      "joulebench cutoff sweep");
  const auto paths = std::make_shared<std::vector<std::string>>();
  verb->add_option("RESULTS", *paths, "records.jsonl files, run folders, folders of runs")
      ->required();
  verb->callback([paths, &action] {
    action = [paths] {
      std::vector<results::Record> records;
      for (const std::string& path : *paths) {
        for (results::Record& record : results::load_results(path)) {
          records.push_back(std::move(record));
        }
      }
      const std::vector<results::PhotonSweep> sweeps = results::photon_sweeps(records);
      if (sweeps.empty()) {
        fail_usage(
            "none of the {} records is of a network on a photonic device; make some with "
            "'joulebench run quantum-limit'",
            records.size());
      }
      print(results::photon_cutoff_text(sweeps));
      return kDone;
    };
  });
}

}  // namespace jb::harness::cli
