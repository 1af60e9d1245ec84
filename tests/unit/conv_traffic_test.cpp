// Traffic of convolutions on each kind of machine: DRAM gives the input itself, all other levels
// what the products of lowered groups would move; never less than any schedule must.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "backends/energy/bounds.h"
#include "backends/energy/cpu_traffic.h"
#include "backends/energy/gpu_traffic.h"
#include "backends/systolic/array_counts.h"

namespace jb {
namespace {

// AlexNet's second layer: 96 x 27 x 27 in two groups, 256 filters of 5 x 5.
ConvShape alexnet2() {
  ConvShape shape;
  shape.in_channels = 96;
  shape.height = shape.width = 27;
  shape.out_channels = 256;
  shape.kernel_h = shape.kernel_w = 5;
  shape.pad = 2;
  shape.groups = 2;
  return shape;
}

// A stride larger than the kernel passes over elements.
ConvShape sparse() {
  ConvShape shape;
  shape.in_channels = 4;
  shape.height = shape.width = 40;
  shape.out_channels = 8;
  shape.stride = 4;
  return shape;
}

ConvShape deep() {
  ConvShape shape = alexnet2();
  shape.images = 8;
  shape.in_channels = 512;
  shape.out_channels = 9000;
  shape.groups = 1;
  return shape;
}

double input_elements(const ConvShape& s) {
  return static_cast<double>(s.images) * static_cast<double>(s.in_channels) *
         static_cast<double>(s.height) * static_cast<double>(s.width);
}
double windows(const ConvShape& s) {
  const GemmShape g = s.gemm();
  return static_cast<double>(g.m) * static_cast<double>(g.k) * static_cast<double>(s.groups);
}

TEST(ConvTraffic, CpuReadsTheInputOnceWhereItFits) {
  CpuGeometry geometry;
  geometry.last_level_elements = 1 << 23;
  const ConvShape shape = alexnet2();
  const CpuTraffic t = cpu_conv_traffic(shape.extent(), geometry);
  EXPECT_EQ(t.dram_a_read, 96.0 * 27 * 27);
  EXPECT_EQ(t.dram_b_read, 256.0 * 48 * 25);
  EXPECT_EQ(t.dram_c_write, 256.0 * 27 * 27);
  // All above the last level is what two lowered products move.
  const CpuTraffic product = cpu_traffic(shape.gemm(), geometry);
  EXPECT_EQ(t.l3_a_read, 2 * product.l3_a_read);
  EXPECT_EQ(t.l2_b_read, 2 * product.l2_b_read);
  EXPECT_EQ(t.vector_fma, 2 * product.vector_fma);
  EXPECT_GT(product.dram_a_read * 2, 10 * t.dram_a_read);
}

TEST(ConvTraffic, CpuReadsItForEachBlockOfFiltersWhereItDoesNot) {
  CpuGeometry geometry;  // nothing stays
  const CpuTraffic t = cpu_conv_traffic(deep().extent(), geometry);
  EXPECT_EQ(t.dram_a_read, 3 * input_elements(deep()));  // 9000 filters in blocks of 4080
}

TEST(ConvTraffic, NeverMoreThanTheWindowsHold) {
  const ConvShape shape = sparse();
  ASSERT_LT(windows(shape), input_elements(shape));
  CpuGeometry cpu;
  cpu.last_level_elements = 1 << 20;
  EXPECT_EQ(cpu_conv_traffic(shape.extent(), cpu).dram_a_read, windows(shape));
  GpuGeometry gpu;
  gpu.l2_bytes = 50e6;
  EXPECT_EQ(gpu_conv_traffic(shape.extent(), gpu).dram_a_read, gpu.bytes_in * windows(shape));
  systolic::ArrayConfig array;
  array.rows = array.cols = 16;
  array.a_bytes = array.b_bytes = array.c_bytes = 1 << 20;
  EXPECT_EQ(systolic::count_convolution(shape.extent(), array).a_dram_bytes, windows(shape));
}

TEST(ConvTraffic, GpuReadsTheInputOnceFromDramAndWindowsFromItsCache) {
  GpuGeometry geometry;
  geometry.l2_bytes = 50e6;
  const ConvShape shape = alexnet2();
  const GpuTraffic t = gpu_conv_traffic(shape.extent(), geometry);
  EXPECT_EQ(t.dram_a_read, 2 * 96.0 * 27 * 27);
  EXPECT_EQ(t.dram_b_read, 2 * 256.0 * 48 * 25);
  EXPECT_EQ(t.dram_read, t.dram_a_read + t.dram_b_read);
  EXPECT_EQ(t.l2_read, 2 * gpu_traffic(shape.gemm(), geometry).l2_read);
  EXPECT_EQ(t.l2_a_read + t.l2_b_read, t.l2_read);
  EXPECT_EQ(t.shared_a_read + t.shared_b_read, t.shared_read);
}

TEST(ConvTraffic, AnArrayReadsTheInputOnceWhereItFitsAndWindowsFromItsBuffer) {
  systolic::ArrayConfig config;
  config.rows = config.cols = 32;
  config.a_bytes = 48 * 27 * 27;  // one group's part, exactly
  config.b_bytes = config.c_bytes = 1 << 20;
  const ConvShape shape = alexnet2();
  const systolic::ArrayCounts fits = systolic::count_convolution(shape.extent(), config);
  EXPECT_EQ(fits.a_dram_bytes, 96.0 * 27 * 27);
  const systolic::ArrayCounts product = systolic::count_product(shape.gemm(), config);
  EXPECT_EQ(fits.a_reads, 2 * product.a_reads);
  EXPECT_EQ(fits.cycles, 2 * product.cycles);
  EXPECT_EQ(fits.macs, shape.macs());
  config.a_bytes -= 1;
  const systolic::ArrayCounts streamed = systolic::count_convolution(shape.extent(), config);
  EXPECT_EQ(streamed.a_dram_bytes, 4 * 96.0 * 27 * 27);  // 128 filters of a group on 32 columns
}

TEST(ConvTraffic, NoScheduleMovesLess) {
  for (const ConvShape& shape : {alexnet2(), sparse(), deep()}) {
    for (const double elements : {1e4, 1e6, 1e8}) {
      const double least = conv_communication_bound_bytes(shape, 4 * elements, 4);
      // 2 MACs / sqrt(S R S / stride^2), windows of at least one element.
      const double reuse = std::max(1.0, static_cast<double>(shape.kernel_h * shape.kernel_w) /
                                             static_cast<double>(shape.stride * shape.stride));
      EXPECT_NEAR(least, 4 * 2 * shape.macs() / std::sqrt(elements * reuse), 1e-9 * least);
      CpuGeometry geometry;
      geometry.last_level_elements = static_cast<std::int64_t>(elements);
      if (elements < 256 * 4080) continue;  // the model's packed block of B would not fit
      EXPECT_GE(4 * cpu_conv_traffic(shape.extent(), geometry).dram(), least);
    }
  }
}

TEST(CommunicationBound, HoldsForOperandsOfDifferentWidths) {
  // One width: the first term of communication_bound_elements, in bytes.
  const GemmShape shape{4096, 4096, 4096};
  const double s = 1 << 20;
  EXPECT_DOUBLE_EQ(communication_bound_bytes(shape, 4 * s, 4),
                   4 * (2 * shape.macs() / std::sqrt(s) + 4096.0 * 4096));
  // Narrow operands: more of them fit, and each moves fewer bytes.
  EXPECT_LT(communication_bound_bytes(shape, 4 * s, 1), communication_bound_bytes(shape, 4 * s, 4));
}

// A network of one product may find a whole memory of its operands there; of many, that counts for
// ever less. 2 x 4096^3 / 2^10 elements of 4 bytes are 512 MiB.
TEST(CommunicationBound, OfANetworkIsThatOfItsWorkWithoutOneMemory) {
  const double macs = 4096.0 * 4096 * 4096;
  const double fast = 4.0 * (1 << 20);
  EXPECT_DOUBLE_EQ(network_communication_bound_bytes(macs, 1, fast, 4), 536870912.0 - fast);
  EXPECT_DOUBLE_EQ(network_communication_bound_bytes(3 * macs, 1, fast, 4),
                   3 * 536870912.0 - fast);
  EXPECT_DOUBLE_EQ(network_communication_bound_bytes(macs, 9, fast, 4), 536870912.0 / 3 - fast);
  EXPECT_EQ(network_communication_bound_bytes(1e6, 1, fast, 4), 0);
}

TEST(CpuTraffic, DotProductsTakeFewerInstructionsAndTheSameBytes) {
  CpuGeometry one;
  CpuGeometry four = one;
  four.depth_per_instruction = 4;
  const GemmShape shape{60, 64, 102};
  const CpuTraffic a = cpu_traffic(shape, one);
  const CpuTraffic b = cpu_traffic(shape, four);
  EXPECT_EQ(a.vector_fma, 60 * 8 * 102);
  EXPECT_EQ(b.vector_fma, 60 * 8 * 26);  // 102 / 4, the last one partly empty
  EXPECT_EQ(a.dram(), b.dram());
  EXPECT_EQ(a.l2(), b.l2());
  // C in 32 bits beside 8-bit operands takes four times their room.
  CpuGeometry wide = four;
  wide.last_level_elements = 60 * 64 + 102 * 64;
  EXPECT_EQ(cpu_traffic({60, 64, 600}, wide).dram_c_read, 60.0 * 64 * 3);
  wide.c_width = 4;
  wide.last_level_elements = 4 * 60 * 64 + 256 * 64 - 1;
  EXPECT_EQ(cpu_traffic({60, 64, 600}, wide).dram_c_read, 60.0 * 64 * 3);
  wide.last_level_elements += 1;
  EXPECT_EQ(cpu_traffic({60, 64, 600}, wide).dram_c_read, 60.0 * 64);
}

}  // namespace
}  // namespace jb
