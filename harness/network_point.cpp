// A network over a test set, or over drawn inputs, on one device.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "harness/layer_table.h"
#include "harness/metering.h"
#include "harness/network_accuracy.h"
#include "harness/network_expectation.h"
#include "harness/point_context.h"
#include "harness/quantisation_ranges.h"
#include "models/fusion.h"

namespace jb::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// The network as the device wants it: what follows linear operators taken into them where it asks
/// for that. Perceptrons have nothing but ReLU to take, which stays a unit of its own there.
std::shared_ptr<const NetworkWorkload> fused_for(const Device& device,
                                                 std::shared_ptr<const NetworkWorkload> workload) {
  if (is_perceptron(*workload->source)) return workload;
  models::Graph graph = workload->graph;
  if (models::fuse(graph, device) == 0) return workload;
  return workload->with_graph(std::move(graph));
}

/// Small enough to program for an estimate, whose set-up then counts the very weights.
bool is_small(const GraphView& graph) {
  constexpr double kMostWeights = 4194304;  // 2^22
  double weights = 0;
  for (const ValueView& value : graph.values) {
    if (value.is_constant) weights += static_cast<double>(elements_of(value.dims));
  }
  return weights <= kMostWeights;
}

/// All samples, run after run; the noise of a sample does not depend on how they are cut. Outputs
/// are gathered unless `all` is null.
Execution run_workload(Executable& executable, const NetworkWorkload& workload, Outputs* all) {
  Execution total;
  for (std::int64_t run = 0; run < workload.runs(); ++run) {
    std::vector<Tensor> outputs;
    const Execution part =
        executable.run(workload.inputs_of(run), outputs, Draw{0, run * workload.per_run}, nullptr);
    total.activity += part.activity;
    total.products.add(part.products);
    for (const std::string& lint : part.lints) {
      if (std::find(total.lints.begin(), total.lints.end(), lint) == total.lints.end()) {
        total.lints.push_back(lint);
      }
    }
    if (all == nullptr) continue;
    append_outputs(*all, outputs, workload.valid_of(run), workload.samples_of(run));
  }
  return total;
}

Pricing pricing_of(const PointContext& context, const Device& device, const Executable& executable,
                   const NetworkWorkload& workload) {
  Pricing pricing;
  pricing.prices = &executable.prices();
  pricing.layer_names = &executable.layer_names();
  pricing.source = context.price_source();
  pricing.digital_arithmetic = context.backend.info().kind == "cmos";
  pricing.compulsory_bytes = network_compulsory_bytes(workload, link_bytes(context));
  pricing.communication_bytes =
      network_communication_bytes(workload, executable, device, link_bytes(context));
  pricing.temperature_C = context.point.temperature_C;
  pricing.by_layer = context.options.layers;
  return pricing;
}

/// By layer where the ledger is by layer.
void add_operands(Outcome& outcome, NetworkStatistics statistics) {
  const bool merged = outcome.measurement.contains("ledger_layers");
  outcome.operands = merged ? statistics.merged() : std::move(statistics);
}

/// A machine whose layers run on real hardware has no modelled time of its own.
bool has_modelled_time(const Executable& executable) {
  const std::vector<std::string>& placements = executable.placements();
  return std::all_of(placements.begin(), placements.end(), [](const std::string& id) {
    return id == "digital" || find_backend(id).info().simulated;
  });
}

void add_times(Outcome& outcome, const PointContext& context, const Device& device,
               Executable& executable, const NetworkWorkload& workload, double device_time_s,
               double host_time_s) {
  if (!context.measured()) {
    if (has_modelled_time(executable)) {
      add_modelled_time(outcome, device_time_s, device.peak_mac_per_s(), context.time_source());
    } else {
      outcome.lints.push_back({"no-device-time",
                               "some layers run on real hardware beside modelled machines: there "
                               "is no device time of the whole"});
    }
    return;
  }
  MeasuredBody body{[&] { run_workload(executable, workload, nullptr); }};
  body.known = timing_of_long_call(host_time_s);
  add_measurement(outcome, context, body);
}

void add_workload_lints(Outcome& outcome, const NetworkWorkload& workload) {
  const bool drawn_weights = workload.trained == nullptr && workload.source->onnx_hash.empty();
  if (workload.data != nullptr && drawn_weights) {
    outcome.lints.push_back(
        {"untrained",
         "untrained: the weights are drawn from a seed, so the accuracy is that "
         "of chance; train the network and give it with --onnx"});
  }
}

/// A layer that errs by more than half of its own output leaves little for those behind it.
void add_layer_lints(Outcome& outcome, const std::optional<LayerErrors>& errors) {
  constexpr double kMost = 0.5;
  if (!errors) return;
  const std::string* worst = nullptr;
  double most = 0;
  std::size_t noisy = 0;
  for (const auto& [name, error] : errors->by_layer) {
    if (!error.added || *error.added <= kMost) continue;
    ++noisy;
    if (*error.added <= most) continue;
    most = *error.added;
    worst = &name;
  }
  if (worst == nullptr) return;
  outcome.lints.push_back(
      {"noisy-layers",
       fmt::format("noisy-layers: {} of {} layers add an error of more than half of their output, "
                   "'{}' {:.2g} times it: what follows them is noise",
                   noisy, errors->by_layer.size(), *worst, most)});
}

}  // namespace

