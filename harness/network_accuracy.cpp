#include "harness/network_accuracy.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "harness/reference_run.h"

namespace jb::harness {
namespace {

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

void add_accuracy(Outcome& outcome, const NetworkWorkload& workload,
                  const std::vector<int>& predicted, Provenance provenance) {
  const std::vector<std::uint8_t>& labels = workload.data->test.labels;
  std::int64_t right = 0;
  std::int64_t gained = 0;
  std::int64_t lost = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool is_right = predicted[i] == static_cast<int>(labels[i]);
    const bool float_right = workload.float_predicted[i] == static_cast<int>(labels[i]);
    right += is_right ? 1 : 0;
    gained += is_right && !float_right ? 1 : 0;
    lost += !is_right && float_right ? 1 : 0;
  }
  const auto trials = static_cast<std::int64_t>(labels.size());
  add_share(outcome, "accuracy_top1_frac", right, trials, provenance,
            fmt::format("{} test images of {}", trials, workload.data->name));
  add_accuracy_delta(outcome, gained, lost, trials, provenance);
  outcome.verification["mcnemar"] = {{"only_this_right", gained},
                                     {"only_float_right", lost},
                                     {"p_value", mcnemar_p_value(gained, lost)},
                                     {"test", "exact binomial, two-sided"}};
}

/// Bytes of one prediction: enough for every class.
void keep_predictions(Outcome& outcome, const std::vector<int>& predicted, std::int64_t classes) {
  const int bytes = classes <= 256 ? 1 : classes <= 65536 ? 2 : 4;
  outcome.prediction_bytes = bytes;
  for (const int p : predicted) {
    for (int b = 0; b < bytes; ++b) {
      outcome.predictions += static_cast<char>((static_cast<unsigned>(p) >> (8 * b)) & 0xFFU);
    }
  }
}

Fidelity fidelity_of(const NetworkWorkload& workload, const Outputs& outputs) {
  Fidelity fidelity;
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const auto size = static_cast<std::int64_t>(outputs[o].size());
    if (size != static_cast<std::int64_t>(workload.reference.at(o).size())) {
      fail_internal("output {} has {} elements, its reference {}", o, size,
                    workload.reference[o].size());
    }
    const std::int64_t rows =
        workload.samples > 0 && size % workload.samples == 0 ? workload.samples : 1;
    const std::int64_t cols = size / rows;
    const MatrixView<const double> got{outputs[o].data(), rows, cols, cols, 1};
    verify_elements(fidelity, {workload.reference[o].data(), rows, cols, cols, 1}, got);
  }
  return fidelity;
}

}  // namespace

double mcnemar_p_value(std::int64_t gained, std::int64_t lost) {
  const std::int64_t n = gained + lost;
  if (n == 0) return 1;
  const auto trials = static_cast<double>(n);
  double tail = 0;
  for (std::int64_t k = 0; k <= std::min(gained, lost); ++k) {
    const auto successes = static_cast<double>(k);
    tail += std::exp(std::lgamma(trials + 1) - std::lgamma(successes + 1) -
                     std::lgamma(trials - successes + 1) - trials * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

void add_network_quality(Outcome& outcome, const PointContext& context,
                         const NetworkWorkload& workload, const Outputs& outputs) {
  const Provenance provenance = context.fidelity_provenance();
  add_fidelity(outcome, fidelity_of(workload, outputs), std::nullopt, provenance);
  outcome.verification["reference"] = workload.reference_engine;
  if (outcome.status == results::Status::failed || workload.classes < 2) return;
  const std::vector<int> predicted = argmax_of(outputs.front(), workload.classes);
  keep_predictions(outcome, predicted, workload.classes);
  std::int64_t agreed = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    agreed += predicted[i] == workload.float_predicted[i] ? 1 : 0;
  }
  const auto rows = static_cast<std::int64_t>(predicted.size());
  const std::string what = workload.data != nullptr
                               ? fmt::format("{} test images of {}", rows, workload.data->name)
                               : fmt::format("{} rows of the output on drawn inputs", rows);
  add_share(outcome, "agreement_top1_frac", agreed, rows, provenance,
            what + ", agreement with the float network");
  if (workload.data != nullptr) add_accuracy(outcome, workload, predicted, provenance);
}

}  // namespace jb::harness
