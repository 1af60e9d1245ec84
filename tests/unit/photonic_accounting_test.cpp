// Counts and joules of the homodyne array against closed forms (E7), (E8) written out here, and
// against the worked example of the photonic reference (Sec. 6.4).

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "backends/photonic/physics.h"
#include "tests/support/photonic_bench.h"

namespace jb {
namespace {

using photonic_test::energy_of;
using photonic_test::multiply;
using photonic_test::normal_matrix;
using photonic_test::open_device;
using photonic_test::Overrides;

// Overrides of the worked example: PAPR 1, the 1.48 pJ ADC, no DRAM, no static power.
Overrides worked_example(double n_mac) {
  return {{"papr", "1"},
          {"n_mac", std::to_string(n_mac)},
          {"adc.energy_law", "given"},
          {"energy.adc_J", "1.48e-12"},
          {"energy.dram_J_per_B", "0"},
          {"static.modulator_W", "0"}};
}

struct WorkedRow {
  GemmShape shape;  // m, n, k of this project: the reference's (n, m, k)
  double n_mac;
  double total, weights, activations, readout, laser, memory;  // fJ/MAC
  double time_us;
};

// Columns modA (weights), modB (activations), readout, laser, mem of the reference's table.
const std::vector<WorkedRow> kWorked = {
    {{1024, 1024, 1024}, 1, 188.86, 62.83, 62.83, 61.45, 0.00186, 1.752, 52.43},
    {{1024, 1024, 1024}, 1000, 190.71, 62.83, 62.83, 61.45, 1.861, 1.752, 52.43},
    {{64, 100, 784}, 1000, 209.52, 62.83, 80.42, 61.89, 2.382, 2.006, 0.3136},
    {{1, 100, 784}, 1000, 4371.28, 4021, 80.42, 61.89, 152.4, 55.53, 0.3136},
    {{1, 4096, 4096}, 1000, 4319.67, 4021, 62.83, 61.45, 119.1, 55.28, 52.43}};

TEST(PhotonicAccounting, WorkedExample) {
  for (const WorkedRow& row : kWorked) {
    const auto device = open_device("photonic-2025", worked_example(row.n_mac));
    const Activity activity = device->estimate(row.shape, OperandMode::stationary, {});
    const Ledger ledger = price(activity, device->prices());
    const double per_mac_fJ = 1e15 / row.shape.macs();
    const double weights = energy_of(ledger, "dac", "convert weight") +
                           energy_of(ledger, "modulator", "modulate weight");
    const double activations = energy_of(ledger, "dac", "convert activation") +
                               energy_of(ledger, "modulator", "modulate activation");
    const double readout = energy_of(ledger, "adc") + energy_of(ledger, "integrator");
    // The table prints four digits and asks for 1e-3.
    const auto expect = [&](double joules, double table, const char* what) {
      EXPECT_NEAR(joules * per_mac_fJ, table, 1e-3 * table) << what << " " << to_string(row.shape);
    };
    expect(weights, row.weights, "weights");
    expect(activations, row.activations, "activations");
    expect(readout, row.readout, "readout");
    expect(energy_of(ledger, "laser"), row.laser, "laser");
    expect(energy_of(ledger, "sram"), row.memory, "memory");
    expect(ledger.total_J(), row.total, "total");
    EXPECT_NEAR(activity.device_time_s * 1e6, row.time_us, 1e-3 * row.time_us);
  }
}

TEST(PhotonicAccounting, PartialSumsOfTheWorkedExample) {
  const auto device = open_device("photonic-2025", worked_example(1000));
  const GemmShape shape{1, 4096, 4096};
  const Ledger ledger =
      price(device->estimate(shape, OperandMode::stationary, {}), device->prices());
  EXPECT_NEAR(energy_of(ledger, "partial sum") / shape.macs() * 1e15, 0.022, 0.0005);
}

TEST(PhotonicAccounting, UndividedPicojoulesFollowTheReuse) {
  // (E7) with E_in = E_out = 1 pJ and full fan-out: (1/n + 1/m + 1/k) pJ.
  const Overrides full = {{"array.outputs", "0"},
                          {"array.samples", "0"},
                          {"array.integration", "0"},
                          {"energy.input_J", "1e-12"},
                          {"energy.output_J", "1e-12"}};
  const auto device = open_device("hamerly2019-nearterm", full);
  struct Case {
    GemmShape shape;
    double fJ;
  };
  const std::vector<Case> cases = {
      {{1024, 1024, 1024}, 2.9297}, {{1, 100, 784}, 1011.28}, {{64, 100, 784}, 26.901}};
  for (const Case& c : cases) {
    const Ledger ledger =
        price(device->estimate(c.shape, OperandMode::stationary, {}), device->prices());
    const double joules =
        energy_of(ledger, "transmitter (undivided)") + energy_of(ledger, "receiver (undivided)");
    EXPECT_NEAR(joules / c.shape.macs() * 1e15, c.fJ, 1e-4 * c.fJ);
  }
}

double ceil_div(std::int64_t a, std::int64_t b) { return static_cast<double>((a + b - 1) / b); }

/// All rows of photonic-2025 by the closed form (E8) plus memories and static power.
double closed_form_J(const GemmShape& s, double papr, double adc_J) {
  const double m = static_cast<double>(s.m), n = static_cast<double>(s.n),
               k = static_cast<double>(s.k);
  const double tm = ceil_div(s.m, 64), tn = ceil_div(s.n, 64), tk = ceil_div(s.k, 1024);
  const double weight_symbols = k * n * tm, activation_symbols = m * k * tn, readouts = m * n * tk;
  const double cycles = tm * tn * std::max(k, 5 * tk);
  const double photon_J = 6.62607015e-34 * 299792458.0 / 1550e-9;
  const double delivered = 0.2 * std::pow(10.0, -0.463);
  return (weight_symbols + activation_symbols) * (3.571e-12 + 0.45e-12) +
         4096 * tm * tn * k * 1000 * papr * photon_J / delivered + readouts * adc_J +
         m * n * k / 5e9 * 3e-4 + (weight_symbols + activation_symbols + readouts) * 5.4375e-14 +
         m * n * (tk - 1) * 3e-14 + (m * k + k * n + m * n) * 3.12e-11 + 128 * cycles / 5e9 * 2e-3;
}

TEST(PhotonicAccounting, AllRowsMatchTheClosedForm) {
  const auto device = open_device("photonic-2025");
  OperandStatistics statistics;
  statistics.a = {2.0, 1.0, 6.0, 1.0};  // PAPR 18
  statistics.b = {0.5, 0.4, 2.0, 1.0};  // PAPR 8; equal split: 13
  for (const GemmShape shape : {GemmShape{1, 1, 1},
                                {64, 64, 1024},
                                {65, 63, 1025},
                                {1, 1000, 3000},
                                {1000000, 4096, 4096},
                                {7, 129, 4}}) {
    const Activity activity = device->estimate(shape, OperandMode::stationary, statistics);
    const double expected = closed_form_J(shape, 13, photonic::adc_rule_J(8));
    const double total = price(activity, device->prices()).total_J();
    EXPECT_NEAR(total, expected, 1e-9 * expected) << to_string(shape);
    EXPECT_GE(activity.executed_macs, shape.macs());
    EXPECT_LE(shape.macs() / activity.device_time_s, device->peak_mac_per_s() * (1 + 1e-12));
  }
}

TEST(PhotonicAccounting, EveryDroppedOrDoubledRowIsNoticed) {
  const auto device = open_device("photonic-2025");
  const GemmShape shape{100, 200, 3000};
  OperandStatistics statistics;
  statistics.a = {1, 1, 3, 1};
  statistics.b = {1, 1, 3, 1};
  const Activity whole = device->estimate(shape, OperandMode::stationary, statistics);
  const double expected = closed_form_J(shape, 9, photonic::adc_rule_J(8));
  // Every action but the two of rewriting B happens in a product.
  ASSERT_EQ(whole.rows().size() + 2, device->prices().prices.size());
  for (std::size_t mutated = 0; mutated < whole.rows().size(); ++mutated) {
    for (const double factor : {0.0, 2.0}) {
      Activity activity;
      for (std::size_t r = 0; r < whole.rows().size(); ++r) {
        const ActivityRow& row = whole.rows()[r];
        activity.add(row.action, row.count * (r == mutated ? factor : 1.0));
      }
      const double total = price(activity, device->prices()).total_J();
      EXPECT_GT(std::fabs(total - expected), 1e-9 * expected)
          << device->prices().prices[whole.rows()[mutated].action].component;
    }
  }
}

TEST(PhotonicAccounting, ExecuteCountsWithTheFunctionOfEstimate) {
  const auto device = open_device("photonic-2025");
  const auto a = normal_matrix<float>(70, 130, 1);
  const auto b = normal_matrix<float>(130, 33, 2);
  Execution execution;
  (void)multiply(*device, a, b, {}, 0, &execution);
  const Activity estimate =
      device->estimate({70, 33, 130}, OperandMode::stationary, execution.statistics);
  ASSERT_EQ(estimate.rows().size(), execution.activity.rows().size());
  for (std::size_t r = 0; r < estimate.rows().size(); ++r) {
    EXPECT_EQ(estimate.rows()[r].action, execution.activity.rows()[r].action);
    EXPECT_EQ(estimate.rows()[r].count, execution.activity.rows()[r].count);
  }
  EXPECT_EQ(estimate.device_time_s, execution.activity.device_time_s);
  EXPECT_EQ(estimate.executed_macs, execution.activity.executed_macs);
}

TEST(PhotonicAccounting, LaserPaysForThePeaksOfBothOperands) {
  const Overrides split = {{"split", "0.25"}};
  const auto device = open_device("photonic-2025", split);
  auto a = normal_matrix<float>(8, 16, 1);
  auto b = normal_matrix<float>(16, 8, 2);
  Execution execution;
  (void)multiply(*device, a, b, {}, 0, &execution);
  double max_a = 0, sum_a = 0, max_b = 0, sum_b = 0;
  for (std::int64_t i = 0; i < 128; ++i) {
    const double x = static_cast<double>(a.data()[i]), y = static_cast<double>(b.data()[i]);
    max_a = std::max(max_a, x * x);
    max_b = std::max(max_b, y * y);
    sum_a += x * x;
    sum_b += y * y;
  }
  const double papr = 0.25 * max_b / (sum_b / 128) + 0.75 * max_a / (sum_a / 128);
  bool found = false;
  for (const ActivityRow& row : execution.activity.rows()) {
    const Price& price = device->prices().prices[row.action];
    EXPECT_EQ(price.data_dependent, price.component == "laser");
    if (price.component != "laser") continue;
    found = true;
    EXPECT_NEAR(row.count, 4096.0 * 16 * 1000 * papr, 1e-9 * row.count);
  }
  EXPECT_TRUE(found);
}

TEST(PhotonicAccounting, BoundariesStopWhereThePresetHasData) {
  const auto sql = open_device("hamerly2019-sql");
  ASSERT_EQ(sql->prices().prices.size(), 1U);
  EXPECT_EQ(sql->prices().highest, Boundary::B0);
  // One photon per MAC of 1550 nm light: 0.128 aJ.
  const GemmShape shape{64, 100, 784};
  const Ledger ledger = price(sql->estimate(shape, OperandMode::stationary, {}), sql->prices());
  EXPECT_NEAR(ledger.total_J() / shape.macs(), 1.2816e-19, 1e-3 * 1.2816e-19);

  const auto ideal = open_device("ideal");
  EXPECT_TRUE(ideal->prices().prices.empty());
  const auto nearterm = open_device("hamerly2019-nearterm");
  EXPECT_EQ(nearterm->prices().lowest, Boundary::B1);
  for (const char* highest : {"B0", "B1", "B2", "B3"}) {
    const auto device = open_device("photonic-2025", {{"energy.highest", highest}});
    for (const Price& p : device->prices().prices) EXPECT_LE(p.boundary, device->prices().highest);
  }
}

TEST(PhotonicAccounting, OffChipTrafficIsCompulsory) {
  const auto device = open_device("photonic-2025");
  const GemmShape shape{10, 20, 30};
  const Ledger ledger =
      price(device->estimate(shape, OperandMode::stationary, {}), device->prices());
  // One byte per 8-bit element of A, B and C.
  EXPECT_DOUBLE_EQ(ledger.dram_bytes(), 10 * 30 + 30 * 20 + 10 * 20);
}

TEST(PhotonicAccounting, UpdateIsChargedAndNothingIsProgrammed) {
  const auto device = open_device("photonic-2025");
  const auto b = normal_matrix<float>(30, 20, 1);
  const auto plan = device->plan({4, 20, 30}, b.view(), OperandMode::stationary, {});
  EXPECT_TRUE(plan->setup().rows().empty());
  EXPECT_TRUE(plan->resident());
  const Ledger ledger = price(plan->update(b.view()), device->prices());
  EXPECT_NEAR(ledger.total_J(), 600 * (5.4375e-14 + 3.12e-11), 1e-20);
  const auto dynamic = device->plan({4, 20, 30}, b.view(), OperandMode::dynamic, {});
  EXPECT_FALSE(dynamic->resident());
}

TEST(PhotonicAccounting, GatingSwitchesIdleLanesOff) {
  const auto idle = open_device("photonic-2025");
  const auto gated = open_device("photonic-2025", {{"laser.gating", "true"}});
  const GemmShape shape{1, 100, 784};
  const auto laser = [&](Device& device) {
    return energy_of(price(device.estimate(shape, OperandMode::stationary, {}), device.prices()),
                     "laser");
  };
  // Two passes of 64 x 64 lanes for 1 x 100 outputs.
  EXPECT_NEAR(laser(*idle) / laser(*gated), 2 * 4096.0 / 100, 1e-9);
}

}  // namespace
}  // namespace jb