void describe_network(Outcome& outcome, const PointContext& context,
                      const NetworkWorkload& workload, const Executable& executable) {
  outcome.implementation = executable.implementation();
  outcome.work.macs = workload.macs();
  outcome.measurement["samples"] = workload.samples;
  outcome.measurement["reuse_rows_per_load"] = workload.per_run;
  const std::int64_t padded =
      workload.samples_of(workload.runs() - 1) - workload.valid_of(workload.runs() - 1);
  if (padded > 0) outcome.measurement["padded_samples"] = padded;
  if (workload.data != nullptr) {
    outcome.verification["dataset"] = workload.data->name;
    outcome.verification["data_hash"] = workload.data->content_hash;
  }
  add_workload_lints(outcome, workload);
  add_device_lints(outcome, context.spec, executable.prices());
}

Outcome run_network(const PointContext& context, Device& device) {
  const auto cache = workloads_of(context);
  if (context.measured()) {
    if (const Support clock = timing_available(); !clock) {
      return Outcome::stopped(results::Status::unavailable, clock.reason);
    }
  }
  const auto unsolved = fused_for(device, cache->unsolved(context.point));
  const GraphView graph = unsolved->graph.bind(unsolved->per_run);
  CompileOptions options = compile_options(context, graph);
  if (const Support support = device.supports_network(graph, options); !support) {
    return Outcome::stopped(results::Status::unsupported, support.reason);
  }
  const auto workload = fused_for(device, cache->network(context.point, context.options.cache_dir));
  std::optional<CalibrationRanges> ranges;
  if (!context.point.ptq.empty()) {
    ranges = calibrate_ranges(*workload, context.point);
    options.samples = ranges->samples;
  }
  const auto executable = make_executable(device, workload->graph.bind(workload->per_run), options);
  Counts counts;
  counts.calibration = bring_to_age(context, device);
  Outputs outputs;
  const Clock::time_point start = Clock::now();
  const Execution execution = run_workload(*executable, *workload, &outputs);
  const double host_time_s = std::chrono::duration<double>(Clock::now() - start).count();
  counts.setup = executable->setup();
  counts.execution = execution.activity;

  Outcome outcome;
  add_network_quality(outcome, context, *workload, outputs);
  describe_network(outcome, context, *workload, *executable);
  outcome.measurement["stationary_operand"] = executable->resident() ? "resident" : "reloaded";
  if (options.streamed) outcome.measurement["streamed"] = true;
  if (ranges) {
    add_ranges(*ranges, *executable);
    outcome.verification["ptq"] = ranges->description;
  }
  add_host_time(outcome, host_time_s);
  if (workload->data != nullptr) {
    outcome.verification["trained_with_noise"] = false;
    outcome.verification["float_accuracy_top1_frac"] = workload->float_accuracy;
  }
  if (outcome.status == results::Status::failed) return outcome;
  const Pricing pricing = pricing_of(context, device, *executable, *workload);
  outcome.work.compulsory_bytes = pricing.compulsory_bytes;
  add_energy(outcome, counts, pricing);
  add_operands(outcome, NetworkStatistics(execution.products, executable->layer_names()));
  const std::optional<LayerErrors> errors =
      layer_errors(*executable, *workload, context.options.layers);
  outcome.layers = layer_table(*executable, *workload, execution.activity, errors);
  add_layer_lints(outcome, errors);
  add_times(outcome, context, device, *executable, *workload, execution.activity.device_time_s,
            host_time_s);
  add_execution_lints(outcome, execution.lints);
  return outcome;
}

Outcome estimate_network(const PointContext& context, Device& device,
                         const NetworkStatistics* given) {
  const auto workload = fused_for(device, workloads_of(context)->unsolved(context.point));
  const GraphView graph = workload->graph.bind(workload->per_run);
  CompileOptions options = compile_options(context, graph);
  options.streamed = options.streamed || (workload->trained == nullptr && !is_small(graph));
  if (const Support support = device.supports_network(graph, options); !support) {
    return Outcome::stopped(results::Status::unsupported, support.reason);
  }
  std::unique_ptr<Executable> executable;
  try {
    executable = make_executable(device, graph, options);
  } catch (const CannotRun&) {
    // Counts of a network come from its compiled form, which a device that describes another
    // computer does not give.
    throw CannotRun{results::Status::unsupported,
                    fmt::format("device '{}' cannot be given a network here; estimate its layers "
                                "one by one with --gemm",
                                context.spec.name())};
  }
  Counts counts;
  const bool expects = given == nullptr && executable->prices().depends_on_data();
  NetworkStatistics middle;
  if (expects) middle = expected_statistics(*workload, Expectation::middle);
  counts.setup = given != nullptr ? executable->setup_with(graph, *given) : executable->setup();
  counts.execution = estimated_runs(*executable, *workload, expects ? &middle : given);
  Outcome outcome;
  describe_network(outcome, context, *workload, *executable);
  const Pricing pricing = pricing_of(context, device, *executable, *workload);
  outcome.work.compulsory_bytes = pricing.compulsory_bytes;
  add_energy(outcome, counts, pricing);
  if (given != nullptr) outcome.operands = *given;
  if (expects) {
    add_operands(outcome, std::move(middle));
    const auto bound = [&](Expectation expectation) {
      const NetworkStatistics statistics = expected_statistics(*workload, expectation);
      return estimated_runs(*executable, *workload, &statistics);
    };
    bound_energies(outcome, executable->prices(), bound(Expectation::low),
                   bound(Expectation::high));
  }
  outcome.layers = layer_table(*executable, *workload, counts.execution, std::nullopt);
  if (has_modelled_time(*executable)) {
    add_modelled_time(outcome, counts.execution.device_time_s, device.peak_mac_per_s(),
                      context.time_source());
  }
  return outcome;
}

}  // namespace jb::harness
