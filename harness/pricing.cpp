// Counts become joules here: ledgers, energies per MAC, and the bounds that they must respect.

#include <fmt/core.h>

#include <algorithm>

#include "backends/energy/bounds.h"
#include "backends/energy/ledger.h"
#include "backends/energy/machine_link.h"
#include "harness/outcome.h"

namespace jb::harness {
namespace {

constexpr double kKelvinAtZeroCelsius = 273.15;  // SI definition of the Celsius scale

bool knows_dram(const PriceTable& prices) {
  for (const Price& price : prices.prices) {
    if (price.dram_bytes > 0 && price.boundary <= prices.highest) return true;
  }
  return false;
}

/// Rows as text, without those above the boundary that the preset has data for.
void append_rows(const Ledger& ledger, const Pricing& pricing,
                 std::vector<results::RecordRow>& rows) {
  for (const LedgerRow& row : ledger.rows()) {
    const Price& price = *row.price;
    if (price.boundary > pricing.prices->highest) continue;
    results::RecordRow text;
    text.component = price.component;
    text.action = price.action;
    text.category = price.category;
    if (row.layer > 0 && pricing.layer_names != nullptr) {
      text.layer = pricing.layer_names->at(row.layer - 1);
    }
    text.count = row.count;
    text.energy_per_action_J = price.energy_per_action_J;
    text.energy_J = row.energy_J;
    text.boundary = price.boundary;
    text.cls = name_of(price.cls);
    text.constant = price.constant;
    text.provenance = Provenance::modelled;
    text.source = price.source;
    text.data_dependent = price.data_dependent;
    rows.push_back(std::move(text));
  }
}

/// What machines send one another is priced at B2: a record that stops below says what it lacks.
void add_link_lint(Outcome& outcome, const Ledger& ledger, Boundary highest) {
  double bytes = 0;
  double energy_J = 0;
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->component != kMachineLink || row.price->boundary <= highest) continue;
    bytes += row.count;
    energy_J += row.energy_J;
  }
  if (bytes == 0) return;
  outcome.lints.push_back(
      {"links-left-out",
       fmt::format("links-left-out: {:.0f} bytes ({:.3g} J) pass between the machines at B2, and "
                   "stand in no row, because one of the machines has no data above {}",
                   bytes, energy_J, name_of(highest))});
}

void add_execution_energy(Outcome& outcome, const Ledger& ledger, const Pricing& pricing) {
  const double macs = outcome.work.macs;
  const PriceTable& prices = *pricing.prices;
  for (int b = static_cast<int>(prices.lowest); b <= static_cast<int>(prices.highest); ++b) {
    const auto boundary = static_cast<Boundary>(b);
    outcome.add(fmt::format("energy_{}_J_per_mac", name_of(boundary)),
                ledger.cumulative_J(boundary) / macs, Provenance::modelled, pricing.source);
  }
  if (prices.highest < Boundary::B2 || prices.lowest > Boundary::B2) return;
  const double moved_J = ledger.category_J(Category::movement, Boundary::B2);
  const double total_J = ledger.cumulative_J(Boundary::B2);
  outcome.add("data_movement_J_per_mac", moved_J / macs, Provenance::modelled, pricing.source);
  if (total_J > 0) {
    outcome.add("data_movement_share_frac", moved_J / total_J, Provenance::modelled,
                pricing.source);
  }
}

void check_bounds(Outcome& outcome, const Ledger& ledger, const Pricing& pricing) {
  BoundsCheck check;
  check.macs = outcome.work.macs;
  check.digital_arithmetic = pricing.digital_arithmetic;
  check.compulsory_bytes = knows_dram(*pricing.prices) ? pricing.compulsory_bytes : 0;
  check.communication_bytes = knows_dram(*pricing.prices) ? pricing.communication_bytes : 0;
  if (check.communication_bytes > 0) {
    outcome.measurement["communication_bound_bytes"] = check.communication_bytes;
  }
  check.temperature_K = pricing.temperature_C + kKelvinAtZeroCelsius;
  for (const std::string& violation : violated_bounds(ledger, check)) {
    add_inconsistency(outcome, violation);
  }
}

