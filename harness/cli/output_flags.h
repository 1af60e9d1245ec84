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
  std::string resume;     ///< folder of the run to go on with
  std::string shard;      ///< "i/n" or "auto"; "" = the whole run
  bool force = false;
  std::string repetitions, min_time, max_time, narrow;  ///< of measured points; "" = as usual
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

/// Takes the flags of measured points; usage error for what makes no sense.
void set_timing(const RunFlags& flags, RunOptions& options);

/// What the flags, or the suite with the flags laid over it, ask for; every point of the shard
/// checked.
struct Requested {
  std::vector<PointSpec> points;  ///< of all shards
  std::string suite;              ///< "" for points from flags alone
  Shard shard;

  [[nodiscard]] std::vector<PointSpec> of_shard() const;
};
Requested requested_points(const RunFlags& flags, bool estimate);

/// Data sets of the network points, read before anything is written: a folder or a file that is not
/// right, and a network that does not fit its data, are usage errors.
std::shared_ptr<WorkloadCache> load_workloads(const std::vector<PointSpec>& points);

/// --dry-run: one line a point, and how many; on stderr what they will come to: MACs, and the
/// time they take here.
void show_points(const std::vector<PointSpec>& points, bool json);

/// Records on stdout: a table, or JSON lines.
void show_records(const std::vector<results::Record>& records, const RunFlags& flags);

int exit_code_of(const RunSummary& summary, bool strict);
/// 0, or 3 when a point failed, was inconsistent, or none could run (--strict: one did not run).
int exit_code_of(const std::vector<results::Record>& records, bool strict);

}  // namespace jb::harness::cli
