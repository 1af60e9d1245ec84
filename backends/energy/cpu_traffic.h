#pragma once
// Elements that a blocked GEMM moves between the levels of a CPU's memory hierarchy: the five-loop
// model of Goto & van de Geijn, ACM TOMS 34(3), 2008, as laid out in BLIS (Van Zee & van de Geijn,
// ACM TOMS 41(3), 2015), and the least traffic that any schedule needs.
//
// Loops jc(nc) > pc(kc) > ic(mc) > jr(nr) > ir(mr). The packed block of B (kc x nc) lives in the
// last-level cache, the packed block of A (mc x kc) in L2, a micro-panel of B (kc x nr) in L1.

#include <cstdint>

#include "backends/core/conv.h"
#include "backends/core/shape.h"

namespace jb {

/// Block sizes in elements; all at least 1.
struct CpuBlocking {
  std::int64_t mr = 6;
  std::int64_t nr = 16;
  std::int64_t mc = 144;
  std::int64_t kc = 256;
  std::int64_t nc = 4080;
};

/// What the counting needs to know of the machine.
struct CpuGeometry {
  CpuBlocking blocking;
  std::int64_t lanes = 8;  ///< sums in one vector register
  /// Capacity of the last-level cache in elements of A and B; 0: nothing stays in it.
  std::int64_t last_level_elements = 0;
  double c_width = 1;  ///< bytes of an element of C over those of one of A and B
  /// Multiply-adds that one instruction does for each of its sums: 1 for a fused multiply-add, 2
  /// and 4 for dot products of 16 and 8 bit operands.
  double depth_per_instruction = 1;
};

/// Elements moved, by level and operand; doubles, because estimates go far beyond 64-bit integers.
struct CpuTraffic {
  double dram_a_read = 0;
  double dram_b_read = 0;
  double dram_c_read = 0;
  double dram_c_write = 0;
  double l3_a_read = 0;  ///< last-level cache to L2
  double l3_b_read = 0;
  double l3_c_read = 0;
  double l3_c_write = 0;
  double l2_a_read = 0;  ///< L2 to L1
  double l2_b_read = 0;
  double l1_a_read = 0;  ///< L1 to registers
  double l1_b_read = 0;
  double l1_c_read = 0;
  double l1_c_write = 0;
  double vector_fma = 0;       ///< vector multiply-add or dot-product instructions
  double vector_load = 0;      ///< vector loads of B
  double broadcast_load = 0;   ///< scalar-to-vector loads of A, each a full access of L1
  double c_vector_access = 0;  ///< vector loads and stores of C

  [[nodiscard]] double dram() const noexcept {
    return dram_a_read + dram_b_read + dram_c_read + dram_c_write;
  }
  [[nodiscard]] double last_level() const noexcept {
    return l3_a_read + l3_b_read + l3_c_read + l3_c_write;
  }
  [[nodiscard]] double l2() const noexcept { return l2_a_read + l2_b_read; }
  [[nodiscard]] double l1() const noexcept {
    return l1_a_read + l1_b_read + l1_c_read + l1_c_write;
  }
  /// So many such products.
  void scale(double times) noexcept;
};

/// Traffic of C[m x n] = A[m x k] B[k x n] with operands in DRAM before and after. C is streamed
/// through the hierarchy once per kc block, unless C's column block and the packed B fit in the
/// last-level cache together: then it is allocated there once and written back once. A is read from
/// DRAM once per nc block, unless it fits there as well. All zero when a size is zero.
CpuTraffic cpu_traffic(const GemmShape& shape, const CpuGeometry& geometry);

/// The same of one convolution with all its groups, run as products of its groups on windows that
/// are gathered while A is packed: what DRAM gives of A is the input itself, once if it fits the
/// last level beside the packed filters and results, else once per block of filters. Traffic above
/// the last level is that of the products.
CpuTraffic cpu_conv_traffic(const ConvExtent& conv, const CpuGeometry& geometry);

/// Least elements that cross the boundary of a fast memory of `fast_elements` (> 0) elements:
/// max(2 m n k / sqrt(S) + m n, m k + k n + m n). Kwasniewski et al., SC'19 (COSMA), with the tight
/// constant 2 of Smith et al., arXiv:1702.02017; the second term is the compulsory traffic.
double communication_bound_elements(const GemmShape& shape, double fast_elements) noexcept;

}  // namespace jb
