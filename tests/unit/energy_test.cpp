// Counts, prices and what may be added to what.
#include <gtest/gtest.h>

#include "backends/energy/bounds.h"
#include "backends/energy/ledger.h"
#include "backends/energy/tagged.h"

namespace jb {
namespace {

PriceTable two_prices() {
  PriceTable table;
  Price mac;
  mac.component = "mac";
  mac.action = "s8";
  mac.energy_per_action_J = 2e-13;
  mac.category = Category::compute;
  table.add(mac);
  Price dram;
  dram.component = "dram";
  dram.action = "byte";
  dram.energy_per_action_J = 3e-11;
  dram.category = Category::movement;
  dram.boundary = Boundary::B2;
  dram.dram_bytes = 1;
  table.add(dram);
  table.highest = Boundary::B2;
  return table;
}

TEST(Activity, AddsMergesAndScales) {
  Activity x;
  x.add(0, 10);
  x.add(1, 5, 2);
  x.add(0, 7);
  x.add(1, 0);
  EXPECT_EQ(x.rows().size(), 2U);
  Activity y = x;
  y += x;
  EXPECT_EQ(y.count(0), 34);
  EXPECT_EQ(x.scaled(3).count(1), 15);
  const Activity moved = x.relabelled(4, 1);
  EXPECT_EQ(moved.count(1), 17);
  EXPECT_EQ(moved.rows().front().layer, 4U);
}

TEST(Ledger, SumsByBoundaryAndCategory) {
  const PriceTable table = two_prices();
  Activity x;
  x.add(0, 1000);
  x.add(1, 64);
  const Ledger ledger = price(x, table);
  EXPECT_DOUBLE_EQ(ledger.cumulative_J(Boundary::B0), 2e-10);
  EXPECT_DOUBLE_EQ(ledger.cumulative_J(Boundary::B1), 2e-10);
  EXPECT_DOUBLE_EQ(ledger.cumulative_J(Boundary::B2), 2e-10 + 64 * 3e-11);
  EXPECT_DOUBLE_EQ(ledger.category_J(Category::movement, Boundary::B2), 64 * 3e-11);
  EXPECT_DOUBLE_EQ(ledger.total_J(), ledger.cumulative_J(Boundary::B5));
  EXPECT_EQ(ledger.dram_bytes(), 64);
  const Perturbation twice_dram = [](const Price& p) { return p.component == "dram" ? 2.0 : 1.0; };
  EXPECT_DOUBLE_EQ(price(x, table, twice_dram).total_J(), 2e-10 + 128 * 3e-11);
}

TEST(Bounds, LandauerAndCompulsoryTrafficAreEnforced) {
  EXPECT_NEAR(landauer_J(300), 2.870979e-21, 1e-6 * 2.870979e-21);  // k T ln 2 at 300 K
  EXPECT_EQ(compulsory_bytes({2, 3, 4}, 1, 4), (8 + 12) * 1 + 6 * 4);
  PriceTable table = two_prices();
  Activity x;
  x.add(0, 24);
  x.add(1, 44);
  EXPECT_TRUE(violated_bounds(price(x, table), {24, true, 44, 300}).empty());
  EXPECT_EQ(violated_bounds(price(x, table), {24, true, 45, 300}).size(), 1U);
  table.prices[0].energy_per_action_J = 1e-21;
  EXPECT_EQ(violated_bounds(price(x, table), {24, true, 44, 300}).size(), 1U);
  EXPECT_TRUE(violated_bounds(price(x, table), {24, false, 44, 300}).empty());
}

TEST(TaggedEnergy, RefusesToMixProvenanceAndBoundary) {
  const TaggedEnergy measured{1, Provenance::measured, Boundary::B3};
  const TaggedEnergy modelled{2, Provenance::modelled, Boundary::B3};
  const TaggedEnergy inner{2, Provenance::modelled, Boundary::B0};
  EXPECT_FALSE(add(measured, modelled));
  EXPECT_FALSE(add(modelled, inner));
  EXPECT_EQ(add(modelled, modelled)->energy_J, 4);
  EXPECT_FALSE(ratio(modelled, inner));
  EXPECT_EQ(*ratio(measured, modelled), 0.5);
  EnergyBreakdown parts;
  parts.add(measured);
  parts.add(modelled);
  EXPECT_EQ(parts.total_J(), 3);
  EXPECT_EQ(parts.provenance(), Provenance::modelled);
}

}  // namespace
}  // namespace jb
