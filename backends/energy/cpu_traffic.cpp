#include "backends/energy/cpu_traffic.h"

#include <algorithm>
#include <cmath>

namespace jb {
namespace {

double ceil_div(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a / b + (a % b != 0 ? 1 : 0));
}

}  // namespace

void CpuTraffic::scale(double times) noexcept {
  for (double* count :
       {&dram_a_read, &dram_b_read, &dram_c_read, &dram_c_write, &l3_a_read, &l3_b_read, &l3_c_read,
        &l3_c_write, &l2_a_read, &l2_b_read, &l1_a_read, &l1_b_read, &l1_c_read, &l1_c_write,
        &vector_fma, &vector_load, &broadcast_load, &c_vector_access}) {
    *count *= times;
  }
}

CpuTraffic cpu_traffic(const GemmShape& shape, const CpuGeometry& geometry) {
  CpuTraffic t;
  if (shape.m == 0 || shape.n == 0 || shape.k == 0) return t;
  const CpuBlocking& block = geometry.blocking;
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  const double column_blocks = ceil_div(shape.n, block.nc);
  const double depth_blocks = ceil_div(shape.k, block.kc);
  const double row_blocks = ceil_div(shape.m, block.mc);

  const auto capacity = static_cast<double>(geometry.last_level_elements);
  const double nc = static_cast<double>(std::min(shape.n, block.nc));
  const double packed_b = static_cast<double>(std::min(shape.k, block.kc)) * nc;
  const double c_block = m * nc * geometry.c_width;
  const bool c_stays = c_block + packed_b <= capacity;
  const bool a_stays = m * k + c_block + packed_b <= capacity;

  t.dram_a_read = m * k * (a_stays ? 1 : column_blocks);
  t.dram_b_read = k * n;
  t.dram_c_read = m * n * (c_stays ? 1 : depth_blocks);
  t.dram_c_write = t.dram_c_read;

  t.l3_a_read = m * k * column_blocks;
  t.l3_b_read = k * n * row_blocks;
  t.l3_c_read = m * n * depth_blocks;
  t.l3_c_write = t.l3_c_read;

  t.l2_a_read = m * k * ceil_div(shape.n, block.nr);
  t.l2_b_read = k * n * row_blocks;

  t.l1_a_read = m * k * ceil_div(shape.n, block.nr);
  t.l1_b_read = k * n * ceil_div(shape.m, block.mr);
  t.l1_c_read = m * n * depth_blocks;
  t.l1_c_write = t.l1_c_read;

  // One step of the micro-kernel (depth_per_instruction deep): nr / lanes vector loads, mr
  // broadcasts, mr nr / lanes multiply-adds. Rows of a short tile are left out, lanes of a short
  // vector and depth of a short dot product are not.
  const double vectors_per_row = ceil_div(shape.n, geometry.lanes);
  const double steps = std::ceil(k / geometry.depth_per_instruction);
  t.vector_fma = m * steps * vectors_per_row;
  t.vector_load = steps * vectors_per_row * ceil_div(shape.m, block.mr);
  t.broadcast_load = m * steps * ceil_div(shape.n, block.nr);
  t.c_vector_access = 2 * m * vectors_per_row * depth_blocks;
  return t;
}

CpuTraffic cpu_conv_traffic(const ConvExtent& conv, const CpuGeometry& geometry) {
  const GemmShape& gemm = conv.product;
  CpuTraffic t = cpu_traffic(gemm, geometry);
  const CpuBlocking& block = geometry.blocking;
  const double nc = static_cast<double>(std::min(gemm.n, block.nc));
  const double held = static_cast<double>(std::min(gemm.k, block.kc)) * nc +
                      static_cast<double>(gemm.m) * nc * geometry.c_width + conv.input;
  const bool stays = held <= static_cast<double>(geometry.last_level_elements);
  // A stride larger than the kernel passes over elements: never more than the windows hold.
  t.dram_a_read = std::min(t.dram_a_read, conv.input * (stays ? 1 : ceil_div(gemm.n, block.nc)));
  t.scale(static_cast<double>(conv.groups));
  return t;
}

double communication_bound_elements(const GemmShape& shape, double fast_elements) noexcept {
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  return std::max(2 * m * n * k / std::sqrt(fast_elements) + m * n, m * k + k * n + m * n);
}

}  // namespace jb
