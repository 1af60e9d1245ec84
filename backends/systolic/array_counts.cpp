#include "backends/systolic/array_counts.h"

#include <algorithm>

namespace jb::systolic {
namespace {

std::int64_t whole_ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

double ceil_div(std::int64_t a, std::int64_t b) {
  return static_cast<double>(whole_ceil_div(a, b));
}

// Folds across that one of the arrays runs after each other.
double folds_in_turn(std::int64_t across, const ArrayConfig& config) {
  return ceil_div(whole_ceil_div(across, config.cols), config.arrays);
}

constexpr double kBitsPerByte = 8;

// Sizes of one product as doubles.
struct Sizes {
  explicit Sizes(const GemmShape& shape)
      : m(static_cast<double>(shape.m)),
        n(static_cast<double>(shape.n)),
        k(static_cast<double>(shape.k)) {}
  double m;
  double n;
  double k;
};

// A stationary tile (rows x cols of the k x n operand) while `streamed` vectors pass through it:
// weight stationary as it stands, input stationary with m and n exchanged.
// SCALE-Sim v2, systolic_compute_ws.py and _is.py: F (2 R + C + streamed - 2) cycles.
void count_stationary(std::int64_t streamed, std::int64_t across, std::int64_t depth,
                      const ArrayConfig& config, ArrayCounts& counts) {
  const auto rows = static_cast<double>(config.rows);
  const auto cols = static_cast<double>(config.cols);
  const double folds = ceil_div(depth, config.rows) * ceil_div(across, config.cols);
  counts.cycles = ceil_div(depth, config.rows) * folds_in_turn(across, config) *
                  (2 * rows + cols + static_cast<double>(streamed) - 2);
  counts.executed_macs = folds * rows * cols * static_cast<double>(streamed);
  // A streamed operand and a partial sum move one element on with each multiply-add.
  counts.register_bits = counts.macs * (config.operand_bytes * kBitsPerByte + kResultBits);
}

// DRAM traffic of partial sums: they stay on the chip while one column of folds is summed up, if
// `length` x one fold's columns of them fit the buffer of C; else each but the last sum is written
// out and read back.
void count_partial_sums(const Sizes& s, std::int64_t length, std::int64_t across,
                        double depth_folds, const ArrayConfig& config, ArrayCounts& counts) {
  counts.c_writes = s.m * s.n * depth_folds;
  counts.c_reads = s.m * s.n * (depth_folds - 1);
  const double resident = static_cast<double>(length) *
                          static_cast<double>(std::min(across, config.cols)) * kResultBytes;
  if (resident > static_cast<double>(config.c_bytes)) {
    counts.spill_dram_bytes = 2 * counts.c_reads * kResultBytes;
  }
}

void count_weight_stationary(const GemmShape& shape, const ArrayConfig& config,
                             ArrayCounts& counts) {
  const Sizes s(shape);
  const double across_folds = ceil_div(shape.n, config.cols);
  count_stationary(shape.m, shape.n, shape.k, config, counts);
  counts.a_reads = s.m * s.k * across_folds;
  counts.b_reads = s.k * s.n;
  count_partial_sums(s, shape.m, shape.n, ceil_div(shape.k, config.rows), config, counts);
  const bool a_fits = s.m * s.k * config.operand_bytes <= static_cast<double>(config.a_bytes);
  counts.a_dram_bytes = s.m * s.k * config.operand_bytes * (a_fits ? 1 : across_folds);
  counts.b_dram_bytes = s.k * s.n * config.operand_bytes;
}

void count_input_stationary(const GemmShape& shape, const ArrayConfig& config,
                            ArrayCounts& counts) {
  const Sizes s(shape);
  const double across_folds = ceil_div(shape.m, config.cols);
  count_stationary(shape.n, shape.m, shape.k, config, counts);
  counts.a_reads = s.m * s.k;
  counts.b_reads = s.k * s.n * across_folds;
  count_partial_sums(s, shape.n, shape.m, ceil_div(shape.k, config.rows), config, counts);
  const bool b_fits = s.k * s.n * config.operand_bytes <= static_cast<double>(config.b_bytes);
  counts.a_dram_bytes = s.m * s.k * config.operand_bytes;
  counts.b_dram_bytes = s.k * s.n * config.operand_bytes * (b_fits ? 1 : across_folds);
}

// SCALE-Sim v2, systolic_compute_os.py: F (R + C + K - 2) cycles; sums stay in the elements.
void count_output_stationary(const GemmShape& shape, const ArrayConfig& config,
                             ArrayCounts& counts) {
  const Sizes s(shape);
  const auto rows = static_cast<double>(config.rows);
  const auto cols = static_cast<double>(config.cols);
  const double row_folds = ceil_div(shape.m, config.rows);
  const double col_folds = ceil_div(shape.n, config.cols);
  const double folds = row_folds * col_folds;
  counts.cycles = row_folds * folds_in_turn(shape.n, config) * (rows + cols + s.k - 2);
  counts.executed_macs = folds * rows * cols * s.k;
  // Both operands move on, the sum is rewritten in place.
  counts.register_bits = counts.macs * (2 * config.operand_bytes * kBitsPerByte + kResultBits);
  counts.a_reads = s.m * s.k * col_folds;
  counts.b_reads = s.k * s.n * row_folds;
  counts.c_writes = s.m * s.n;
  // Row folds outside, column folds inside: a stripe of A serves all column folds if it fits.
  const double stripe =
      static_cast<double>(std::min(shape.m, config.rows)) * s.k * config.operand_bytes;
  const bool stripe_fits = stripe <= static_cast<double>(config.a_bytes);
  const bool b_fits = s.k * s.n * config.operand_bytes <= static_cast<double>(config.b_bytes);
  counts.a_dram_bytes = s.m * s.k * config.operand_bytes * (stripe_fits ? 1 : col_folds);
  counts.b_dram_bytes = s.k * s.n * config.operand_bytes * (b_fits ? 1 : row_folds);
}

// TPUv1: passes of at most rows_per_pass() rows; loading the next tile of weights takes R cycles
// and hides behind a pass that is longer. Sums build up in the accumulators: written by the first
// row fold, read and written by each further one. A is read from the unified buffer.
//   cycles = R + F sum over passes of max(rows, R) + R + C - 2
void count_double_buffered(const GemmShape& shape, const ArrayConfig& config, ArrayCounts& counts) {
  const Sizes s(shape);
  const auto rows = static_cast<double>(config.rows);
  const auto cols = static_cast<double>(config.cols);
  const double depth_folds = ceil_div(shape.k, config.rows);
  const double across_folds = ceil_div(shape.n, config.cols);
  const double folds = depth_folds * across_folds;
  const std::int64_t pass = rows_per_pass(config);
  const std::int64_t rest = shape.m % pass;
  const double full_passes = static_cast<double>(shape.m / pass);
  const double streamed = full_passes * static_cast<double>(std::max(pass, config.rows)) +
                          static_cast<double>(rest > 0 ? std::max(rest, config.rows) : 0);
  const double passes = full_passes + (rest > 0 ? 1 : 0);
  counts.cycles = rows + depth_folds * folds_in_turn(shape.n, config) * streamed + rows + cols - 2;
  counts.executed_macs = folds * rows * cols * s.m;
  counts.register_bits = counts.macs * (config.operand_bytes * kBitsPerByte + kResultBits);
  counts.a_reads = s.m * s.k * across_folds;
  counts.b_reads = s.k * s.n * passes;
  counts.c_writes = s.m * s.n;
  counts.accumulator_accesses = s.m * s.n * (2 * depth_folds - 1);
  const bool a_fits = s.m * s.k * config.operand_bytes <= static_cast<double>(config.a_bytes);
  counts.a_dram_bytes = s.m * s.k * config.operand_bytes * (a_fits ? 1 : across_folds);
  counts.b_dram_bytes = s.k * s.n * config.operand_bytes * passes;
}

}  // namespace

std::int64_t rows_per_pass(const ArrayConfig& config) noexcept {
  const std::int64_t row_bytes = config.cols * static_cast<std::int64_t>(kResultBytes);
  return std::max<std::int64_t>(1, config.accumulator_bytes / row_bytes);
}

ArrayCounts count_product(const GemmShape& shape, const ArrayConfig& config) {
  ArrayCounts counts;
  if (shape.m == 0 || shape.n == 0 || shape.k == 0) return counts;
  counts.macs = shape.macs();
  counts.c_dram_bytes = static_cast<double>(shape.m) * static_cast<double>(shape.n) * kResultBytes;
  if (config.timing == Timing::double_buffered) {
    count_double_buffered(shape, config, counts);
    return counts;
  }
  switch (config.dataflow) {
    case Dataflow::weight_stationary:
      count_weight_stationary(shape, config, counts);
      break;
    case Dataflow::output_stationary:
      count_output_stationary(shape, config, counts);
      break;
    case Dataflow::input_stationary:
      count_input_stationary(shape, config, counts);
      break;
  }
  return counts;
}

ArrayCounts count_convolution(const ConvExtent& conv, const ArrayConfig& config) {
  const GemmShape& gemm = conv.product;
  ArrayCounts counts = count_product(gemm, config);
  const double input = conv.input * config.operand_bytes;
  const double windows =
      static_cast<double>(gemm.m) * static_cast<double>(gemm.k) * config.operand_bytes;
  const double times = windows > 0 ? counts.a_dram_bytes / windows : 0;
  const bool fits = input <= static_cast<double>(config.a_bytes);
  // A stride larger than the kernel passes over elements: never more than the windows hold.
  counts.a_dram_bytes = std::min(counts.a_dram_bytes, input * (fits ? 1 : times));
  counts.scale(static_cast<double>(conv.groups));
  return counts;
}

void ArrayCounts::scale(double times) noexcept {
  for (double* count :
       {&cycles, &macs, &executed_macs, &register_bits, &a_reads, &b_reads, &c_writes, &c_reads,
        &accumulator_accesses, &a_dram_bytes, &b_dram_bytes, &c_dram_bytes, &spill_dram_bytes}) {
    *count *= times;
  }
}

}  // namespace jb::systolic
