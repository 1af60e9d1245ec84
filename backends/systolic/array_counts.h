#pragma once
// Cycles and memory accesses of a systolic array by closed form: the dataflows of SCALE-Sim v2
// (Samajdar et al., ISPASS 2020; the formulas reproduce the tool's cycle and SRAM counts exactly)
// and the double-buffered weight-stationary pass of TPUv1 (Jouppi et al., ISCA 2017).
//
// All counts are doubles: estimates go far beyond 64-bit integers.

#include <cstdint>

#include "backends/core/conv.h"
#include "backends/core/shape.h"

namespace jb::systolic {

/// Which operand stays in the array while the other two move.
enum class Dataflow : std::uint8_t { weight_stationary, output_stationary, input_stationary };

enum class Timing : std::uint8_t {
  single_buffered,  ///< SCALE-Sim: fill, stream and drain of one fold after the other
  double_buffered,  ///< TPUv1: the next weights load while a pass streams (weight stationary only)
};

/// Geometry of the array and the memories beside it. Results and partial sums take four bytes.
struct ArrayConfig {
  std::int64_t rows = 1;
  std::int64_t cols = 1;
  /// Equal arrays side by side, which share out the folds across (columns of C, or rows of it where
  /// the input stays).
  std::int64_t arrays = 1;
  double operand_bytes = 1;  ///< of an element of A or B
  Dataflow dataflow = Dataflow::weight_stationary;
  Timing timing = Timing::single_buffered;
  std::int64_t a_bytes = 0;            ///< buffer of A
  std::int64_t b_bytes = 0;            ///< buffer of B
  std::int64_t c_bytes = 0;            ///< buffer of C and, without accumulators, of partial sums
  std::int64_t accumulator_bytes = 0;  ///< double-buffered timing: on-chip accumulators
};

inline constexpr double kResultBytes = 4;
inline constexpr double kResultBits = 32;

/// Rows of A that one double-buffered pass can accumulate.
std::int64_t rows_per_pass(const ArrayConfig& config) noexcept;

struct ArrayCounts {
  double cycles = 0;         ///< one more than SCALE-Sim prints
  double macs = 0;           ///< useful ones
  double executed_macs = 0;  ///< with the idle rows and columns of the last folds
  double register_bits =
      0;               ///< moved from one processing element to the next, or accumulated in it
  double a_reads = 0;  ///< SRAM, elements
  double b_reads = 0;
  double c_writes = 0;
  double c_reads = 0;  ///< partial sums read back for accumulation; SCALE-Sim leaves them out
  double accumulator_accesses = 0;  ///< 32-bit words
  double a_dram_bytes = 0;
  double b_dram_bytes = 0;
  double c_dram_bytes = 0;
  double spill_dram_bytes = 0;  ///< partial sums that the buffer of C cannot hold

  void scale(double times) noexcept;  ///< so many such products, one after the other
};

/// Counts of C[m x n] = A[m x k] B[k x n] with operands outside the chip before and after. All zero
/// when a size is zero.
ArrayCounts count_product(const GemmShape& shape, const ArrayConfig& config);

/// The same of one convolution: its groups' products one after the other, but DRAM gives the input
/// itself and not the windows that lie in it: once if it fits the buffer of A (one group's part of
/// it), else as often as the windows would be read.
ArrayCounts count_convolution(const ConvExtent& conv, const ArrayConfig& config);

}  // namespace jb::systolic
