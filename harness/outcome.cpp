#include "harness/outcome.h"

#include <fmt/core.h>

#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "harness/environment.h"
#include "results/label.h"

namespace jb::harness {
namespace {

std::string energy_name(Boundary boundary) {
  return fmt::format("energy_{}_J_per_mac", name_of(boundary));
}

/// Length of the "layer 'fc1': " that executables put before a layer's lints; 0 without it.
std::size_t layer_prefix_length(const std::string& lint) {
  constexpr std::string_view kOpening = "layer '";
  constexpr std::string_view kClosing = "': ";
  if (lint.rfind(kOpening, 0) != 0) return 0;
  const std::size_t closing = lint.find(kClosing, kOpening.size());
  return closing == std::string::npos ? 0 : closing + kClosing.size();
}

}  // namespace

Outcome Outcome::stopped(results::Status status, std::string reason) {
  Outcome outcome;
  outcome.status = status;
  outcome.reason = std::move(reason);
  return outcome;
}

void Outcome::add(const std::string& name, double value, Provenance provenance,
                  std::string source) {
  results::Quantity quantity;
  quantity.value = value;
  quantity.provenance = provenance;
  quantity.source = std::move(source);
  quantities[name] = std::move(quantity);
}

void add_inconsistency(Outcome& outcome, const std::string& reason) {
  outcome.reason += (outcome.reason.empty() ? "" : "; ") + reason;
  if (outcome.status == results::Status::ok) outcome.status = results::Status::inconsistent;
}

void add_modelled_time(Outcome& outcome, double time_s, double peak_mac_per_s,
                       const std::string& source) {
  if (!(time_s > 0)) return;
  const double rate = outcome.work.macs / time_s;
  outcome.add("device_time_s", time_s, Provenance::modelled, source);
  outcome.add("throughput_mac_per_s", rate, Provenance::modelled, source);
  // Counts are exact; a violation must exceed rounding.
  if (peak_mac_per_s > 0 && rate > peak_mac_per_s * (1 + 1e-9)) {
    add_inconsistency(outcome, fmt::format("{:.6g} MAC/s exceed the machine's peak of {:.6g} MAC/s",
                                           rate, peak_mac_per_s));
  }
  const results::Quantity* highest = nullptr;
  for (int b = 0; b < kBoundaries; ++b) {
    const auto found = outcome.quantities.find(energy_name(static_cast<Boundary>(b)));
    if (found != outcome.quantities.end()) highest = &found->second;
  }
  if (highest != nullptr) {
    outcome.add("average_power_W", highest->value * outcome.work.macs / time_s,
                Provenance::modelled, source);
  }
}

void add_measured_time(Outcome& outcome, const Timing& timing, const TimingOptions& options) {
  const MedianInterval time = median_interval(timing.times_s);
  results::Quantity quantity;
  quantity.value = time.median;
  quantity.provenance = Provenance::measured;
  quantity.source = fmt::format("{}, {}, median of repetitions", timing.engine, timing.clock);
  quantity.n = static_cast<std::int64_t>(timing.times_s.size());
  results::Quantity rate = quantity;
  rate.value = outcome.work.macs / time.median;
  if (time.low && time.high) {
    quantity.ci_low = time.low;
    quantity.ci_high = time.high;
    quantity.interval_kind = "sampling";
    rate.ci_low = outcome.work.macs / *time.high;
    rate.ci_high = outcome.work.macs / *time.low;
    rate.interval_kind = "sampling";
  }
  outcome.quantities["device_time_s"] = quantity;
  outcome.quantities["throughput_mac_per_s"] = rate;
  static const std::string machine = results::machine_text(to_json(describe_host()));
  outcome.measurement["machine"] = machine;
  outcome.measurement["clock"] = timing.engine;
  outcome.measurement["repetitions"] = timing.times_s.size();
  outcome.measurement["calls_per_repetition"] = timing.iterations;
  outcome.measurement["stop_reason"] = name_of(timing.stop_reason);
  outcome.measurement["min_time_s"] = options.min_time_s;
  outcome.measurement["warmup_s"] = options.warmup_s;
  outcome.measurement["times_s"] = timing.times_s;
}

void add_host_time(Outcome& outcome, double time_s) {
  outcome.add("host_time_s", time_s, Provenance::measured, "steady clock, one execution");
}

void add_fidelity(Outcome& outcome, const Fidelity& fidelity, std::optional<double> error_bound,
                  Provenance provenance) {
  outcome.verification = verification_json(fidelity, error_bound);
  if (!fidelity.finite) {
    outcome.status = results::Status::failed;
    outcome.reason = "the product holds elements that are not finite";
    return;
  }
  const std::string source = "product compared with the float64 reference";
  outcome.add("max_abs_error", fidelity.max_abs_error, provenance, source);
  if (const auto error = fidelity.relative_error()) {
    outcome.add("relative_error_frobenius", *error, provenance, source);
  }
  if (const auto sqnr = fidelity.sqnr_dB()) outcome.add("sqnr_dB", *sqnr, provenance, source);
  if (!error_bound) return;
  const double error = std::sqrt(fidelity.error_squares);
  const double allowed = *error_bound * std::sqrt(fidelity.bound_squares);
  const bool holds = error <= allowed;
  outcome.verification["within_rounding_bound"] = holds;
  if (!holds) {
    outcome.status = results::Status::failed;
    outcome.reason =
        fmt::format("wrong result: the error {:.3g} exceeds {:.3g}, all that rounding can explain",
                    error, allowed);
  }
}

void add_execution_lints(Outcome& outcome, const std::vector<std::string>& lints) {
  std::set<std::string> known;  // one lint of each kind for each layer, whatever its numbers
  for (const std::string& text : lints) {
    const std::size_t start = layer_prefix_length(text);
    const std::size_t colon = text.find(':', start);
    results::Lint lint;
    lint.id = colon == std::string::npos ? "backend" : text.substr(start, colon - start);
    lint.text = text;
    if (known.insert(text.substr(0, start) + lint.id).second) {
      outcome.lints.push_back(std::move(lint));
    }
  }
}

}  // namespace jb::harness
