#pragma once
// Flags that run and estimate share beside the point flags.

#include <memory>
#include <string>
#include <vector>

#include "harness/cli/energy_flags.h"
#include "harness/cli/point_flags.h"
#include "harness/run_folder.h"
#include "results/record.h"

namespace CLI {
class App;
}

namespace jb::harness::cli {

struct RunFlags {
  PointFlags points;
  EnergyFlags energy;
  std::string suite;      ///< positional: a name or a file; "" = the default suite
  std::string directory;  ///< -o
  std::string progress = "auto";
  std::string color = "auto";
  std::string cache;
  bool json = false;
  bool dry_run = false;
  bool quiet = false;
  bool verbose = false;
  bool strict = false;
  bool layers = false;
};

void add_run_flags(CLI::App& verb, RunFlags& flags);

/// What the flags, or the suite with the flags laid over it, ask for; every point checked. Sets
/// `suite_name` ("" for points from flags alone).
std::vector<PointSpec> requested_points(const RunFlags& flags, bool estimate,
                                        std::string& suite_name);

/// Data sets of the network points, read before anything is written: a folder or a file that is not
/// right, and a network that does not fit its data, are usage errors.
std::shared_ptr<WorkloadCache> load_workloads(const std::vector<PointSpec>& points);

/// --dry-run: one line a point, and how many.
void show_points(const std::vector<PointSpec>& points, bool json);

/// Records on stdout: a table, or JSON lines.
void show_records(const std::vector<results::Record>& records, const RunFlags& flags);

/// 0, or 3 when a point failed, was inconsistent, or none could run (--strict: one did not run).
int exit_code_of(const std::vector<results::Record>& records, bool strict);

}  // namespace jb::harness::cli
