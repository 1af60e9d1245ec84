// Words, uniforms and normals per second on every instruction set that this processor runs.

#include <fmt/format.h>

#include <array>

#include "backends/core/kernels.h"
#include "backends/core/threads.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

struct IsaKernels {
  const char* name;
  const kernels::RandomKernel* random;
  double normals_target;  // G/s on two threads; 0: none
};

const std::array<IsaKernels, 3>& isa_kernels() {
  static const std::array<IsaKernels, 3> all = {{{"baseline", &kernels::baseline::kRandom, 0},
                                                 {"avx2", &kernels::avx2::kRandom, 0.5},
                                                 {"avx512", &kernels::avx512::kRandom, 2.0}}};
  return all;
}

/// Rate in G/s over all threads, into a buffer that stays in the first-level cache.
template <class T>
double billions_per_second(benchmark::State& state, std::int64_t calls,
                           void (*fill)(const kernels::PhiloxBlock&, std::int64_t, T*)) {
  constexpr std::int64_t kBlocks = 16;
  constexpr std::int64_t kColumns = 64;  // of a block
  constexpr std::int64_t kGrain = 256;   // calls of one piece of work
  return rate_of(state, static_cast<double>(calls * kBlocks * kColumns),
                 [&] {
                   parallel_for(calls, kGrain, [&](std::int64_t begin, std::int64_t end) {
                     alignas(64) std::array<T, kBlocks * kColumns> out;
                     for (std::int64_t call = begin; call < end; ++call) {
                       fill({1, 2, 0, static_cast<std::uint32_t>(call), 0, 0}, kBlocks, out.data());
                       benchmark::DoNotOptimize(out.data());
                       benchmark::ClobberMemory();
                     }
                   });
                 }) *
         1e-9;
}

}  // namespace

void add_random_numbers(const Options& options) {
  const std::int64_t calls = options.quick ? 4 : 1 << 15;
  for (int level = 0; level <= kernels::isa_level(); ++level) {
    const IsaKernels& isa = isa_kernels()[static_cast<std::size_t>(level)];
    const kernels::RandomKernel* const kernel = isa.random;
    const auto add = [&](const char* what, Target target, auto fill) {
      add_benchmark(options, fmt::format("random {}, {}", what, isa.name), "G/s", target, 1,
                    [calls, fill](benchmark::State& state) {
                      report_figure(state, billions_per_second(state, calls, fill));
                    });
    };
    add("words", {}, kernel->words);
    add("uniforms", {}, kernel->uniforms);
    add("normals", isa.normals_target > 0 ? Target::at_least(isa.normals_target) : Target{},
        kernel->normals);
  }
}

}  // namespace jb::bench
