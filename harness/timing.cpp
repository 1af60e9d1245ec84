// Timing by Google Benchmark; timing_absent.cpp takes its place in builds without the library.

#include "harness/timing.h"

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <algorithm>
#include <exception>

namespace jb::harness {

namespace {

/// `error_occurred` (up to 1.7) became the enumeration `skipped` later.
template <class Run>
bool run_failed(const Run& run) {
  if constexpr (requires { run.error_occurred; }) {
    return run.error_occurred;
  } else {
    return static_cast<int>(run.skipped) != 0;
  }
}

/// Collects the time of each repetition and prints nothing.
class CollectingReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& /*context*/) override { return true; }
  void ReportRuns(const std::vector<Run>& report) override {
    for (const Run& run : report) {
      if (run.run_type != Run::RT_Iteration || run_failed(run) || run.iterations < 1) continue;
      const auto iterations = static_cast<std::int64_t>(run.iterations);
      timing.times_s.push_back(run.real_accumulated_time / static_cast<double>(iterations));
      timing.iterations = iterations;
    }
  }

  Timing timing;
};

}  // namespace

Support timing_available() { return Support::yes(); }

Timing time_repeatedly(const std::function<void()>& body, const TimingOptions& options) {
  constexpr const char* kName = "joulebench_point";
  std::exception_ptr error;
  CollectingReporter reporter;
  const auto run = [&](const std::function<void(benchmark::internal::Benchmark&)>& configure) {
    benchmark::ClearRegisteredBenchmarks();
    benchmark::internal::Benchmark* registered =
        benchmark::RegisterBenchmark(kName, [&](benchmark::State& state) {
          for ([[maybe_unused]] auto _ : state) {
            try {
              body();
            } catch (...) {
              error = std::current_exception();
              state.SkipWithError("the timed body failed");
              break;
            }
          }
        });
    registered->UseRealTime();
    configure(*registered);
    benchmark::RunSpecifiedBenchmarks(&reporter, kName);
    benchmark::ClearRegisteredBenchmarks();
    if (error) std::rethrow_exception(error);
    if (reporter.timing.times_s.empty()) fail_internal("Google Benchmark reported no repetition");
  };
  run([&](benchmark::internal::Benchmark& benchmark) {
    benchmark.MinTime(options.min_time_s)
        ->MinWarmUpTime(options.warmup_s)
        ->Repetitions(std::max(1, options.repetitions));
  });
  Timing& timing = reporter.timing;
  StoppingRule rule(options);
  double spent_s = 0;
  for (std::size_t i = 0; i < timing.times_s.size() || !rule.stop(); ++i) {
    // As many calls as in the repetitions before: all samples are alike.
    if (i == timing.times_s.size()) {
      run([&](benchmark::internal::Benchmark& benchmark) {
        benchmark.Iterations(timing.iterations);
      });
    }
    spent_s += timing.times_s.at(i) * static_cast<double>(timing.iterations);
    rule.take(timing.times_s.at(i), spent_s);
  }
  timing.stop_reason = rule.reason();
  timing.engine = fmt::format("google-benchmark {}", JOULEBENCH_BENCHMARK_VERSION);
  return std::move(timing);
}

}  // namespace jb::harness
