// Accuracies with their intervals.

#include "harness/accuracy.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace jb::harness {
namespace {

void add_share(Outcome& outcome, const std::string& name, std::int64_t successes,
               std::int64_t trials, Provenance provenance, const std::string& source) {
  results::Quantity quantity;
  quantity.value = static_cast<double>(successes) / static_cast<double>(trials);
  const results::ShareInterval interval = wilson_interval(successes, trials);
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

}  // namespace

void add_agreement(Outcome& outcome, const std::vector<int>& machine,
                   const std::vector<int>& reference, const std::string& what,
                   Provenance provenance) {
  if (machine.empty()) return;  // a network that gives no rows
  std::int64_t agreed = 0;
  for (std::size_t i = 0; i < machine.size(); ++i) agreed += machine[i] == reference[i] ? 1 : 0;
  add_share(outcome, "agreement_top1_frac", agreed, static_cast<std::int64_t>(machine.size()),
            provenance, what + ", agreement with the float network");
}

void add_accuracy(Outcome& outcome, const Predictions& predictions, Provenance provenance) {
  std::int64_t right = 0;
  std::int64_t gained = 0;
  std::int64_t lost = 0;
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    const int label = predictions.labels[i];
    const bool is_right = predictions.machine[i] == label;
    const bool float_right = predictions.reference[i] == label;
    right += is_right ? 1 : 0;
    gained += is_right && !float_right ? 1 : 0;
    lost += !is_right && float_right ? 1 : 0;
  }
  const auto trials = static_cast<std::int64_t>(predictions.labels.size());
  add_share(outcome, "accuracy_top1_frac", right, trials, provenance,
            fmt::format("{} test images of {}", trials, predictions.dataset));
  add_accuracy_delta(outcome, gained, lost, trials, provenance);
  outcome.verification["mcnemar"] = {{"only_this_right", gained},
                                     {"only_float_right", lost},
                                     {"p_value", mcnemar_p_value(gained, lost)},
                                     {"test", "exact binomial, two-sided"}};
}

}  // namespace jb::harness
