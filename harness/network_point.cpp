// A trained network over a whole test set on one device.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include "harness/point_context.h"
#include "harness/workload_cache.h"

namespace jb::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// The whole test set, batch after batch; the noise of a sample does not depend on the batches.
Execution run_test_set(Executable& executable, MatrixView<const float> images, std::int64_t batch,
                       MatrixView<float> logits) {
  Execution total;
  for (std::int64_t row = 0; row < images.rows; row += batch) {
    const std::int64_t rows = std::min(batch, images.rows - row);
    const Execution part = run_rows(executable, images.block(row, 0, rows, images.cols),
                                    logits.block(row, 0, rows, logits.cols), Draw{0, row});
    total.activity += part.activity;
    for (const std::string& lint : part.lints) {
      if (std::find(total.lints.begin(), total.lints.end(), lint) == total.lints.end()) {
        total.lints.push_back(lint);
      }
    }
  }
  return total;
}

void add_share(Outcome& outcome, const std::string& name, std::int64_t successes,
               std::int64_t trials, Provenance provenance, const std::string& source) {
  results::Quantity quantity;
  quantity.value = static_cast<double>(successes) / static_cast<double>(trials);
  const Interval interval = wilson_interval(successes, trials);
  quantity.ci_low = std::min(interval.low, quantity.value);
  quantity.ci_high = std::max(interval.high, quantity.value);
  quantity.interval_kind = "sampling";
  quantity.n = trials;
  quantity.provenance = provenance;
  quantity.source = source;
  outcome.quantities[name] = quantity;
}

/// Accuracies of the same samples by two classifiers differ by (gained - lost) / n; the interval is
/// that of paired shares: variance (gained + lost - (gained - lost)^2 / n) / n^2 (Agresti,
/// Categorical Data Analysis, 3rd ed., eq. 11.3).
void add_accuracy_delta(Outcome& outcome, std::int64_t gained, std::int64_t lost,
                        std::int64_t trials, Provenance provenance) {
  const auto n = static_cast<double>(trials);
  const auto difference = static_cast<double>(gained - lost);
  const double variance =
      (static_cast<double>(gained + lost) - difference * difference / n) / (n * n);
  const double half = 1.959963984540054 * std::sqrt(std::max(0.0, variance));  // normal, 97.5 %
  results::Quantity quantity;
  quantity.value = difference / n;
  quantity.ci_low = quantity.value - half;
  quantity.ci_high = quantity.value + half;
  quantity.interval_kind = "sampling";
  quantity.n = trials;
  quantity.provenance = provenance;
  quantity.source = "top-1 accuracy minus that of the float network on the same images";
  outcome.quantities["accuracy_delta_frac"] = quantity;
}

void add_accuracy(Outcome& outcome, const NetworkWorkload& workload, MatrixView<const float> logits,
                  Provenance provenance) {
  const std::vector<int> predicted = models::argmax_rows(logits);
  const std::vector<std::uint8_t>& labels = workload.data->test.labels;
  std::int64_t right = 0;
  std::int64_t agreed = 0;
  std::int64_t gained = 0;
  std::int64_t lost = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool is_right = predicted[i] == static_cast<int>(labels[i]);
    const bool float_right = workload.float_predicted[i] == static_cast<int>(labels[i]);
    right += is_right ? 1 : 0;
    agreed += predicted[i] == workload.float_predicted[i] ? 1 : 0;
    gained += is_right && !float_right ? 1 : 0;
    lost += !is_right && float_right ? 1 : 0;
  }
  const auto trials = static_cast<std::int64_t>(labels.size());
  const std::string source = fmt::format("{} test images of {}", trials, workload.data->name);
  add_share(outcome, "accuracy_top1_frac", right, trials, provenance, source);
  add_share(outcome, "agreement_top1_frac", agreed, trials, provenance,
            source + ", agreement with the float network");
  add_accuracy_delta(outcome, gained, lost, trials, provenance);
}

