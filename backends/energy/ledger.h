#pragma once
// The only place where counts meet joules.

#include <array>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"
#include "backends/energy/vocabulary.h"

namespace jb {

struct LedgerRow {
  const Price* price = nullptr;
  std::uint32_t layer = 0;  ///< 0: none; else 1 + index of a layer name
  double count = 0;
  double energy_J = 0;
};

/// Priced activity. Rows point into the price table, which must outlive the ledger.
class Ledger {
 public:
  [[nodiscard]] const std::vector<LedgerRow>& rows() const noexcept { return rows_; }
  [[nodiscard]] double total_J() const noexcept;                     ///< all rows
  [[nodiscard]] double cumulative_J(Boundary up_to) const noexcept;  ///< rows of boundary <= up_to
  [[nodiscard]] double category_J(Category c, Boundary up_to) const noexcept;
  [[nodiscard]] double dram_bytes() const noexcept;

 private:
  friend void price_into(const Activity&, const PriceTable&, Ledger&,
                         const std::function<double(const Price&)>*);
  std::vector<LedgerRow> rows_;
};

/// Multiplies a price for uncertainty analyses: returns the factor on energy_per_action_J.
using Perturbation = std::function<double(const Price&)>;

/// Prices an activity. Uncertainty and tornado re-price, they do not re-run.
Ledger price(const Activity& activity, const PriceTable& table);
Ledger price(const Activity& activity, const PriceTable& table, const Perturbation& perturbation);
/// The same into a reused ledger (no allocation at steady state).
void price_into(const Activity& activity, const PriceTable& table, Ledger& out,
                const Perturbation* perturbation = nullptr);

}  // namespace jb
