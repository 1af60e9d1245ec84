// Estimates per second and core: counts of a GEMM and their price, without computing.

#include <fmt/format.h>

#include <array>

#include "backends/backend.h"
#include "backends/energy/bounds.h"
#include "backends/energy/ledger.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

struct Machine {
  const char* backend;
  const char* device;
};

constexpr std::array<Machine, 5> kMachines = {{{"onednn", "xeon-server"},
                                               {"cublas", "h100"},
                                               {"systolic", "tpu-v1"},
                                               {"crossbar", "pcm-hermes"},
                                               {"photonic", "photonic-2025"}}};

/// Shapes that differ from call to call, so that nothing is worked out once.
GemmShape shape_of(int call) { return {64 + call % 61, 512 + call % 257, 768 + call % 127}; }

using Estimate = std::function<double(const Device&, const GemmShape&, Ledger&)>;

/// Energies at each boundary.
double totals(const Device& device, const GemmShape& shape, Ledger& ledger) {
  const Activity activity = device.estimate(shape, OperandMode::stationary, {});
  price_into(activity, device.prices(), ledger);
  double sum = 0;
  for (int b = 0; b <= static_cast<int>(device.prices().highest); ++b) {
    sum += ledger.cumulative_J(static_cast<Boundary>(b));
  }
  return sum;
}

/// The rows, energies at each boundary and of each category, and the bounds on each row.
double full_ledger(const Device& device, const GemmShape& shape, Ledger& ledger) {
  double sum = totals(device, shape, ledger);
  const Boundary highest = device.prices().highest;
  for (int c = 0; c < kCategories; ++c) {
    sum += ledger.category_J(static_cast<Category>(c), highest);
  }
  BoundsCheck check;
  check.macs = shape.macs();
  return sum + static_cast<double>(violated_bounds(ledger, check).size());
}

void add(const Options& options, const Machine& machine, const char* what, double target,
         const Estimate& estimate) {
  const int calls = options.quick ? 1 : 1 << 14;
  add_benchmark(options, fmt::format("estimates, {}, {} {}", what, machine.backend, machine.device),
                "M/s/core", Target::at_least(target), 1,
                [machine, calls, estimate](benchmark::State& state) {
                  const Backend& backend = find_backend(machine.backend);
                  const auto device = backend.open(load_device(backend, machine.device), {});
                  Ledger ledger;
                  const double rate = rate_of(state, calls, [&] {
                    double sum = 0;
                    for (int i = 0; i < calls; ++i) sum += estimate(*device, shape_of(i), ledger);
                    benchmark::DoNotOptimize(sum);
                  });
                  report_figure(state, rate * 1e-6);
                });
}

}  // namespace

void add_estimates(const Options& options) {
  for (const Machine& machine : kMachines) {
    bool compiled = false;
    for (const Backend* backend : backends()) {
      compiled = compiled || backend->info().id == machine.backend;
    }
    if (!compiled) continue;
    add(options, machine, "totals", 2, totals);
    add(options, machine, "full ledger", 0.5, full_ledger);
  }
}

}  // namespace jb::bench
