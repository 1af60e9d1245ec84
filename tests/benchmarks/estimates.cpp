// Estimates per second and core: counts of a GEMM and their price, without computing.

#include <fmt/format.h>

#include <array>

#include "backends/backend.h"
#include "backends/energy/bounds.h"
#include "backends/energy/ledger.h"
#include "harness/scale/question.h"
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

/// A training run of 1.008e12 parameters (Narayanan et al., SC 2021) on every preset, from opening
/// the device files to kilowatt-hours.
double trillion_on_all_presets() {
  namespace scale = harness::scale;
  scale::Question question;
  question.run = scale::TrainingRun{};
  question.run->name = question.run->network = "decoder:layers=128,width=25600,heads=160";
  question.run->phases = {{71526, 3072, 2048}};
  question.cluster.devices = 3072;
  question.link = scale::link_from("nvlink-c2c");
  question.footprint.grid = results::FootprintData::load().grid(
      "WORLD", results::CarbonBasis::location, results::CarbonSignal::average);
  double kWh = 0;
  for (const scale::MachineChoice& choice : scale::all_machines()) {
    const scale::Answer answer =
        scale::answer(question, {choice.backend, load_device(*choice.backend, choice.device)});
    if (answer.unsupported.empty()) kWh += answer.sheet.at("energy_kWh").value;
  }
  return kWh;
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
  add_benchmark(options, "estimates, training of 1e12 parameters on all presets", "s",
                Target::at_most(1), 2, [](benchmark::State& state) {
                  const double rate = rate_of(
                      state, 1, [] { benchmark::DoNotOptimize(trillion_on_all_presets()); });
                  report_figure(state, 1 / rate);
                });
}

}  // namespace jb::bench
