#pragma once
// Training runs as steps of batches: published ones from a data file, and a user's own.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jb::harness::scale {

struct Phase {
  double steps = 0;
  std::int64_t batch = 1;     ///< samples of a step, all replicas together
  std::int64_t sequence = 0;  ///< tokens a sample; 0: the network's own
};

struct TrainingRun {
  std::string name;                                 ///< "bert-base"
  std::string as;                                   ///< "strubell2019"; "" of a user's own
  std::string network;                              ///< of the registry, or "decoder:..."
  std::int64_t devices = 0;                         ///< 0: not told
  std::string published_model, published_hardware;  ///< row of the published footprint
  std::vector<Phase> phases;
  std::string source;
  std::vector<std::string> omitted;

  [[nodiscard]] double steps() const noexcept;
};

/// The published run of that name. `steps` > 0 replaces what the publication does not tell.
/// Usage error listing the runs for an unknown one, and for one without published steps.
TrainingRun published_run(const std::string& name, const std::string& as, double steps);

}  // namespace jb::harness::scale
