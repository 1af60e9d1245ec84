#include "backends/energy/gpu_traffic.h"

#include <algorithm>

namespace jb {
namespace {

// The smallest plane that a matrix instruction has along its flexible side (mma and wgmma: n = 8).
constexpr std::int64_t kLeastInstructionN = 8;

double tiles_of(std::int64_t size, std::int64_t tile) {
  const std::int64_t tiles = size / tile + (size % tile != 0 ? 1 : 0);
  return static_cast<double>(tiles);
}

double padded(std::int64_t size, std::int64_t tile) {
  return tiles_of(size, tile) * static_cast<double>(tile);
}

// Times that an operand is read from DRAM: once per wave of tiles along the other operand's side,
// but at least once.
double reads_per_wave(std::int64_t size, std::int64_t tile, std::int64_t wave) {
  return std::max(1.0, static_cast<double>(size) / static_cast<double>(tile * wave));
}

void count_instructions(const GemmShape& shape, const GpuGeometry& geometry, GpuTraffic& t) {
  const GpuInstruction& unit = geometry.instruction;
  const std::int64_t least_n = std::min(unit.n, kLeastInstructionN);
  const double rows = padded(shape.m, least_n);
  t.executed_macs = rows * padded(shape.n, unit.m) * padded(shape.k, unit.k);
  const auto m = static_cast<double>(unit.m);
  const double n = std::min(static_cast<double>(unit.n), rows);
  const auto k = static_cast<double>(unit.k);
  t.lane_instructions = t.executed_macs / (m * n * k) * static_cast<double>(unit.lanes);
  // Each instruction reads its plane of sums and writes it back, and reads an m x k and a k x n
  // operand where these come from registers.
  const double operands = unit.operands_in_registers ? geometry.bytes_in * (1 / m + 1 / n) : 0;
  t.register_file = t.executed_macs * (operands + 2 * geometry.bytes_sum / k);
}

}  // namespace

GpuTraffic gpu_traffic(const GemmShape& shape, const GpuGeometry& geometry) {
  GpuTraffic t;
  if (shape.m == 0 || shape.n == 0 || shape.k == 0) return t;
  const GpuTiling& tile = geometry.tiling;
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  const double a_bytes = m * k * geometry.bytes_in;
  const double b_bytes = k * n * geometry.bytes_in;

  const bool all_stay = a_bytes + b_bytes <= geometry.l2_bytes;
  const double a_reads = all_stay ? 1 : reads_per_wave(shape.n, tile.block_n, tile.wave_cols);
  const double b_reads = all_stay ? 1 : reads_per_wave(shape.m, tile.block_m, tile.wave_rows);
  t.dram_a_read = a_bytes * a_reads;
  t.dram_b_read = b_bytes * b_reads;
  t.dram_read = t.dram_a_read + t.dram_b_read;
  t.dram_write = m * n * geometry.bytes_out;

  const auto sharing = static_cast<double>(tile.cluster);
  t.l2_a_read = a_bytes * tiles_of(shape.n, tile.block_n) / sharing;
  t.l2_b_read = b_bytes * tiles_of(shape.m, tile.block_m) / sharing;
  // A cluster shares reads between blocks, but every operand leaves the cache at least once.
  if (t.l2_a_read + t.l2_b_read < a_bytes + b_bytes) {
    t.l2_a_read = a_bytes;
    t.l2_b_read = b_bytes;
  }
  t.l2_read = t.l2_a_read + t.l2_b_read;
  t.shared_a_read = a_bytes * tiles_of(shape.n, std::min(tile.warp_n, tile.block_n));
  t.shared_b_read = b_bytes * tiles_of(shape.m, std::min(tile.warp_m, tile.block_m));
  t.shared_read = t.shared_a_read + t.shared_b_read;
  count_instructions(shape, geometry, t);
  return t;
}

GpuTraffic gpu_conv_traffic(const ConvExtent& conv, const GpuGeometry& geometry) {
  const GemmShape& gemm = conv.product;
  GpuTraffic t = gpu_traffic(gemm, geometry);
  const double windows =
      static_cast<double>(gemm.m) * static_cast<double>(gemm.k) * geometry.bytes_in;
  if (!(windows > 0)) return t;
  const double input = conv.input * geometry.bytes_in;
  const double filters =
      static_cast<double>(gemm.k) * static_cast<double>(gemm.n) * geometry.bytes_in;
  const bool stays = input + filters <= geometry.l2_bytes;
  // A stride larger than the kernel passes over elements: never more than the windows hold.
  t.dram_a_read = std::min(t.dram_a_read, input * (stays ? 1 : t.dram_a_read / windows));
  if (stays) t.dram_b_read = filters;
  t.dram_read = t.dram_a_read + t.dram_b_read;
  const auto groups = static_cast<double>(conv.groups);
  for (double* count : {&t.dram_a_read, &t.dram_b_read, &t.dram_read, &t.dram_write, &t.l2_a_read,
                        &t.l2_b_read, &t.l2_read, &t.shared_a_read, &t.shared_b_read,
                        &t.shared_read, &t.register_file, &t.lane_instructions, &t.executed_macs}) {
    *count *= groups;
  }
  return t;
}

}  // namespace jb
