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
  benchmark::ClearRegisteredBenchmarks();
  benchmark::RegisterBenchmark(kName,
                               [&](benchmark::State& state) {
                                 for ([[maybe_unused]] auto _ : state) {
                                   try {
                                     body();
                                   } catch (...) {
                                     error = std::current_exception();
                                     state.SkipWithError("the timed body failed");
                                     break;
                                   }
                                 }
                               })
      ->UseRealTime()
      ->MinTime(options.min_time_s)
      ->MinWarmUpTime(options.warmup_s)
      ->Repetitions(std::max(1, options.repetitions));
  CollectingReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter, kName);
  benchmark::ClearRegisteredBenchmarks();
  if (error) std::rethrow_exception(error);
  if (reporter.timing.times_s.empty()) fail_internal("Google Benchmark reported no repetition");
  reporter.timing.engine = fmt::format("google-benchmark {}", JOULEBENCH_BENCHMARK_VERSION);
  return std::move(reporter.timing);
}

}  // namespace jb::harness
