// Products of each machine against the plain product of the same shape.

#include <fmt/format.h>

#include <memory>

#include "backends/backend.h"
#include "backends/core/gemm.h"
#include "tests/benchmarks/plain_gemm.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

using Settings = std::vector<std::pair<const char*, std::string>>;
constexpr double kSeconds = 3;  // of each comparison: 20 to 200 pairs at the sizes below
const char* const kTimes = "x plain time";
const char* const kSpeed = "x plain speed";

/// Standard normal elements.
Matrix<float> operand(std::int64_t rows, std::int64_t cols, std::uint64_t which) {
  const RandomStream stream(1, 0, tag_of("benchmark.operand"), which);
  Matrix<float> x(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    stream.normals({x.data() + i * cols, static_cast<std::size_t>(cols)}, i, 0, 0);
  }
  return x;
}

struct Machine {
  const char* backend;
  const char* device;
  Settings settings;
};

std::unique_ptr<Device> open(const Machine& machine) {
  const Backend& backend = find_backend(machine.backend);
  DeviceSpec spec = load_device(backend, machine.device);
  for (const auto& setting : machine.settings) spec.set(setting.first, setting.second);
  return backend.open(spec, {});
}

/// A machine's product and the plain one, in turns.
Pair compare_products(benchmark::State& state, const Machine& machine, const GemmShape& shape) {
  const auto device = open(machine);
  const Matrix<float> a = operand(shape.m, shape.k, 1);
  const Matrix<float> b = operand(shape.k, shape.n, 2);
  Matrix<float> c(shape.m, shape.n);
  Matrix<float> plain_c(shape.m, shape.n);
  const auto plan = device->plan(shape, b.view(), OperandMode::stationary, {});
  const auto plain = make_plain_gemm(shape.m, b);
  std::uint64_t call = 0;
  return time_in_turns(
      state,
      [&] {
        const Execution done = plan->execute(a.view(), c.view(), {call++, 0}, Direction::forward);
        benchmark::DoNotOptimize(done.activity.device_time_s);
      },
      [&] { plain->execute(a.data(), plain_c.data()); });
}

void add_times(const Options& options, const std::string& name, const Machine& machine,
               const GemmShape& shape, Target target) {
  add_benchmark(options, name, kTimes, target, kSeconds, [=](benchmark::State& state) {
    report_figure(state, compare_products(state, machine, shape).ratio);
  });
}

void add_speeds(const Options& options, const std::string& name, const Machine& machine,
                const GemmShape& shape, Target target) {
  add_benchmark(options, name, kSpeed, target, kSeconds, [=](benchmark::State& state) {
    report_figure(state, 1 / compare_products(state, machine, shape).ratio);
  });
}

void add_photonic(const Options& options) {
  for (const auto& [size, most] : {std::pair{1024, 1.18}, std::pair{2048, 1.12}}) {
    const std::int64_t s = options.size(size);
    add_times(options, fmt::format("photonic photonic-2025, all terms, {0}x{0}x{0}", size),
              {"photonic", "photonic-2025", {}}, {s, s, s}, Target::at_most(most));
    add_times(options, fmt::format("photonic without converters, gaussian, {0}x{0}x{0}", size),
              {"photonic", "hamerly2019-sql", {{"noise.law", "gaussian"}}}, {s, s, s}, {});
  }
  // Two Poisson counts per output; half of the k n_mac photons of a readout fall on each diode.
  for (const auto& [mean, most] : {std::pair{1, 1.45}, std::pair{10, 1.45}, std::pair{25, 1.8},
                                   std::pair{100, 1.8}, std::pair{10000, 1.8}}) {
    const std::int64_t s = options.size(2048);
    const std::string n_mac = fmt::format("{}", 2.0 * mean / static_cast<double>(s));
    add_times(options, fmt::format("photonic exact Poisson, mean {} per diode, 2048^3", mean),
              {"photonic", "hamerly2019-sql", {{"noise.law", "poisson"}, {"n_mac", n_mac}}},
              {s, s, s}, Target::at_most(most));
  }
}

