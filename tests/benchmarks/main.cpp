// joulebench_benchmarks: speed of the hot paths as ratios and rates.
//
//   joulebench_benchmarks [--quick] [--threads=N] [--processor-time] [Google Benchmark flags]
//
// --quick runs everything once at small sizes: a smoke test whose figures mean nothing.
// --processor-time reads the processor time of this process in place of the wall clock: for a busy
// machine, together with --threads=1.

#include <fmt/core.h>
#include <stdlib.h>

#include <charconv>
#include <string_view>

#include "backends/core/gemm.h"
#include "backends/core/threads.h"
#include "tests/benchmarks/plain_gemm.h"
#include "tests/benchmarks/summary.h"

namespace {

/// Takes our own flags out of argv; false on a flag of ours that cannot be read.
bool take_flags(int& argc, char** argv, jb::bench::Options& options, int& threads) {
  constexpr std::string_view kThreads = "--threads=";
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--quick") {
      options.quick = true;
    } else if (flag == "--processor-time") {
      jb::bench::set_clock(jb::bench::Clock::processor);
    } else if (flag.substr(0, kThreads.size()) == kThreads) {
      const std::string_view number = flag.substr(kThreads.size());
      const char* const end = number.data() + number.size();
      const auto [stop, error] = std::from_chars(number.data(), end, threads);
      if (error != std::errc{} || stop != end || threads < 1) return false;
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  return true;
}

double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : -1;
}

}  // namespace

int main(int argc, char** argv) {
  jb::bench::Options options;
  int threads = jb::available_threads();
  if (!take_flags(argc, argv, options, threads)) {
    fmt::print(stderr, "--threads needs a whole number of at least 1, as in --threads=2\n");
    return 2;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  jb::set_thread_count(threads);
  const double load_before = load_average();
  jb::bench::add_products(options);
  jb::bench::add_onednn_primitives(options);
  jb::bench::add_crossbars(options);
  jb::bench::add_networks(options);
  jb::bench::add_onednn_networks(options);
  jb::bench::add_random_numbers(options);
  jb::bench::add_estimates(options);
  jb::bench::add_meshes(options);
  jb::bench::add_record_files(options);
  jb::bench::CollectingReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  fmt::print("\n{} threads, {}, plain GEMM: {}; load average {:.2f} before, {:.2f} after\n{}",
             threads, jb::dispatched_isa(), jb::bench::plain_gemm_name(), load_before,
             load_average(), reporter.table(options));
  if (options.quick) fmt::print("quick run at small sizes: the values mean nothing\n");
  return reporter.any_error() ? 1 : 0;
}