/// Calibration's share of all energy when it is spread over that many executions.
void add_calibration_shares(Outcome& outcome, double calibration_J, double execution_J) {
  Json shares = Json::object();
  for (const double executions : {1.0, 1e3, 1e6, 1e9}) {
    shares[fmt::format("{:.0f}", executions)] =
        calibration_J / (calibration_J + executions * execution_J);
  }
  outcome.measurement["calibration_share_by_executions"] = std::move(shares);
}

}  // namespace

void bound_energies(Outcome& outcome, const PriceTable& prices, const Activity& one,
                    const Activity& other) {
  if (!prices.has_energy || !(outcome.work.macs > 0)) return;
  const Ledger first = price(one, prices);
  const Ledger second = price(other, prices);
  for (int b = static_cast<int>(prices.lowest); b <= static_cast<int>(prices.highest); ++b) {
    const auto boundary = static_cast<Boundary>(b);
    const auto found =
        outcome.quantities.find(fmt::format("energy_{}_J_per_mac", name_of(boundary)));
    if (found == outcome.quantities.end()) continue;
    const double x = first.cumulative_J(boundary) / outcome.work.macs;
    const double y = second.cumulative_J(boundary) / outcome.work.macs;
    if (x == y) continue;
    results::Quantity& energy = found->second;
    energy.ci_low = std::min({x, y, energy.value});
    energy.ci_high = std::max({x, y, energy.value});
    energy.interval_kind = "sampling";
  }
}

void add_energy(Outcome& outcome, const Counts& counts, const Pricing& pricing) {
  outcome.work.executed_macs = counts.execution.executed_macs;
  if (counts.calibration.count > 0) {
    outcome.measurement["calibrations"] = counts.calibration.count;
    outcome.measurement["since_calibration_s"] = counts.calibration.since_s;
  }
  if (!pricing.prices->has_energy || !(outcome.work.macs > 0)) return;
  const Boundary highest = pricing.prices->highest;

  // A record stays small: rows of large networks are those of all layers together, and the table of
  // layers tells them apart.
  const bool merged = !pricing.by_layer && counts.execution.rows().size() > pricing.most_rows;
  const Activity execution = merged ? counts.execution.relabelled(0) : counts.execution;
  const Activity programming = merged ? counts.setup.relabelled(0) : counts.setup;
  if (merged) outcome.measurement["ledger_layers"] = "merged";
  const Ledger ledger = price(execution, *pricing.prices);
  append_rows(ledger, pricing, outcome.ledger);
  add_link_lint(outcome, ledger, highest);
  add_execution_energy(outcome, ledger, pricing);
  check_bounds(outcome, ledger, pricing);

  const Ledger setup = price(programming, *pricing.prices);
  append_rows(setup, pricing, outcome.setup_ledger);
  outcome.add("setup_energy_J", setup.cumulative_J(highest), Provenance::modelled, pricing.source);
  if (counts.calibration.cost) {
    const Ledger calibration = price(*counts.calibration.cost, *pricing.prices);
    append_rows(calibration, pricing, outcome.setup_ledger);
    const double calibration_J = calibration.cumulative_J(highest);
    outcome.add("calibration_energy_J", calibration_J, Provenance::modelled, pricing.source);
    outcome.add("calibration_time_s", counts.calibration.cost->device_time_s, Provenance::modelled,
                pricing.source);
    const double execution_J = ledger.cumulative_J(highest);
    if (execution_J > 0) {
      outcome.add("calibration_break_even_count", calibration_J / execution_J, Provenance::modelled,
                  pricing.source);
      add_calibration_shares(outcome, calibration_J, execution_J);
    }
  }
}

}  // namespace jb::harness
