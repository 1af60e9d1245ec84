#pragma once
// Bytes that a tiled GEMM moves between the levels of a GPU: thread-block tiles BM x BN fill shared
// memory from the last-level cache, warp tiles WM x WN read it, and a wave of resident tiles,
// arranged wave_rows x wave_cols, reads each of its operands from DRAM once (the tiling of CUTLASS,
// Kerr et al., 2017, with rasterised waves). An operand crosses the chip's edge once per wave, and
// never less than once.

#include <cstdint>

#include "backends/core/conv.h"
#include "backends/core/shape.h"

namespace jb {

/// Tiles in elements; all at least 1.
struct GpuTiling {
  std::int64_t block_m = 128;  ///< rows of C in a thread block
  std::int64_t block_n = 256;  ///< columns of C in a thread block
  std::int64_t warp_m = 64;
  std::int64_t warp_n = 64;
  std::int64_t wave_rows = 11;  ///< tiles of a wave along m
  std::int64_t wave_cols = 12;  ///< tiles of a wave along n
  std::int64_t cluster = 1;     ///< thread blocks that share one read of the last-level cache
};

/// One matrix instruction, m x n x k, issued by `lanes` threads together. A depth of 1 and a plane
/// of 1 x 1 is the multiply-add of one lane.
struct GpuInstruction {
  std::int64_t m = 16;  ///< along the columns of C (cuBLAS computes C transposed)
  std::int64_t n = 8;   ///< along the rows of C; smaller products take a smaller one
  std::int64_t k = 16;
  std::int64_t lanes = 32;
  bool operands_in_registers = true;  ///< false: read from shared memory directly (Hopper)
};

struct GpuGeometry {
  GpuTiling tiling;
  GpuInstruction instruction;
  double l2_bytes = 0;   ///< operands that fit in it together are read from DRAM once
  double bytes_in = 2;   ///< of an element of A and B
  double bytes_out = 4;  ///< of an element of C
  double bytes_sum = 4;  ///< of a partial sum in the register file
};

/// Bytes by level; doubles, because estimates go far beyond 64-bit integers.
struct GpuTraffic {
  double dram_a_read = 0;
  double dram_b_read = 0;
  double dram_read = 0;   ///< of both
  double dram_write = 0;  ///< of C
  double l2_a_read = 0;   ///< last-level cache to shared memory
  double l2_b_read = 0;
  double l2_read = 0;
  double shared_a_read = 0;  ///< shared memory to registers or tensor cores
  double shared_b_read = 0;
  double shared_read = 0;
  double register_file = 0;  ///< read and written by the multiply-adds
  double lane_instructions = 0;
  double executed_macs = 0;  ///< with the padding to whole instructions
};

/// Traffic of C[m x n] = A[m x k] B[k x n] with operands in DRAM before and after; rows and columns
/// that a tile lacks are left out. All zero when a size is zero.
GpuTraffic gpu_traffic(const GemmShape& shape, const GpuGeometry& geometry);

/// The same of one convolution with all its groups, run as products of its groups on windows that
/// are gathered on the way into shared memory (an implicit product, Chetlur et al.,
/// arXiv:1410.0759): DRAM gives the input itself.
GpuTraffic gpu_conv_traffic(const ConvExtent& conv, const GpuGeometry& geometry);

}  // namespace jb
