// Traffic of the five-loop GEMM model against figures computed by hand from its formulas, and
// against the least traffic that any schedule needs.

#include "backends/energy/cpu_traffic.h"

#include <gtest/gtest.h>

#include <vector>

namespace jb {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kFloat = 4;  // bytes

double mib(double elements) { return elements * kFloat / kMiB; }

// Haswell's single-precision blocks; nothing stays in the last level.
CpuGeometry haswell() { return {}; }

TEST(CpuTraffic, GoldenValuesOfSgemm4096) {
  const CpuTraffic t = cpu_traffic({4096, 4096, 4096}, haswell());
  EXPECT_EQ(mib(t.dram_a_read), 128);
  EXPECT_EQ(mib(t.dram_b_read), 64);
  EXPECT_EQ(mib(t.dram_c_read), 1024);
  EXPECT_EQ(mib(t.dram_c_write), 1024);
  EXPECT_EQ(mib(t.dram()), 2240);
  EXPECT_EQ(mib(t.l3_b_read), 1856);
  EXPECT_EQ(mib(t.l2_a_read), 16384);
  EXPECT_EQ(mib(t.l1_a_read), 16384);
  EXPECT_EQ(mib(t.l1_b_read), 43712);
}

TEST(CpuTraffic, GoldenValuesOfSgemm1024) {
  const CpuTraffic t = cpu_traffic({1024, 1024, 1024}, haswell());
  EXPECT_EQ(mib(t.dram()), 40);
  EXPECT_EQ(mib(t.l3_b_read), 32);
  EXPECT_EQ(mib(t.l2_a_read), 256);
  EXPECT_EQ(mib(t.l1_b_read), 684);
}

TEST(CpuTraffic, GoldenLowerBounds) {
  // Printed with no decimals (4096) and with one or none (1024).
  const GemmShape large{4096, 4096, 4096};
  EXPECT_NEAR(mib(communication_bound_elements(large, 30 * kMiB / kFloat)), 251, 0.5);
  EXPECT_NEAR(mib(communication_bound_elements(large, 256 * 1024 / kFloat)), 2112, 0.5);
  EXPECT_NEAR(mib(communication_bound_elements(large, 32 * 1024 / kFloat)), 5857, 0.5);
  const GemmShape small{1024, 1024, 1024};
  // At 30 MiB the compulsory traffic (12 MiB) exceeds the schedule's 6.9 MiB and takes its place.
  EXPECT_EQ(mib(communication_bound_elements(small, 30 * kMiB / kFloat)), 12);
  EXPECT_NEAR(mib(communication_bound_elements(small, 256 * 1024 / kFloat)), 36, 0.5);
  EXPECT_NEAR(mib(communication_bound_elements(small, 32 * 1024 / kFloat)), 94.5, 0.05);
}

TEST(CpuTraffic, CStaysInALastLevelThatHoldsIt) {
  CpuGeometry geometry = haswell();
  const GemmShape shape{1024, 1024, 1024};
  const std::int64_t c_and_b = 1024 * 1024 + 256 * 1024;
  geometry.last_level_elements = c_and_b;
  CpuTraffic t = cpu_traffic(shape, geometry);
  EXPECT_EQ(mib(t.dram_c_read), 4);
  EXPECT_EQ(mib(t.dram_c_write), 4);
  geometry.last_level_elements = c_and_b - 1;
  t = cpu_traffic(shape, geometry);
  EXPECT_EQ(mib(t.dram_c_read), 16);
  // The caches above it see the same stream either way.
  EXPECT_EQ(mib(t.l3_c_read), 16);
}

TEST(CpuTraffic, AStaysWhenItFitsBesideTheRest) {
  CpuGeometry geometry = haswell();
  const GemmShape wide{64, 9000, 256};
  EXPECT_EQ(cpu_traffic(wide, geometry).dram_a_read, 64 * 256 * 3);
  geometry.last_level_elements = 1 << 23;
  EXPECT_EQ(cpu_traffic(wide, geometry).dram_a_read, 64 * 256);
}

TEST(CpuTraffic, InstructionsOfOneRegisterTile) {
  CpuGeometry geometry = haswell();  // 6 x 16 tile of 8 lanes
  const CpuTraffic t = cpu_traffic({6, 16, 100}, geometry);
  EXPECT_EQ(t.vector_fma, 6 * 2 * 100);
  EXPECT_EQ(t.vector_load, 2 * 100);
  EXPECT_EQ(t.broadcast_load, 6 * 100);
  EXPECT_EQ(t.c_vector_access, 2 * 6 * 2);
  // Accesses of L1 per multiply-add: 1 / (mr lanes) + 1 / nr.
  EXPECT_DOUBLE_EQ((t.vector_load + t.broadcast_load) / (6.0 * 16 * 100), 1.0 / (6 * 8) + 1.0 / 16);
}

TEST(CpuTraffic, NoLevelMovesLessThanAnyScheduleMust) {
  const std::vector<std::int64_t> sizes = {1, 7, 64, 257, 1000, 4096, 9001};
  for (const std::int64_t last_level :
       {std::int64_t{0}, std::int64_t{1} << 18, std::int64_t{1} << 23}) {
    CpuGeometry geometry = haswell();
    geometry.last_level_elements = last_level;
    for (const std::int64_t m : sizes) {
      for (const std::int64_t n : sizes) {
        for (const std::int64_t k : sizes) {
          const GemmShape shape{m, n, k};
          const CpuTraffic t = cpu_traffic(shape, geometry);
          // The model's last level holds the packed B (kc nc), its L2 the packed A and a stripe of
          // B, its L1 a micro-panel of B, one of A and a tile of C.
          const double last = static_cast<double>(last_level) + 256 * 4080;
          EXPECT_GE(t.dram(), communication_bound_elements(shape, last)) << to_string(shape);
          EXPECT_GE(t.last_level(), communication_bound_elements(shape, 256 * 1024 / kFloat))
              << to_string(shape);
          EXPECT_GE(t.l2() + t.l1_c_read + t.l1_c_write,
                    communication_bound_elements(shape, 32 * 1024 / kFloat))
              << to_string(shape);
        }
      }
    }
  }
}

TEST(CpuTraffic, AnEmptyProductMovesNothing) {
  for (const GemmShape shape : {GemmShape{0, 4, 4}, GemmShape{4, 0, 4}, GemmShape{4, 4, 0}}) {
    const CpuTraffic t = cpu_traffic(shape, haswell());
    EXPECT_EQ(t.dram() + t.last_level() + t.l2() + t.l1() + t.vector_fma, 0) << to_string(shape);
  }
}

}  // namespace
}  // namespace jb
