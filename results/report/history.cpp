#include "results/report/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "results/label.h"
#include "results/report/escape.h"
#include "results/report/steps.h"

namespace jb::results {
namespace {

constexpr double kExactTolerance = 1e-9;      // ARCHITECTURE.md, "Three classes of number"
constexpr double kSimulatedTolerance = 1e-3;  // the same
constexpr double kLeastStep = 0.05;           // of a measured level

std::string short_run(const std::string& run) {
  // A commit is known by its first characters.
  const bool hex =
      run.size() == 40 && run.find_first_not_of("0123456789abcdef") == std::string::npos;
  return hex ? run.substr(0, 10) : run;
}

std::string summary(const History& history) {
  return fmt::format("{} {} in {} series of {} points over {} runs", history.steps.size(),
                     history.steps.size() == 1 ? "step" : "steps", history.series, history.points,
                     history.runs);
}

}  // namespace

std::string_view HistoryStep::verdict() const noexcept {
  if (better == Better::neither) return "moved";
  return (after < before) == (better == Better::lower) ? "better" : "worse";
}

void HistoryBuilder::add(const Record& record, const std::string& run) {
  if (record.status != Status::ok) return;
  labels_.emplace(record.point_id, point_label(record.point));
  const auto known = runs_.emplace(run, record.time_utc);
  known.first->second = std::min(known.first->second, record.time_utc);
  for (const auto& entry : record.quantities) {
    const Metric* metric = find_metric(entry.first);
    if (metric == nullptr) continue;
    Series& series = series_[{record.point_id, entry.first}];
    series.measured = series.measured || entry.second.provenance == Provenance::measured;
    series.simulated = series.simulated || metric->modelled_class == MetricClass::simulated;
    series.values.push_back({record.time_utc, run, entry.second.value});
  }
}

History HistoryBuilder::finish() const {
  History history;
  history.runs = runs_.size();
  history.points = labels_.size();
  for (const auto& entry : series_) {
    std::vector<HistoryValue> values = entry.second.values;
    if (values.size() < 2) continue;
    ++history.series;
    std::stable_sort(values.begin(), values.end(),
                     [](const auto& a, const auto& b) { return a.time_utc < b.time_utc; });
    std::vector<double> numbers;
    for (const HistoryValue& value : values) numbers.push_back(value.value);
    const std::vector<Level> levels =
        entry.second.measured
            ? noisy_levels(numbers, kLeastStep)
            : exact_levels(numbers, entry.second.simulated ? kSimulatedTolerance : kExactTolerance);
    const Metric* metric = find_metric(entry.first.second);
    for (std::size_t i = 1; i < levels.size(); ++i) {
      const HistoryValue& at = values[levels[i].begin];
      history.steps.push_back({labels_.at(entry.first.first), entry.first.first, entry.first.second,
                               std::string(metric->unit), at.time_utc, at.run,
                               values[levels[i].begin - 1].run, levels[i - 1].value,
                               levels[i].value, metric->better});
    }
  }
  if (history.series == 0) {
    fail_usage("no point stands in two of these runs: --history needs the runs of several commits");
  }
  std::stable_sort(
      history.steps.begin(), history.steps.end(), [](const HistoryStep& a, const HistoryStep& b) {
        return std::tie(a.time_utc, a.point, a.metric) < std::tie(b.time_utc, b.point, b.metric);
      });
  return history;
}

std::string history_text(const History& history, const TableStyle& style) {
  std::string text = summary(history) + "\n";
  if (history.steps.empty()) return text;
  std::vector<std::vector<std::string>> rows;
  for (const HistoryStep& step : history.steps) {
    rows.push_back({step.time_utc.substr(0, 10), short_run(step.run), step.point, step.metric,
                    fmt::format("{:.4g}", step.before), fmt::format("{:.4g}", step.after),
                    step.before == 0 ? "" : fmt::format("x{:.4g}", step.ratio()),
                    std::string(step.verdict())});
  }
  return text + "\n" +
         render_table({{"date", Align::left, 4},
                       {"run", Align::left, 0},
                       {"point", Align::left, 0},
                       {"number", Align::left, 0},
                       {"before", Align::right, 2},
                       {"after", Align::right, 2},
                       {"ratio", Align::right, 1},
                       {"", Align::left, 0}},
                      rows, style);
}

std::string history_markdown(const History& history) {
  std::string text = "## History\n\n" + summary(history) + ".\n";
  if (history.steps.empty()) return text;
  text +=
      "\n| date | run | point | number | before | after | ratio | |\n"
      "|---|---|---|---|---:|---:|---:|---|\n";
  for (const HistoryStep& step : history.steps) {
    text += fmt::format("| {} | {} | {} | {} | {:.4g} | {:.4g} | {:.4g} | {} |\n",
                        escape_markdown(step.time_utc.substr(0, 10)),
                        escape_markdown(short_run(step.run)), escape_markdown(step.point),
                        escape_markdown(step.metric), step.before, step.after, step.ratio(),
                        step.verdict());
  }
  return text;
}

std::string history_csv(const History& history) {
  std::string text =
      "time_utc,run,previous_run,point_id,point,quantity,unit,before,after,ratio,verdict\r\n";
  for (const HistoryStep& step : history.steps) {
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\r\n", csv_text(step.time_utc),
                        csv_text(step.run), csv_text(step.previous_run), csv_text(step.point_id),
                        csv_text(step.point), csv_text(step.metric), csv_text(step.unit),
                        shortest(step.before), shortest(step.after), shortest(step.ratio()),
                        step.verdict());
  }
  return text;
}

Json history_json(const History& history) {
  Json steps = Json::array();
  for (const HistoryStep& step : history.steps) {
    steps.push_back({{"time_utc", step.time_utc},
                     {"run", step.run},
                     {"previous_run", step.previous_run},
                     {"point_id", step.point_id},
                     {"point", step.point},
                     {"quantity", step.metric},
                     {"unit", step.unit},
                     {"before", step.before},
                     {"after", step.after},
                     {"ratio", step.ratio()},
                     {"verdict", step.verdict()}});
  }
  return {{"runs", history.runs},
          {"points", history.points},
          {"series", history.series},
          {"steps", std::move(steps)}};
}

}  // namespace jb::results