Pricing pricing_of(const PointContext& context, const Executable& executable,
                   const GraphView& graph, std::int64_t samples) {
  Pricing pricing;
  pricing.prices = &executable.prices();
  pricing.layer_names = &executable.layer_names();
  pricing.source = context.price_source();
  pricing.digital_arithmetic = context.backend.info().kind == "cmos";
  pricing.compulsory_bytes = network_compulsory_bytes(graph, samples, link_bytes(context));
  pricing.temperature_C = context.point.temperature_C;
  return pricing;
}

void describe(Outcome& outcome, const PointContext& context, const NetworkWorkload& workload,
              const Executable& executable) {
  const models::Dataset& data = *workload.data;
  outcome.implementation = executable.implementation();
  outcome.measurement["stationary_operand"] = executable.resident() ? "resident" : "reloaded";
  outcome.measurement["samples"] = data.test.images.rows();
  outcome.measurement["reuse_rows_per_load"] = context.point.batch;
  outcome.verification["dataset"] = data.name;
  outcome.verification["data_hash"] = data.content_hash;
  outcome.verification["trained_with_noise"] = false;
  outcome.verification["float_accuracy_top1_frac"] = workload.float_accuracy;
}

std::shared_ptr<const NetworkWorkload> workload_of(const PointContext& context) {
  const PointSpec& point = context.point;
  WorkloadCache own;
  WorkloadCache& cache = context.options.workloads ? *context.options.workloads : own;
  return cache.network(point.network, point.dataset, point.data_dir, context.options.cache_dir);
}

}  // namespace

Outcome run_network(const PointContext& context, Device& device) {
  const std::shared_ptr<const NetworkWorkload> workload = workload_of(context);
  const GraphView graph = workload->network.graph().bind(context.point.batch);
  if (const Support support = supports_graph(context, device, graph); !support) {
    return Outcome::stopped(results::Status::unsupported, support.reason);
  }
  if (context.measured()) {
    if (const Support clock = timing_available(); !clock) {
      return Outcome::stopped(results::Status::unavailable, clock.reason);
    }
  }
  const std::int64_t batch = context.point.batch;
  const auto executable = make_executable(device, graph, CompileOptions{context.precision});
  Counts counts;
  counts.calibration = bring_to_age(context, device);
  counts.setup = executable->setup();
  const MatrixView<const float> images = workload->data->test.images.view();
  Matrix<float> logits(images.rows, graph.value(graph.outputs.at(0)).dims.back());
  const Clock::time_point start = Clock::now();
  const Execution execution = run_test_set(*executable, images, batch, logits.view());
  const double host_time_s = std::chrono::duration<double>(Clock::now() - start).count();
  counts.execution = execution.activity;

  Outcome outcome;
  outcome.work.macs = graph.macs() * static_cast<double>(images.rows) / static_cast<double>(batch);
  const Pricing pricing = pricing_of(context, *executable, graph, images.rows);
  outcome.work.compulsory_bytes = pricing.compulsory_bytes;
  add_host_time(outcome, host_time_s);
  Fidelity fidelity;
  verify_elements(fidelity, workload->logits_f64.view(), std::as_const(logits).view());
  add_fidelity(outcome, fidelity, std::nullopt, context.fidelity_provenance());
  describe(outcome, context, *workload, *executable);
  if (outcome.status == results::Status::failed) return outcome;
  add_accuracy(outcome, *workload, std::as_const(logits).view(), context.fidelity_provenance());

  add_energy(outcome, counts, pricing);
  if (context.measured()) {
    const auto body = [&] { run_test_set(*executable, images, batch, logits.view()); };
    add_measured_time(outcome, time_repeatedly(body, context.timing()), context.timing());
  } else {
    add_modelled_time(outcome, execution.activity.device_time_s, device.peak_mac_per_s(),
                      context.time_source());
  }
  add_execution_lints(outcome, execution.lints);
  add_device_lints(outcome, context.spec, executable->prices());
  return outcome;
}

}  // namespace jb::harness
