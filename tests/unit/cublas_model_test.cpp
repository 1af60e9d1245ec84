// The GPU's traffic and energy model: the golden example, floors, what a larger batch must do.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "backends/backend.h"
#include "backends/energy/bounds.h"
#include "backends/energy/cpu_traffic.h"
#include "backends/energy/gpu_traffic.h"
#include "backends/energy/ledger.h"

namespace jb {
namespace {

// 8192 cubed in f16 on 128 x 256 tiles, 132 multiprocessors as 11 x 12, 64 x 64 warp tiles, results
// in f16; each figure by the formula of a tiled product, to the digits that the reference prints.
TEST(GpuTraffic, GoldenValuesOf8192Cubed) {
  GpuGeometry geometry;
  geometry.bytes_out = 2;
  geometry.l2_bytes = 50e6;
  const GemmShape shape{8192, 8192, 8192};
  const GpuTraffic t = gpu_traffic(shape, geometry);
  EXPECT_NEAR(t.dram_read, 1.14e9, 0.005e9);
  EXPECT_NEAR(t.dram_write, 0.134e9, 0.0005e9);
  EXPECT_NEAR(t.l2_read, 12.9e9, 0.05e9);
  EXPECT_NEAR(t.shared_read, 34.4e9, 0.05e9);
  EXPECT_NEAR(t.register_file / shape.macs(), 0.875, 1e-12);  // m16n8k16: 512 + 256 + 2 x 512 B
  EXPECT_NEAR(t.lane_instructions, shape.macs() / 64, 1);     // 2048 multiply-adds by 32 lanes
  EXPECT_EQ(t.executed_macs, shape.macs());
  const double hbm_J = (t.dram_read + t.dram_write) * 8 * 3.9e-12;
  EXPECT_NEAR(hbm_J, 40e-3, 0.5e-3);
  // The least that any schedule moves with 50 MB on the chip: 0.57 GB; compulsory 0.40 GB.
  const double bound = 2 * communication_bound_elements(shape, 50e6 / 2);
  EXPECT_NEAR(bound, 0.574e9, 0.001e9);
  EXPECT_GT(t.dram_read + t.dram_write, bound);
  EXPECT_NEAR(compulsory_bytes(shape, 2, 2), 0.403e9, 0.001e9);
}

TEST(GpuTraffic, AVectorProductReadsTheMatrixOnce) {
  GpuGeometry geometry;
  geometry.bytes_out = 2;
  const GpuTraffic t = gpu_traffic({1, 8192, 8192}, geometry);
  EXPECT_NEAR(t.dram_read + t.dram_write, 134e6, 0.5e6);
  EXPECT_NEAR(t.dram_read * 8 * 3.9e-12, 4.2e-3, 0.05e-3);
  EXPECT_EQ(t.executed_macs, 8.0 * 8192 * 8192);  // eight rows are the least of an instruction
}

TEST(GpuTraffic, NeverBelowTheCompulsoryTrafficAndLargerWithSize) {
  GpuGeometry geometry;
  for (const double l2 : {0.0, 50e6}) {
    geometry.l2_bytes = l2;
    double last = 0;
    for (const std::int64_t n : {1, 7, 64, 500, 2048, 5000, 20000}) {
      const GemmShape shape{n, n + 3, 2 * n};
      const GpuTraffic t = gpu_traffic(shape, geometry);
      const double dram = t.dram_read + t.dram_write;
      EXPECT_GE(dram, compulsory_bytes(shape, 2, 4)) << n;
      EXPECT_GE(t.l2_read, (shape.macs() / static_cast<double>(shape.n) +
                            shape.macs() / static_cast<double>(shape.m)) *
                               2)
          << n;
      EXPECT_GE(t.executed_macs, shape.macs()) << n;
      EXPECT_GT(dram, last) << n;
      last = dram;
    }
  }
}

TEST(GpuTraffic, AnEmptyProductMovesNothing) {
  for (const GemmShape shape : {GemmShape{0, 4, 4}, GemmShape{4, 0, 4}, GemmShape{4, 4, 0}}) {
    const GpuTraffic t = gpu_traffic(shape, {});
    EXPECT_EQ(t.dram_read + t.dram_write + t.l2_read + t.shared_read + t.register_file, 0);
    EXPECT_EQ(t.executed_macs, 0);
  }
}

class GpuEnergyTest : public ::testing::Test {
 protected:
  std::unique_ptr<Device> open(const std::string& name, ElementType precision) const {
    return backend_.open(load_device(backend_, name), DeviceInstance{1, 0, precision});
  }
  const Backend& backend_ = find_backend("cublas");
};

// Every row of an H100's ledger at 8192 cubed in f16, from the counts above and the constants.
TEST_F(GpuEnergyTest, LedgerOfAnH100ByClosedForm) {
  constexpr double kPico = 1e-12;
  const auto device = open("h100", ElementType::f16);
  const GemmShape shape{8192, 8192, 8192};
  const Activity activity = device->estimate(shape, OperandMode::stationary, {});
  const Ledger ledger = price(activity, device->prices());
  const double macs = shape.macs();
  const double arithmetic = macs * (0.34 + 0.38) * kPico;
  EXPECT_NEAR(ledger.cumulative_J(Boundary::B0), arithmetic, 1e-9 * arithmetic);

  const double hbm_bytes =
      2 * macs * (1 / (12.0 * 256) + 1 / (11.0 * 128)) + 4 * 8192.0 * 8192;  // C leaves as f32
  EXPECT_NEAR(ledger.dram_bytes(), hbm_bytes, 1e-9 * hbm_bytes);
  const double fill = 2 * macs * (1 / 256.0 + 1 / 128.0);
  const double shared = 2 * macs * (1 / 256.0 + 1 / 64.0);  // wgmma m64n256 reads shared memory
  const double lanes = macs / (64 * 256 * 16 / 128);
  const double on_chip = lanes * 10 * kPico + macs * 0.5 * 0.1 * kPico  // sums: 2 x 4 B / 16
                         + (shared + fill) * 8.5 / 8 * kPico + (fill + hbm_bytes) * 8 * kPico;
  const double b1 = arithmetic + on_chip;
  EXPECT_NEAR(ledger.cumulative_J(Boundary::B1), b1, 1e-9 * b1);
  const double b2 = b1 + hbm_bytes * 8 * 3.4 * kPico;
  EXPECT_NEAR(ledger.cumulative_J(Boundary::B2), b2, 1e-9 * b2);
  const double time_s = macs / (989.4e12 / 2) + 2e-6;
  EXPECT_NEAR(activity.device_time_s, time_s, 1e-9 * time_s);
  const double b3 = b2 + 70 * time_s;
  EXPECT_NEAR(ledger.total_J(), b3, 1e-9 * b3);
}

TEST_F(GpuEnergyTest, FloorsHoldOnEveryGpuInEveryPrecision) {
  for (const std::string name : {"a100", "h100", "h200"}) {
    for (const ElementType precision : backend_.info().precisions) {
      const auto device = open(name, precision);
      for (const GemmShape shape : {GemmShape{1, 100, 784}, GemmShape{64, 1000, 1000},
                                    GemmShape{1024, 1024, 1024}, GemmShape{100000, 9000, 30000}}) {
        if (!device->supports(shape, OperandMode::stationary, precision)) continue;
        const Activity activity = device->estimate(shape, OperandMode::stationary, {});
        BoundsCheck check;
        check.macs = shape.macs();
        check.digital_arithmetic = true;
        check.compulsory_bytes = compulsory_bytes(shape, bytes_of(precision), bytes_of(precision));
        EXPECT_TRUE(violated_bounds(price(activity, device->prices()), check).empty())
            << name << " " << name_of(precision) << " " << to_string(shape);
        EXPECT_LE(shape.macs() / activity.device_time_s, device->peak_mac_per_s());
      }
    }
  }
}

// No published joules per multiply-add of a product stand behind these presets. A board's power
// limit is no measurement, but a model far beyond it, or of a small part of it at full rate, would
// contradict the machine: data sheets, 700 W and 400 W. 1.2 leaves room for class D.
TEST_F(GpuEnergyTest, PowerOfALargeProductLiesNearTheBoardsLimit) {
  for (const auto& [name, limit_W] :
       {std::pair<std::string, double>{"h100", 700}, {"h200", 700}, {"a100", 400}}) {
    for (const ElementType precision : backend_.info().precisions) {
      const auto device = open(name, precision);
      const GemmShape shape{8192, 8192, 8192};
      if (!device->supports(shape, OperandMode::stationary, precision)) continue;
      const Activity activity = device->estimate(shape, OperandMode::stationary, {});
      const double power_W = price(activity, device->prices()).total_J() / activity.device_time_s;
      EXPECT_LT(power_W, 1.2 * limit_W) << name << " " << name_of(precision);
      EXPECT_GT(power_W, 0.4 * limit_W) << name << " " << name_of(precision);
    }
    EXPECT_TRUE(load_device(backend_, name).validation().against.empty());
  }
}

TEST_F(GpuEnergyTest, BatchOneIsBoundByWeightsFromMemory) {
  const auto device = open("h100", ElementType::f16);
  const GemmShape gemv{1, 8192, 8192};
  const Activity activity = device->estimate(gemv, OperandMode::stationary, {});
  const Ledger ledger = price(activity, device->prices());
  EXPECT_GT(ledger.dram_bytes() / gemv.macs(), 2);
  EXPECT_DOUBLE_EQ(activity.device_time_s, ledger.dram_bytes() / 3.35e12 + 2e-6);
  const GemmShape batch{1024, 8192, 8192};
  const Ledger thick =
      price(device->estimate(batch, OperandMode::stationary, {}), device->prices());
  EXPECT_GT(ledger.cumulative_J(Boundary::B2) / gemv.macs(),
            20 * thick.cumulative_J(Boundary::B2) / batch.macs());
}

TEST_F(GpuEnergyTest, FewerBitsCostLess) {
  for (const std::string name : {"a100", "h100"}) {
    double last = std::numeric_limits<double>::infinity();
    for (const ElementType precision :
         {ElementType::f32, ElementType::tf32, ElementType::f16, ElementType::s8}) {
      const auto device = open(name, precision);
      const double joules =
          price(device->estimate({4096, 4096, 4096}, OperandMode::stationary, {}), device->prices())
              .total_J();
      EXPECT_LT(joules, last) << name << " " << name_of(precision);
      last = joules;
    }
  }
}

TEST_F(GpuEnergyTest, ADynamicOperandIsWrittenInEveryProduct) {
  const auto device = open("h100", ElementType::bf16);
  const GemmShape shape{64, 100, 784};
  const auto bytes = [&](OperandMode mode) {
    return price(device->estimate(shape, mode, {}), device->prices()).dram_bytes();
  };
  const double loading =
      price(device->estimate_setup(shape, OperandMode::stationary), device->prices()).dram_bytes();
  EXPECT_EQ(loading, 100 * 784 * 2);
  EXPECT_EQ(bytes(OperandMode::dynamic) - bytes(OperandMode::stationary), loading);
  EXPECT_TRUE(device->estimate_setup(shape, OperandMode::dynamic).rows().empty());
}

}  // namespace
}  // namespace jb
