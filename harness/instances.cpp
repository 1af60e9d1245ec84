// Monte Carlo over device instances: many outcomes of one point become one.

#include <fmt/core.h>

#include <algorithm>

#include "harness/outcome.h"

namespace jb::harness {
namespace {

/// Rows of the first outcome with counts and joules averaged. Instances of one point count the same
/// actions in the same order; a row that only some have is averaged over all.
std::vector<results::RecordRow> average_rows(const std::vector<Outcome>& outcomes,
                                             std::vector<results::RecordRow> Outcome::*ledger) {
  std::vector<results::RecordRow> rows;
  for (const Outcome& outcome : outcomes) {
    for (const results::RecordRow& row : outcome.*ledger) {
      auto found = std::find_if(rows.begin(), rows.end(), [&](const results::RecordRow& known) {
        return known.component == row.component && known.action == row.action &&
               known.layer == row.layer && known.constant == row.constant &&
               known.category == row.category;
      });
      if (found == rows.end()) {
        rows.push_back(row);
      } else {
        found->count += row.count;
        found->energy_J += row.energy_J;
      }
    }
  }
  const auto n = static_cast<double>(outcomes.size());
  for (results::RecordRow& row : rows) {
    row.count /= n;
    row.energy_J /= n;
  }
  return rows;
}

/// A share of energies follows from the mean energies, so that it agrees with the mean ledger.
void derive_movement_share(Outcome& mean) {
  const auto share = mean.quantities.find("data_movement_share_frac");
  const auto moved = mean.quantities.find("data_movement_J_per_mac");
  const auto total = mean.quantities.find("energy_B2_J_per_mac");
  if (share == mean.quantities.end() || moved == mean.quantities.end() ||
      total == mean.quantities.end() || !(total->second.value > 0)) {
    return;
  }
  results::Quantity& quantity = share->second;
  quantity.value = moved->second.value / total->second.value;
  if (quantity.ci_low) quantity.ci_low = std::min(*quantity.ci_low, quantity.value);
  if (quantity.ci_high) quantity.ci_high = std::max(*quantity.ci_high, quantity.value);
}

constexpr std::size_t kMostInstances = 256;  // whose accuracies fit into a record

/// What each instance reached, and all their predictions one after the other; McNemar's test stays
/// that of the first.
void add_instance_accuracies(Outcome& mean, const std::vector<Outcome>& outcomes) {
  Json accuracies = Json::array();
  mean.predictions.clear();
  for (const Outcome& outcome : outcomes) {
    mean.predictions += outcome.predictions;
    const auto accuracy = outcome.quantities.find("accuracy_top1_frac");
    if (accuracy == outcome.quantities.end() || accuracies.size() == kMostInstances) continue;
    accuracies.push_back(accuracy->second.value);
  }
  if (accuracies.empty()) return;
  mean.verification["accuracy_top1_by_instance"] = std::move(accuracies);
  if (mean.verification.contains("mcnemar")) mean.verification["mcnemar"]["instance"] = 0;
}

}  // namespace

Outcome average(const std::vector<Outcome>& outcomes) {
  Outcome mean = outcomes.front();
  if (outcomes.size() == 1) return mean;
  for (std::size_t i = 1; i < outcomes.size(); ++i) {
    if (outcomes[i].status != results::Status::ok && mean.status == results::Status::ok) {
      mean.status = outcomes[i].status;
      mean.reason = fmt::format("instance {}: {}", i, outcomes[i].reason);
    }
    mean.operands.merge(outcomes[i].operands);
    for (const results::Lint& lint : outcomes[i].lints) {
      const bool known = std::any_of(mean.lints.begin(), mean.lints.end(),
                                     [&](const results::Lint& l) { return l.id == lint.id; });
      if (!known) mean.lints.push_back(lint);
    }
  }
  mean.quantities.clear();
  for (const auto& [name, first] : outcomes.front().quantities) {
    std::vector<double> values;
    for (const Outcome& outcome : outcomes) {
      const auto found = outcome.quantities.find(name);
      if (found != outcome.quantities.end()) values.push_back(found->second.value);
    }
    // A quantity that some instances cannot give (the SQNR of an exact result) has no mean.
    if (values.size() != outcomes.size()) continue;
    const MeanInterval interval = mean_interval(values);
    results::Quantity quantity = first;
    const auto others = static_cast<std::ptrdiff_t>(values.size());
    if (first.ci_low && std::count(values.begin(), values.end(), first.value) == others) {
      // Instances tell nothing of what is not known of all alike (estimates).
      mean.quantities[name] = quantity;
      continue;
    }
    quantity.value = interval.mean;
    quantity.ci_low = interval.low;
    quantity.ci_high = interval.high;
    quantity.interval_kind = "instances";
    quantity.n = static_cast<std::int64_t>(values.size());
    quantity.source += ", mean over device instances";
    mean.quantities[name] = quantity;
  }
  mean.ledger = average_rows(outcomes, &Outcome::ledger);
  mean.setup_ledger = average_rows(outcomes, &Outcome::setup_ledger);
  derive_movement_share(mean);
  mean.work.executed_macs = 0;
  for (const Outcome& outcome : outcomes) mean.work.executed_macs += outcome.work.executed_macs;
  mean.work.executed_macs /= static_cast<double>(outcomes.size());
  mean.verification["instances"] = outcomes.size();
  add_instance_accuracies(mean, outcomes);
  return mean;
}

}  // namespace jb::harness
