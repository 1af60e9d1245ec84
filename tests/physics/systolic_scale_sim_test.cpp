// SCALE-Sim v2: cycles and SRAM accesses that the tool printed for three GEMMs in three dataflows
// on a 32 x 32 array with 64 KiB buffers, and the repository's trace of AlexNet conv1. The device's
// estimate must reproduce them exactly; printed cycles are one less than the run takes.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "backends/energy/ledger.h"

namespace jb {
namespace {

constexpr double kPico = 1e-12;

std::unique_ptr<Device> open_array(const std::string& dataflow) {
  const Backend& backend = find_backend("systolic");
  DeviceSpec spec = load_device(backend, "scale-sim-32");
  spec.set("dataflow", dataflow);
  return backend.open(spec, {});
}

double joules_of(const Ledger& ledger, std::string_view component, std::string_view action) {
  double sum = 0;
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->component == component && row.price->action == action) sum += row.energy_J;
  }
  return sum;
}

double count_of(const Ledger& ledger, std::string_view component, std::string_view action) {
  double sum = 0;
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->component == component && row.price->action == action) sum += row.count;
  }
  return sum;
}

struct Printed {
  const char* dataflow;
  GemmShape shape;
  double cycles;
  double a_reads;  // negative: not compared
  double b_reads;
  double c_writes;
};

TEST(ScaleSim, CyclesAndSramAccessesAsPrinted) {
  constexpr double kBytesOfSum = 4;
  const std::vector<Printed> table = {
      {"ws", {128, 128, 128}, 3551, 65536, 16384, 65536},
      {"is", {128, 128, 128}, 3551, 16384, 65536, 65536},
      {"os", {128, 128, 128}, 3039, -1, -1, -1},
      {"ws", {100, 70, 50}, 1163, 15000, 3500, 14000},
      {"is", {100, 70, 50}, 1311, 5000, 14000, 14000},
      {"os", {100, 70, 50}, 1343, -1, -1, -1},
      {"ws", {64, 96, 200}, 3317, 38400, 19200, 43008},
      {"is", {64, 96, 200}, 2659, 12800, 38400, 43008},
      {"os", {64, 96, 200}, 1571, -1, -1, -1},
      {"ws", {3025, 96, 363}, 112283, 3294225, 34848, 3484800},
  };
  for (const Printed& row : table) {
    const auto device = open_array(row.dataflow);
    const Activity activity = device->estimate(row.shape, OperandMode::stationary, {});
    const std::string what = std::string(row.dataflow) + " " + to_string(row.shape);
    // 1 GHz: a cycle is a nanosecond.
    EXPECT_NEAR(activity.device_time_s * 1e9, row.cycles + 1, 1e-9 * row.cycles) << what;
    if (row.a_reads < 0) continue;
    const Ledger ledger = price(activity, device->prices());
    EXPECT_EQ(count_of(ledger, "sram a", "read byte"), row.a_reads) << what;
    EXPECT_EQ(count_of(ledger, "sram b", "read byte"), row.b_reads) << what;
    EXPECT_EQ(count_of(ledger, "sram c", "write byte") / kBytesOfSum, row.c_writes) << what;
  }
}

TEST(ScaleSim, OutputStationaryAccessesByFormula) {
  // M K ceil(N/C), K N ceil(M/R), M N: 100 x 70 x 50 on 32 x 32.
  const auto device = open_array("os");
  const Ledger ledger =
      price(device->estimate({100, 70, 50}, OperandMode::stationary, {}), device->prices());
  EXPECT_EQ(count_of(ledger, "sram a", "read byte"), 100 * 50 * 3);
  EXPECT_EQ(count_of(ledger, "sram b", "read byte"), 50 * 70 * 4);
  EXPECT_EQ(count_of(ledger, "sram c", "write byte"), 4 * 100 * 70);
  EXPECT_EQ(count_of(ledger, "sram c", "read byte"), 0) << "sums stay in the elements";
}

// The ledger of 100 x 70 x 50, weight stationary, from the published constants and nothing else.
TEST(ScaleSim, LedgerByClosedForm) {
  const auto device = open_array("ws");
  const double m = 100;
  const double n = 70;
  const double k = 50;
  const double macs = m * n * k;
  const double depth_folds = 2;
  const double across_folds = 3;
  const double b0 = macs * (0.2 + 0.1) * kPico;
  const double registers = macs * (8 + 32) * 0.009 * kPico;
  // 10 pJ (64 / 8)^0.473 per 64-bit access, given with six digits.
  const double sram_byte = 10 * kPico * std::pow(8.0, 0.473) / 8;
  const double array_bytes =
      m * k * across_folds + k * n + 4 * m * n * (depth_folds + (depth_folds - 1));
  // What crosses the chip's edge is written into a buffer, or read from one, once more.
  const double edge_bytes = m * k + k * n + 4 * m * n;
  const double sram = sram_byte * (array_bytes + edge_bytes);
  const double dram = 20 * 8 * kPico * edge_bytes;
  const Ledger ledger =
      price(device->estimate({100, 70, 50}, OperandMode::stationary, {}), device->prices());
  EXPECT_NEAR(ledger.cumulative_J(Boundary::B0), b0, 1e-9 * b0);
  EXPECT_NEAR(ledger.cumulative_J(Boundary::B1), b0 + registers + sram, 1e-5 * sram);
  EXPECT_NEAR(ledger.cumulative_J(Boundary::B2), b0 + registers + sram + dram, 1e-5 * sram);
  EXPECT_EQ(device->prices().highest, Boundary::B2) << "no static power is known";
  EXPECT_EQ(ledger.dram_bytes(), m * k + k * n + 4 * m * n);
}

