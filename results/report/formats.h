#pragma once
// Views of records as files for people and programs. Each takes what it needs and returns text; a
// new format is one file here and a line in harness/cli/report.cpp.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "results/report/bibliography.h"
#include "results/report/literature.h"
#include "results/report/view.h"

namespace jb::results {

/// Where text goes piece by piece, so that large reports need no large memory.
using TextSink = std::function<void(std::string_view)>;

/// GitHub Markdown: a table a workload, the undominated rows bold, a legend, what did not run.
std::string markdown_report(const View& view, const std::vector<LiteratureRow>& literature);

/// booktabs and siunitx tables with their captions, and the .bib of exactly the sources they cite.
/// The .tex is for \input in a paper, and compiles by itself too; `name` is that of the .bib.
struct LatexReport {
  std::string tex, bib;
};
LatexReport latex_report(const View& view, const std::vector<LiteratureRow>& literature,
                         const Bibliography& bibliography, const std::string& name);

/// CSV, one quantity a line (RFC 4180: CRLF, a header line; units stand in a column).
std::string csv_long_header();
std::string csv_long_lines(const Record& record);
std::string csv_long_lines(const LiteratureRow& row);
/// CSV, one record a line; `quantities` are the columns, each with its interval and provenance.
std::string csv_wide_header(const std::set<std::string>& quantities);
std::string csv_wide_line(const Record& record, const std::set<std::string>& quantities);

/// "systolic tpu-v1 gemm 64,100,784 n_mac=10 [3062596a]": the same for a point in every run, and
/// for no other point.
std::string benchmark_name(const Record& record);

/// Bencher Metric Format: {"<benchmark>": {"<measure>": {"value", "lower_value", "upper_value"}}}.
/// Of a point that stands in several runs the last counts.
class BencherReport {
 public:
  void add(const Record& record);
  [[nodiscard]] std::string text() const;

 private:
  std::map<std::string, nlohmann::json> benchmarks_;
};

/// github-action-benchmark: the list for tool customSmallerIsBetter or customBiggerIsBetter.
class ActionReport {
 public:
  explicit ActionReport(bool smaller) : smaller_(smaller) {}
  void add(const Record& record);
  [[nodiscard]] std::string text() const { return json_.dump(2) + "\n"; }

 private:
  bool smaller_;
  Json json_ = Json::array();
};

/// Google Benchmark's JSON (schema version 1): real_time is the machine's time, quantities are
/// counters. `run` is the run.json of the first run, null when there is none.
class GoogleReport {
 public:
  explicit GoogleReport(const Json& run);
  void add(const Record& record);
  [[nodiscard]] std::string text() const { return json_.dump(2) + "\n"; }

 private:
  Json json_;
};

/// One HTML file without any network access: figures are SVG and stand without script, data and a
/// filterable table beside them.
void html_report(const View& view, const std::vector<LiteratureRow>& literature,
                 const Bibliography& bibliography, const TextSink& out);

}  // namespace jb::results
