#pragma once
// Points of one workload on several machines, metered in turn: A B B A A B ... Drift of clocks and
// heat then falls on all of them alike.

#include <map>
#include <optional>
#include <vector>

#include "harness/metering.h"
#include "harness/runner.h"

namespace jb::harness {

/// Gives the records of a run's points one after the other. Points that are metered and follow each
/// other with the same workload are run together when the first of them is asked for.
class GroupedPoints {
 public:
  /// How one point is run when its turn has come.
  using RunPoint = std::function<results::Record(const PointSpec&, const RunOptions&)>;
  GroupedPoints(const RunOptions& options, RunPoint run)
      : options_(options), run_(std::move(run)) {}

  using Points = std::vector<const PointSpec*>;
  /// The record of *points[i]; nothing when the run was stopped in between.
  std::optional<results::Record> record(const Points& points, std::size_t i);

 private:
  [[nodiscard]] std::size_t group_end(const Points& points, std::size_t i) const;
  [[nodiscard]] bool is_metered(const PointSpec& point) const;
  bool run_group(const Points& points, std::size_t begin, std::size_t end);

  const RunOptions& options_;
  RunPoint run_;
  std::map<std::size_t, results::Record> ready_;
};

}  // namespace jb::harness
