#pragma once
// Kernels that exist once per instruction set; `gemm.cpp` and `random.cpp` choose at run time.
// Internal to backends/core.

#include <cstdint>

namespace jb::kernels {

/// Register tile of one instruction set: acc[mr x nr] = sum over k of a[k][mr] * b[k][nr], both
/// packed and zero-padded; written to `out` (row-major mr x nr).
template <class T>
struct GemmKernel {
  int mr;
  int nr;
  void (*run)(std::int64_t k, const T* a, const T* b, T* out);
};

/// Philox key and counter of a block of 64 columns.
struct PhiloxBlock {
  std::uint32_t key0, key1;
  std::uint32_t block, row_low, call_low, high;  ///< counter words 0 (before adding the lane) to 3
};

/// Each fills `blocks` consecutive blocks of 64 columns, in column order.
struct RandomKernel {
  void (*words)(const PhiloxBlock& first, std::int64_t blocks, std::uint32_t* out);
  void (*normals)(const PhiloxBlock& first, std::int64_t blocks, float* out);   ///< standard normal
  void (*uniforms)(const PhiloxBlock& first, std::int64_t blocks, float* out);  ///< in (0, 1)
};

namespace baseline {
extern const GemmKernel<float> kGemmFloat;
extern const GemmKernel<double> kGemmDouble;
extern const RandomKernel kRandom;
}  // namespace baseline
namespace avx2 {
extern const GemmKernel<float> kGemmFloat;
extern const GemmKernel<double> kGemmDouble;
extern const RandomKernel kRandom;
}  // namespace avx2
namespace avx512 {
extern const GemmKernel<float> kGemmFloat;
extern const GemmKernel<double> kGemmDouble;
extern const RandomKernel kRandom;
}  // namespace avx512

/// What this processor runs: 0 baseline, 1 AVX2 + FMA, 2 AVX-512 (F, BW, VL, DQ). The environment
/// variable JOULEBENCH_ISA=baseline|avx2|avx512 lowers it (usage error when the processor lacks
/// it).
int isa_level();

}  // namespace jb::kernels
