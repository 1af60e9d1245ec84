// --dry-run: the points, how many, and what running them comes to.

#include <fmt/core.h>

#include <algorithm>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "harness/cli/output.h"
#include "harness/cli/output_flags.h"
#include "harness/cli/progress.h"
#include "harness/workload_cache.h"

namespace jb::harness::cli {

namespace {

// Rates that turn MACs into the time a point takes here, per core: order of magnitude only. The
// simulators' are the ratios of README ("Speed") to a plain product; verification in float64 is
// half as fast as one.
constexpr double kSimulatedMacPerS = 1e10;
constexpr double kVerifyMacPerS = 1e10;
// Opening a device, drawing operands, writing the record.
constexpr double kPointS = 2e-3;

struct PointCost {
  double macs = 0;
  double time_s = 0;  ///< on one core
  bool alone = false;
};

PointCost cost_of(const PointSpec& point, const RunOptions& options) {
  PointCost cost;
  cost.time_s = kPointS;
  cost.alone = !runs_beside_others(point);
  const results::Record record = estimate_point(point, options);
  if (record.status != results::Status::ok) return cost;
  cost.macs = record.work.macs;
  if (point.estimate) return cost;
  const auto instances = static_cast<double>(point.instances);
  cost.time_s += cost.macs / kVerifyMacPerS;
  if (cost.alone) {
    cost.time_s += static_cast<double>(options.repetitions) * options.min_time_s * 1.2;
  } else {
    cost.time_s += instances * std::max(cost.macs, record.work.executed_macs) / kSimulatedMacPerS;
  }
  return cost;
}

}  // namespace

void show_points(const std::vector<PointSpec>& points, bool json) {
  PointCost sum;
  double alone_s = 0;
  RunOptions options;
  options.workloads = std::make_shared<WorkloadCache>();
  for (const PointSpec& point : points) {
    const PointCost cost = cost_of(point, options);
    sum.macs += cost.macs;
    (cost.alone ? alone_s : sum.time_s) += cost.time_s;
    if (json) {
      print(Json{{"label", point_label(point)}, {"repro", repro_line(point)}, {"macs", cost.macs}}
                .dump() +
            "\n");
    } else {
      print(point_label(point) + "\n");
    }
  }
  if (json) return;
  print(fmt::format("{} {}\n", points.size(), points.size() == 1 ? "point" : "points"));
  const double time_s = alone_s + sum.time_s / std::max(1, available_threads());
  // Scripts count the lines of stdout.
  say(fmt::format("estimate: {:.3g} MACs, about {} on this computer", sum.macs,
                  duration_text(time_s)));
}

}  // namespace jb::harness::cli
