#pragma once
// Kernels that exist once per instruction set, chosen at run time by the sources beside them.
// Internal to backends/core but for isa_level().

#include <cstdint>

namespace jb::kernels {

/// What packed operands and sums are made of. Bytes are packed in words of several along k.
template <class T>
struct GemmTypes {
  using Word = T;
  using Sum = T;
  static constexpr int kStartRows = 0;
};
template <>
struct GemmTypes<std::int8_t> {
  using Word = std::uint32_t;
  using Sum = std::int32_t;
  static constexpr int kStartRows = 1;
};

/// Rows of the tallest register tile.
inline constexpr int kMostTileRows = 14;
/// Bytes that one prefetch of a kernel fetches.
inline constexpr int kPrefetchBytes = 64;

/// Register tiles of one instruction set, one for each number of rows h up to mr. run[h - 1]:
/// sums[h x nr] (rows `stride` apart) = (or += when `add`) start[nr] + sum over p < depth of
/// a[p][h] * b[p][nr], operands packed in words and padded with zeros. The kStartRows rows of nr
/// before the first of b hold `start`. `next` is prefetched, a line per step of p.
template <class T>
struct GemmKernel {
  using Word = typename GemmTypes<T>::Word;
  using Sum = typename GemmTypes<T>::Sum;
  using Run = void (*)(std::int64_t depth, const Word* a, const Word* b, const Word* next,
                       Sum* sums, std::int64_t stride, bool add);
  int mr;
  int nr;
  int group;               ///< elements of k in one word
  int offset;              ///< added to the elements of A when packed; `start` takes it back
  Run run[kMostTileRows];  ///< null beyond mr
};

/// Philox key and counter of a block of 64 columns.
struct PhiloxBlock {
  std::uint32_t key0, key1;
  std::uint32_t block, row_low, call_low, high;  ///< counter words 0 (before adding the lane) to 3
};

/// Poisson means below this are drawn by inversion of the element's word, larger ones by rejection.
inline constexpr double kPoissonInversionBelow = 1e8;
/// Means from here on are inverted by an expansion of the quantile, smaller ones by a search.
inline constexpr double kPoissonQuantileFrom = 4;
/// What a quick inversion gives where it cannot be sure of the count.
inline constexpr double kPoissonUnsure = -1;

/// Each fills `blocks` consecutive blocks of 64 columns, in column order.
struct RandomKernel {
  void (*words)(const PhiloxBlock& first, std::int64_t blocks, std::uint32_t* out);
  void (*normals)(const PhiloxBlock& first, std::int64_t blocks, float* out);   ///< standard normal
  void (*uniforms)(const PhiloxBlock& first, std::int64_t blocks, float* out);  ///< in (0, 1)
  /// Poisson counts by inversion of the words: right, or kPoissonUnsure, as all means from
  /// kPoissonInversionBelow on; 0 for means that are not above 0. A bit of unsure[block] for each
  /// column that is.
  void (*poisson)(const PhiloxBlock& first, std::int64_t blocks, const double* mean, double* out,
                  std::uint64_t* unsure);
};

/// Means below this are searched from zero where an inversion must be exact.
inline constexpr double kPoissonSearchBelow = 30;
/// Larger means, infinity included, are taken as this one: nothing overflows on the way.
inline constexpr double kPoissonLargest = 1e150;
inline constexpr double kPoissonRejected = -1;

/// Poisson counts as doubles; equal on every instruction set. 16 elements at a time.
struct PoissonKernel {
  /// Inversion of their words by search, for means below kPoissonSearchBelow (others give 0).
  void (*invert)(const std::uint32_t* words, const double* mean, double* out);
  /// One attempt by rejection for elements of counters `columns` (counter word 0; first.block is
  /// not used): the count or kPoissonRejected. Means from kPoissonSearchBelow to kPoissonLargest.
  void (*attempt)(const PhiloxBlock& first, const std::uint32_t* columns, const double* mean,
                  double* out);
};

/// Sums over the elements of one row, in an order that depends on its length alone; equal on every
/// instruction set.
struct RowMoments {
  double square, abs, max, nonzero;
};
template <class T>
using MomentsKernel = RowMoments (*)(const T* x, std::int64_t n);

namespace baseline {
extern const GemmKernel<float> kGemmFloat;
extern const GemmKernel<double> kGemmDouble;
extern const GemmKernel<std::int8_t> kGemmBytes;
extern const RandomKernel kRandom;
extern const PoissonKernel kPoisson;
extern const MomentsKernel<float> kMomentsFloat;
extern const MomentsKernel<double> kMomentsDouble;
}  // namespace baseline
namespace avx2 {
extern const GemmKernel<float> kGemmFloat;
extern const GemmKernel<double> kGemmDouble;
extern const GemmKernel<std::int8_t> kGemmBytes;
extern const RandomKernel kRandom;
extern const PoissonKernel kPoisson;
extern const MomentsKernel<float> kMomentsFloat;
extern const MomentsKernel<double> kMomentsDouble;
}  // namespace avx2
namespace avx512 {
extern const GemmKernel<float> kGemmFloat;
extern const GemmKernel<double> kGemmDouble;
extern const GemmKernel<std::int8_t> kGemmBytes;
extern const GemmKernel<std::int8_t> kGemmBytesVnni;
extern const RandomKernel kRandom;
extern const PoissonKernel kPoisson;
extern const MomentsKernel<float> kMomentsFloat;
extern const MomentsKernel<double> kMomentsDouble;
}  // namespace avx512

/// What this processor runs: 0 baseline, 1 AVX2 + FMA, 2 AVX-512 (F, BW, VL, DQ). The environment
/// variable JOULEBENCH_ISA=baseline|avx2|avx512 lowers it (usage error when the processor lacks
/// it).
int isa_level();

}  // namespace jb::kernels
