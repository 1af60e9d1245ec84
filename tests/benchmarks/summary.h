#pragma once
// What the benchmarks share: figures with targets, and candidate and base timed in turns.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jb::bench {

/// Full sizes, or sizes that only show that everything runs.
struct Options {
  bool quick = false;
  [[nodiscard]] std::int64_t size(std::int64_t full) const { return quick ? 48 : full; }
};

/// What a figure is held against.
struct Target {
  enum class Kind { none, at_most, at_least } kind = Kind::none;
  double value = 0;
  static Target at_most(double value) { return {Kind::at_most, value}; }
  static Target at_least(double value) { return {Kind::at_least, value}; }
};

/// Registers `body` under `name`. `unit` and `target` describe the figure that the body reports;
/// `seconds` is how long to repeat (quick: one iteration).
void add_benchmark(const Options& options, const std::string& name, const std::string& unit,
                   Target target, double seconds, std::function<void(benchmark::State&)> body);

/// Sets the figure of the running benchmark.
void report_figure(benchmark::State& state, double figure);

/// What seconds_of reads: the steady clock, or the processor time of this process (which other
/// programs disturb less; meaningful with one thread).
enum class Clock { steady, processor };
void set_clock(Clock clock);
double now_s();

template <class F>
double seconds_of(F&& call) {
  const double start = now_s();
  call();
  return now_s() - start;
}

/// Middle element (mean of the two middle ones), which one disturbed repetition does not move.
double median(std::vector<double> values);

/// Medians of two calls that took turns, and of the ratio of neighbours.
struct Pair {
  double candidate_s = 0;
  double base_s = 0;
  double ratio = 0;  ///< candidate / base
};

/// Runs both calls in each iteration, the first one alternating, after one untimed run of each.
template <class F, class G>
Pair time_in_turns(benchmark::State& state, F&& candidate, G&& base) {
  candidate();
  base();
  std::vector<double> candidates;
  std::vector<double> bases;
  std::vector<double> ratios;
  bool candidate_first = true;
  for ([[maybe_unused]] auto iteration : state) {
    double c = candidate_first ? seconds_of(candidate) : 0;
    const double b = seconds_of(base);
    if (!candidate_first) c = seconds_of(candidate);
    candidate_first = !candidate_first;
    state.SetIterationTime(c + b);
    candidates.push_back(c);
    bases.push_back(b);
    ratios.push_back(c / b);
  }
  const Pair pair{median(candidates), median(bases), median(ratios)};
  state.counters["candidate_ms"] = pair.candidate_s * 1e3;
  state.counters["base_ms"] = pair.base_s * 1e3;
  return pair;
}

/// Median rate, in items per second, of a call that handles `items`.
template <class F>
double rate_of(benchmark::State& state, double items, F&& call) {
  call();
  std::vector<double> times;
  for ([[maybe_unused]] auto iteration : state) {
    const double t = seconds_of(call);
    state.SetIterationTime(t);
    times.push_back(t);
  }
  return items / median(times);
}

/// Prints as Google Benchmark's console does, and keeps the figures for the table at the end.
class CollectingReporter final : public benchmark::ConsoleReporter {
 public:
  CollectingReporter() : ConsoleReporter(OO_Tabular) {}
  void ReportRuns(const std::vector<Run>& runs) override;
  /// "name  figure  target  reached" lines in the order of registration.
  [[nodiscard]] std::string table(const Options& options) const;
  [[nodiscard]] bool any_error() const noexcept { return any_error_; }

 private:
  std::map<std::string, double> figures_;
  bool any_error_ = false;
};

// The parts; each registers its benchmarks.
void add_products(const Options& options);
void add_crossbars(const Options& options);
void add_networks(const Options& options);
void add_onednn_primitives(const Options& options);
void add_onednn_networks(const Options& options);
void add_random_numbers(const Options& options);
void add_estimates(const Options& options);
void add_meshes(const Options& options);
void add_record_files(const Options& options);

}  // namespace jb::bench
