// The CPU's ledger against its closed form, the floors of arithmetic and traffic, and what a larger
// batch must do to the energy of a multiply-add.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "backends/backend.h"
#include "backends/energy/bounds.h"
#include "backends/energy/ledger.h"

namespace jb {
namespace {

class CpuEnergyTest : public ::testing::Test {
 protected:
  [[nodiscard]] Ledger ledger(const GemmShape& shape) const {
    return price(device_->estimate(shape, OperandMode::stationary, {}), device_->prices());
  }
  const Backend& backend_ = find_backend("onednn");
  std::unique_ptr<Device> device_ = backend_.open(load_device(backend_, "xeon-server"), {});
};

double joules_of(const Ledger& ledger, std::string_view component) {
  double sum = 0;
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->component == component) sum += row.energy_J;
  }
  return sum;
}

// 1024^3 on 6 x 16 register tiles, 144 x 256 and 256 x 4080 blocks, 16 lanes, C held by 105 MiB:
// counts by hand from the five loops, constants from Jouppi et al., ISCA 2021.
TEST_F(CpuEnergyTest, LedgerOf1024CubedByClosedForm) {
  constexpr double kPico = 1e-12;
  const Ledger rows = ledger({1024, 1024, 1024});
  const double macs = 1024.0 * 1024 * 1024;
  const double plane = 1024.0 * 1024;
  const double row_tiles = 171;   // ceil(1024 / 6)
  const double row_blocks = 8;    // ceil(1024 / 144)
  const double col_tiles = 64;    // 1024 / 16
  const double depth_blocks = 4;  // 1024 / 256

  const double b0 = macs * (1.31 + 0.38) * kPico;
  EXPECT_NEAR(rows.cumulative_J(Boundary::B0), b0, 1e-9 * b0);

  const double fma = macs / 16;
  const double loads = 1024.0 * col_tiles * row_tiles;
  const double broadcasts = plane * col_tiles;
  const double c_accesses = 2 * plane / 16 * depth_blocks;
  const double issue = (fma + loads + broadcasts + c_accesses) * 70 / 2.6 * kPico;
  EXPECT_NEAR(joules_of(rows, "front end"), issue, 1e-5 * issue);
  const double registers = (4 * fma + loads + broadcasts + c_accesses) * 64 * 0.1 * kPico;
  EXPECT_NEAR(joules_of(rows, "register file"), registers, 1e-9 * registers);

  const double l2_bytes = 4 * plane * (col_tiles + row_blocks);
  const double l3_bytes = 4 * plane * (1 + row_blocks + 2 * depth_blocks);
  const double dram_bytes = 4 * plane * (1 + 1 + 2);
  const double l1 = ((loads + c_accesses) * 64 + broadcasts * 8 + l2_bytes) * 8.5 / 8 * kPico;
  EXPECT_NEAR(joules_of(rows, "l1"), l1, 1e-9 * l1);
  const double l2 = (l2_bytes + l3_bytes) * 14.0 / 8 * kPico;
  EXPECT_NEAR(joules_of(rows, "l2"), l2, 1e-9 * l2);
  const double l3 = (l3_bytes + dram_bytes) * 14.0 / 8 * (14 / 8.5) * kPico;
  EXPECT_NEAR(joules_of(rows, "l3"), l3, 1e-5 * l3);
  const double wires = l3_bytes * 8 * 15 * 0.08 * kPico;
  EXPECT_NEAR(joules_of(rows, "on-chip network"), wires, 1e-9 * wires);
  const double dram = dram_bytes * 8 * 13 * kPico;
  EXPECT_NEAR(joules_of(rows, "dram"), dram, 1e-9 * dram);
  EXPECT_EQ(rows.dram_bytes(), dram_bytes);

  // Arithmetic takes longer than DRAM here: 56 cores, 2.5 GHz, two units of 16 lanes.
  const double time_s = fma / (56 * 2.5e9 * 2);
  ASSERT_GT(time_s, dram_bytes / 307.2e9);
  const double idle = (56 * 1.0 + 60) * time_s;
  EXPECT_NEAR(joules_of(rows, "cores") + joules_of(rows, "uncore"), idle, 1e-9 * idle);
  const double total = b0 + issue + registers + l1 + l2 + l3 + wires + dram + idle;
  EXPECT_NEAR(rows.cumulative_J(Boundary::B3), total, 1e-5 * total);
  EXPECT_NEAR(rows.total_J(), total, 1e-5 * total);
}

TEST_F(CpuEnergyTest, FloorsHold) {
  for (const GemmShape shape : {GemmShape{1, 100, 784}, GemmShape{64, 100, 784},
                                GemmShape{1024, 1024, 1024}, GemmShape{20000, 20000, 20000}}) {
    BoundsCheck check;
    check.macs = shape.macs();
    check.digital_arithmetic = true;
    check.compulsory_bytes = compulsory_bytes(shape, 4, 4);
    EXPECT_TRUE(violated_bounds(ledger(shape), check).empty()) << to_string(shape);
    const Activity activity = device_->estimate(shape, OperandMode::stationary, {});
    EXPECT_LE(shape.macs() / activity.device_time_s, device_->peak_mac_per_s()) << to_string(shape);
  }
}

TEST_F(CpuEnergyTest, BatchOneIsBoundByWeightsFromDram) {
  // At m = 1 every weight is read for one multiply-add: 4 bytes each, and DRAM sets the time.
  const GemmShape gemv{1, 4096, 4096};
  const Activity activity = device_->estimate(gemv, OperandMode::stationary, {});
  const Ledger rows = ledger(gemv);
  EXPECT_GT(rows.dram_bytes() / gemv.macs(), 4);
  EXPECT_DOUBLE_EQ(activity.device_time_s, rows.dram_bytes() / 307.2e9);
  const GemmShape batch{64, 4096, 4096};
  const double thin = rows.cumulative_J(Boundary::B2) / gemv.macs();
  const double thick = ledger(batch).cumulative_J(Boundary::B2) / batch.macs();
  EXPECT_GT(thin, 5 * thick);
}

TEST_F(CpuEnergyTest, WithoutAPublishedFigureThePresetSaysSo) {
  EXPECT_TRUE(device_->spec().validation().against.empty());
  EXPECT_EQ(device_->prices().highest, Boundary::B3);
  for (const char* key : {"energy.instruction_J", "static.core_W", "static.uncore_W"}) {
    EXPECT_EQ(device_->spec().at(key).cls, ConstantClass::D) << key;
  }
}

}  // namespace
}  // namespace jb
