#include "tests/benchmarks/summary.h"

#include <fmt/format.h>

#include <time.h>

#include <limits>

namespace jb::bench {
namespace {

constexpr const char* kFigure = "figure";

/// A registered benchmark, for the table.
struct Line {
  std::string name;
  std::string unit;
  Target target;
};

::clockid_t g_clock = CLOCK_MONOTONIC;

std::vector<Line>& lines() {
  static std::vector<Line> all;
  return all;
}

bool reaches(double figure, const Target& target) {
  return target.kind == Target::Kind::at_most ? figure <= target.value : figure >= target.value;
}

std::string describe(const Line& line) {
  if (line.target.kind == Target::Kind::none) return "-";
  const bool most = line.target.kind == Target::Kind::at_most;
  return fmt::format("{} {:g}", most ? "<=" : ">=", line.target.value);
}

}  // namespace

void add_benchmark(const Options& options, const std::string& name, const std::string& unit,
                   Target target, double seconds, std::function<void(benchmark::State&)> body) {
  lines().push_back({name, unit, target});
  auto* registered = benchmark::RegisterBenchmark(name.c_str(), std::move(body));
  registered->UseManualTime()->Unit(benchmark::kMillisecond);
  if (options.quick) {
    registered->Iterations(1);
  } else {
    registered->MinTime(seconds);
  }
}

void set_clock(Clock clock) {
  g_clock = clock == Clock::steady ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
}

double now_s() {
  ::timespec t{};
  (void)::clock_gettime(g_clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void report_figure(benchmark::State& state, double figure) { state.counters[kFigure] = figure; }

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void CollectingReporter::ReportRuns(const std::vector<Run>& runs) {
  ConsoleReporter::ReportRuns(runs);
  for (const Run& run : runs) {
    any_error_ = any_error_ || run.error_occurred;
    const auto found = run.counters.find(kFigure);
    if (found != run.counters.end()) figures_[run.run_name.function_name] = found->second.value;
  }
}

std::string CollectingReporter::table(const Options& options) const {
  std::string text = fmt::format("{:<58} {:>9} {:<14} {:>9}  {}\n", "figure", "value", "unit",
                                 "target", "reached");
  for (const Line& line : lines()) {
    const auto found = figures_.find(line.name);
    if (found == figures_.end()) continue;  // left out by --benchmark_filter
    const bool judged = line.target.kind != Target::Kind::none && !options.quick;
    const char* const verdict =
        !judged ? "-" : (reaches(found->second, line.target) ? "yes" : "no");
    text += fmt::format("{:<58} {:>9.4g} {:<14} {:>9}  {}\n", line.name, found->second, line.unit,
                        describe(line), verdict);
  }
  return text;
}

}  // namespace jb::bench
