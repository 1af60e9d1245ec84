#include "backends/energy/ledger.h"

#include "backends/core/error.h"

namespace jb {

double Ledger::total_J() const noexcept {
  double sum = 0;
  for (const LedgerRow& row : rows_) sum += row.energy_J;
  return sum;
}

double Ledger::cumulative_J(Boundary up_to) const noexcept {
  double sum = 0;
  for (const LedgerRow& row : rows_) sum += row.price->boundary <= up_to ? row.energy_J : 0;
  return sum;
}

double Ledger::category_J(Category c, Boundary up_to) const noexcept {
  double sum = 0;
  for (const LedgerRow& row : rows_) {
    const bool counts = row.price->category == c && row.price->boundary <= up_to;
    sum += counts ? row.energy_J : 0;
  }
  return sum;
}

double Ledger::dram_bytes() const noexcept {
  double sum = 0;
  for (const LedgerRow& row : rows_) sum += row.count * row.price->dram_bytes;
  return sum;
}

void price_into(const Activity& activity, const PriceTable& table, Ledger& out,
                const Perturbation* perturbation) {
  out.rows_.clear();
  for (const ActivityRow& row : activity.rows()) {
    if (row.action >= table.prices.size()) {
      fail_internal("activity counts action {} of a table with {}", row.action,
                    table.prices.size());
    }
    const Price& price = table.prices[row.action];
    const double factor = perturbation != nullptr ? (*perturbation)(price) : 1.0;
    out.rows_.push_back(
        {&price, row.layer, row.count, row.count * price.energy_per_action_J * factor});
  }
}

Ledger price(const Activity& activity, const PriceTable& table) {
  Ledger ledger;
  price_into(activity, table, ledger);
  return ledger;
}

Ledger price(const Activity& activity, const PriceTable& table, const Perturbation& perturbation) {
  Ledger ledger;
  price_into(activity, table, ledger, &perturbation);
  return ledger;
}

}  // namespace jb