// Every byte that DRAM gives fills a buffer and every byte that it takes is drained from one: rows
// of their own beside the array's accesses, which the tool counts.
TEST(ScaleSim, BuffersAreFilledAndDrained) {
  const auto device = open_array("ws");
  const GemmShape shape{100, 70, 50};
  const Ledger ledger =
      price(device->estimate(shape, OperandMode::stationary, {}), device->prices());
  EXPECT_EQ(count_of(ledger, "sram a", "fill byte"), 100 * 50);
  EXPECT_EQ(count_of(ledger, "sram b", "fill byte"), 50 * 70);
  EXPECT_EQ(count_of(ledger, "sram c", "drain byte"), 4 * 100 * 70);
  EXPECT_EQ(count_of(ledger, "sram c", "fill byte"), 0);
  // A buffer of C too small for 4096 rows of 32 sums: each but the last partial sum goes out to
  // DRAM and comes back.
  const GemmShape tall{4096, 32, 96};
  const Ledger spilled =
      price(device->estimate(tall, OperandMode::stationary, {}), device->prices());
  const double partial = 2.0 * 4096 * 32 * 4;
  EXPECT_EQ(count_of(spilled, "sram c", "fill byte"), partial);
  EXPECT_EQ(count_of(spilled, "sram c", "drain byte"), 4 * 4096 * 32 + partial);
  EXPECT_EQ(count_of(spilled, "dram", "partial-sum byte"), 2 * partial);
}

TEST(ScaleSim, PerturbingOneConstantMovesItsRowsAlone) {
  const auto device = open_array("ws");
  const Activity activity = device->estimate({100, 70, 50}, OperandMode::stationary, {});
  const Ledger base = price(activity, device->prices());
  const Ledger doubled = price(activity, device->prices(),
                               [](const Price& p) { return p.component == "dram" ? 2.0 : 1.0; });
  const double dram = joules_of(base, "dram", "read a byte") +
                      joules_of(base, "dram", "weight byte") +
                      joules_of(base, "dram", "write c byte");
  ASSERT_GT(dram, 0);
  EXPECT_NEAR(doubled.total_J() - base.total_J(), dram, 1e-12 * base.total_J());
}

TEST(ScaleSim, PartialSumsThatDoNotFitGoToDram) {
  // 1024 rows x 32 columns x 4 B = 128 KiB of sums against a buffer of 64 KiB: each of the 32 row
  // folds but the last writes them out, each but the first reads them back.
  const auto device = open_array("ws");
  const GemmShape shape{1024, 1024, 1024};
  const Ledger ledger =
      price(device->estimate(shape, OperandMode::stationary, {}), device->prices());
  EXPECT_EQ(count_of(ledger, "dram", "partial-sum byte"), 2.0 * 31 * 4 * 1024 * 1024);
  const auto fitting = [&] {
    const Backend& backend = find_backend("systolic");
    DeviceSpec spec = load_device(backend, "scale-sim-32");
    spec.set("buffer.c_bytes", "131072");
    return backend.open(spec, {});
  }();
  const Ledger held =
      price(fitting->estimate(shape, OperandMode::stationary, {}), fitting->prices());
  EXPECT_EQ(count_of(held, "dram", "partial-sum byte"), 0);
}

TEST(ScaleSim, TrafficIsNeverBelowCompulsoryAndRateNeverAbovePeak) {
  for (const char* dataflow : {"ws", "os", "is"}) {
    const auto device = open_array(dataflow);
    for (const GemmShape shape :
         {GemmShape{1, 100, 784}, GemmShape{64, 100, 784}, GemmShape{1024, 1024, 1024},
          GemmShape{3, 5000, 17}, GemmShape{100000, 100000, 100000}}) {
      const Activity activity = device->estimate(shape, OperandMode::stationary, {});
      const double bytes = price(activity, device->prices()).dram_bytes();
      const auto m = static_cast<double>(shape.m);
      const auto n = static_cast<double>(shape.n);
      const auto k = static_cast<double>(shape.k);
      EXPECT_GE(bytes, m * k + k * n + 4 * m * n) << dataflow << " " << to_string(shape);
      EXPECT_LE(shape.macs() / activity.device_time_s, device->peak_mac_per_s());
      EXPECT_GE(activity.executed_macs, shape.macs());
      EXPECT_LE(activity.executed_macs / activity.device_time_s, device->peak_mac_per_s());
    }
  }
}

}  // namespace
}  // namespace jb