void add_crossbar(const Options& options) {
  const std::int64_t s = options.size(1024);
  for (const std::int64_t batch : {512, 1024}) {
    const GemmShape shape{options.size(batch), s, s};
    add_speeds(options, fmt::format("crossbar ideal DAC8 ADC8, whole array, {}x1024x1024", batch),
               {"crossbar", "ideal", {{"dac.bits", "8"}, {"adc.bits", "8"}}}, shape,
               Target::at_least(0.85));
    add_speeds(options, fmt::format("crossbar ideal DAC8 ADC8, 128-row tiles, {}x1024x1024", batch),
               {"crossbar", "ideal", {{"dac.bits", "8"}, {"adc.bits", "8"}, {"tile.rows", "128"}}},
               shape, Target::at_least(0.72));
  }
  add_speeds(options, "crossbar pcm-hermes, 1024x1024x1024", {"crossbar", "pcm-hermes", {}},
             {s, s, s}, {});
}

void add_digital(const Options& options) {
  add_speeds(options, "systolic tpu-v1, 1024x1024x1024", {"systolic", "tpu-v1", {}},
             {options.size(1024), options.size(1024), options.size(1024)}, {});
  if (!find_backend("onednn").available()) return;
  for (const std::int64_t size : {256, 512, 1024, 2048, 4096}) {
    const std::int64_t s = options.size(size);
    add_speeds(options, fmt::format("onednn through the interface, {0}x{0}x{0}", size),
               {"onednn", "host", {}}, {s, s, s}, Target::at_least(0.97));
  }
  add_benchmark(options, "onednn, added to a 1x1x1 product", "us", Target::at_most(1), 1,
                [](benchmark::State& state) {
                  constexpr int kCalls = 1000;
                  const auto device = open({"onednn", "host", {}});
                  const Matrix<float> a = operand(1, 1, 1);
                  const Matrix<float> b = operand(1, 1, 2);
                  Matrix<float> c(1, 1);
                  const auto plan = device->plan({1, 1, 1}, b.view(), OperandMode::stationary, {});
                  const auto plain = make_plain_gemm(1, b);
                  const Pair pair = time_in_turns(
                      state,
                      [&] {
                        for (int i = 0; i < kCalls; ++i) (void)plan->execute(a.view(), c.view());
                      },
                      [&] {
                        for (int i = 0; i < kCalls; ++i) plain->execute(a.data(), c.data());
                      });
                  report_figure(state, (pair.candidate_s - pair.base_s) / kCalls * 1e6);
                });
}

void add_own_gemm(const Options& options) {
  for (const GemmShape& full : {GemmShape{512, 512, 512}, GemmShape{512, 1024, 1024},
                                GemmShape{1024, 1024, 1024}, GemmShape{2048, 2048, 2048}}) {
    const GemmShape shape{options.size(full.m), options.size(full.n), options.size(full.k)};
    add_benchmark(options, "core gemm f32, " + to_string(full), kSpeed, {}, kSeconds,
                  [shape](benchmark::State& state) {
                    const Matrix<float> a = operand(shape.m, shape.k, 1);
                    const Matrix<float> b = operand(shape.k, shape.n, 2);
                    const PackedMatrix<float> packed(b.view());
                    Matrix<float> c(shape.m, shape.n);
                    Matrix<float> plain_c(shape.m, shape.n);
                    const auto plain = make_plain_gemm(shape.m, b);
                    const Pair pair = time_in_turns(
                        state, [&] { gemm<float>(a.view(), packed, c.view()); },
                        [&] { plain->execute(a.data(), plain_c.data()); });
                    report_figure(state, 1 / pair.ratio);
                  });
  }
}

}  // namespace

void add_products(const Options& options) {
  add_photonic(options);
  add_crossbar(options);
  add_digital(options);
  add_own_gemm(options);
}

}  // namespace jb::bench
