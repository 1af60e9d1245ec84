#pragma once
// The same points over many runs: which numbers moved, when, and between which commits.

#include <map>
#include <string>
#include <vector>

#include "results/metrics.h"
#include "results/record.h"
#include "results/report/terminal_table.h"

namespace jb::results {

/// One run's value of one number.
struct HistoryValue {
  std::string time_utc, run;  ///< run: commit, or the run's id where no commit is known
  double value = 0;
};

/// A move between two neighbouring levels of a series.
struct HistoryStep {
  std::string point, point_id, metric, unit;
  std::string time_utc, run, previous_run;
  double before = 0, after = 0;
  Better better = Better::neither;
  [[nodiscard]] double ratio() const noexcept { return before == 0 ? 0 : after / before; }
  /// "better", "worse" or "moved" for numbers that have no good direction.
  [[nodiscard]] std::string_view verdict() const noexcept;
};

struct History {
  std::size_t runs = 0, points = 0, series = 0;
  std::vector<HistoryStep> steps;  ///< by time, then point and metric
};

/// Takes records in any order.
class HistoryBuilder {
 public:
  /// `run` names the run in the report: its commit where that is known.
  void add(const Record& record, const std::string& run);
  /// Steps of all series with two values at least. Modelled numbers step where they differ at all
  /// (1e-9; simulated ones 1e-3), measured ones where a level holds that is 5 % away. Usage error
  /// when there is no point that two runs share.
  [[nodiscard]] History finish() const;

 private:
  struct Series {
    std::vector<HistoryValue> values;
    bool measured = false;
    bool simulated = false;
  };
  std::map<std::string, std::string> labels_;                     // point id, label
  std::map<std::pair<std::string, std::string>, Series> series_;  // point id, metric
  std::map<std::string, std::string> runs_;                       // run, time of its first record
};

std::string history_text(const History& history, const TableStyle& style);
std::string history_markdown(const History& history);
std::string history_csv(const History& history);
Json history_json(const History& history);

}  // namespace jb::results
