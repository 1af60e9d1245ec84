// The comparison for pull requests (Markdown) and for CI (JUnit XML).

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "results/compare.h"
#include "results/report/escape.h"

namespace jb::results {
namespace {

constexpr std::size_t kMostRows = 50;  // a pull request is read by people

const char* name_of(Gate gate) {
  switch (gate) {
    case Gate::none:
      return "none";
    case Gate::model:
      return "model";
    case Gate::pin:
      return "pin";
    case Gate::all:
      return "all";
  }
  return "none";
}

std::string change_text(const Difference& d) {
  if (d.base == 0 || d.metric.empty() || d.metric == "status") return "";
  return fmt::format("{:+.2f} %", 100 * (d.now - d.base) / std::abs(d.base));
}

std::string number_text(const Difference& d, double value) {
  return d.metric.empty() || d.metric == "status" ? "" : fmt::format("{:.5g}", value);
}

void add_means(const std::string& what, const std::map<std::string, MeanRatio>& ratios,
               std::string& text) {
  for (const auto& [backend, mean] : ratios) {
    text += fmt::format("| {} | {} | {:.4f} | {} |\n", escape_markdown(backend), what,
                        std::exp(mean.log_sum / static_cast<double>(mean.points)), mean.points);
  }
}

}  // namespace

std::string describe_markdown(const Comparison& c, Gate gate) {
  std::string text = fmt::format(
      "### joulebench: {}\n\n{} points compared, {} differ; {} missing, {} added. Gate `{}`: {} "
      "differences fail; {} measured numbers inconclusive.\n",
      c.failed()           ? "worse"
      : c.inconclusive > 0 ? "no regression seen, some numbers inconclusive"
      : c.points_moved > 0 ? "numbers moved, none fails the gate"
                           : "no change",
      c.points_compared, c.points_moved, c.missing, c.added, name_of(gate), c.failing,
      c.inconclusive);
  std::vector<const Difference*> rows;
  for (const Difference& d : c.differences) {
    if (d.verdict != Verdict::not_gated) rows.push_back(&d);
  }
  std::stable_partition(rows.begin(), rows.end(), [](const Difference* d) { return d->fails; });
  if (!rows.empty()) {
    text +=
        "\n| | point | metric | base | new | change | note |\n|---|---|---|---:|---:|---:|---|\n";
  }
  for (std::size_t i = 0; i < std::min(rows.size(), kMostRows); ++i) {
    const Difference& d = *rows[i];
    text += fmt::format("| {}{} | {} | {} | {} | {} | {} | {} |\n", d.fails ? "**FAIL** " : "",
                        jb::results::name_of(d.verdict), escape_markdown(d.label),
                        escape_markdown(d.metric), number_text(d, d.base), number_text(d, d.now),
                        change_text(d), escape_markdown(d.note));
  }
  const std::size_t all = rows.size() + c.not_listed;
  if (all > kMostRows) text += fmt::format("\n{} more differences.\n", all - kMostRows);
  if (!c.energy_ratios.empty() || !c.time_ratios.empty()) {
    text += "\n| backend | geometric mean of new / base | ratio | points |\n|---|---|---:|---:|\n";
    add_means("J/MAC, highest boundary", c.energy_ratios, text);
    add_means("device time", c.time_ratios, text);
  }
  if (c.not_gated > 0) {
    text += fmt::format("\n{} measured numbers differ and are not gated.\n", c.not_gated);
  }
  return text;
}

std::string describe_junit(const Comparison& c) {
  std::map<std::string, std::string> details;  // of failing and undecided points
  for (const Difference& d : c.differences) {
    if (!d.fails && d.verdict != Verdict::inconclusive) continue;
    std::string& detail = details[d.point_id];
    detail += fmt::format("{} {}", jb::results::name_of(d.verdict), d.metric);
    if (!number_text(d, d.base).empty()) detail += fmt::format(" {:.9g} -> {:.9g}", d.base, d.now);
    if (!d.note.empty()) detail += " [" + d.note + "]";
    detail += "\n";
  }
  std::size_t failures = 0;
  std::size_t skipped = 0;
  std::string cases;
  for (const PointVerdict& point : c.points) {
    const std::string name =
        escape_html(point.label.empty() ? point.point_id : point.label + " " + point.point_id);
    cases += fmt::format("    <testcase classname=\"joulebench.compare\" name=\"{}\"", name);
    const auto detail = details.find(point.point_id);
    const std::string body = detail == details.end() ? "" : escape_html(detail->second);
    if (point.fails) {
      ++failures;
      cases += fmt::format(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                           jb::results::name_of(point.verdict), body);
    } else if (point.verdict == Verdict::inconclusive) {
      ++skipped;
      cases +=
          fmt::format(">\n      <skipped message=\"inconclusive: {}\"/>\n    </testcase>\n", body);
    } else {
      cases += "/>\n";
    }
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "  <testsuite name=\"joulebench compare\" tests=\"{}\" failures=\"{}\" errors=\"0\" "
      "skipped=\"{}\">\n{}  </testsuite>\n</testsuites>\n",
      c.points.size(), failures, skipped, cases);
}

}  // namespace jb::results
