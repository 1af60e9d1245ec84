#pragma once
// Flags of estimates at scale (training runs and inference services), and what they do.

#include <string>

#include "harness/cli/footprint_flags.h"
#include "harness/cli/output_flags.h"

namespace CLI {
class App;
}

namespace jb::harness::cli {

struct ScaleFlags {
  std::string training, as, service;  ///< what is asked; "" = an estimate of points
  std::string steps, sequence, queries, days;
  std::string devices, data, tensor, pipeline, microbatches;
  std::string link = "pcie5";
  std::string utilisation = "1";
  std::string reload = "auto";
  FootprintFlags footprint;

  [[nodiscard]] bool asked() const { return !training.empty() || !service.empty(); }
};

void add_scale_flags(CLI::App& verb, ScaleFlags& flags);

/// Refuses (usage) flags of estimates at scale beside a workload of points.
void check_unused(const ScaleFlags& flags);

/// Puts the question to the machines that the point flags name ("all": every modelled preset).
int estimate_at_scale(const ScaleFlags& flags, const RunFlags& run);

}  // namespace jb::harness::cli
