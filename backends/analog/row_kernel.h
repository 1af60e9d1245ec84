#pragma once
// Row loops that exist once per instruction set; rows.cpp chooses at run time. Internal to
// backends/analog.

#include <cstdint>

namespace jb::analog::kernels {

/// An ADC in numbers: z in LSB -> round(clamp(z, least_code, full_code) + bias) - bias.
struct AdcNumbers {
  bool present;
  double least_code, full_code, bias, lsb;
};

/// See SumReadout; `per_sum` is the one that applies, `per_noise` takes noise to its unit.
struct SumNumbers {
  double per_sum, per_noise;
  const double* noise;
  const float* gain;
  const float* offset;
};

/// Rows of sums and of totals; noise has the stride of totals.
template <class U>
struct SumBlock {
  const U* sums;
  std::int64_t sums_stride;
  double* total;
  std::int64_t total_stride;
  std::int64_t rows, cols;
};

/// Loops over S, a host type.
template <class S>
struct HostLoops {
  template <class T>
  using Encode = void (*)(const S* x, std::int64_t n, double full_scale, double reciprocal,
                          double full_code, T* codes);

  double (*largest)(const S* x, std::int64_t n);
  Encode<std::int8_t> encode_bytes;
  Encode<float> encode_floats;
  Encode<double> encode_doubles;
  void (*scale)(const S* x, std::int64_t n, double gain, const double* factor, double* d);
  std::int64_t (*read_sums)(const AdcNumbers& adc, const SumNumbers& numbers,
                            const SumBlock<S>& block);
  void (*store_columns)(const double* d, std::int64_t n, const double* factor, double scale,
                        S* out);
  void (*store)(const double* d, std::int64_t n, double scale, S* out);
};

struct RowKernel {
  HostLoops<float> floats;
  HostLoops<double> doubles;
  void (*scale_ints)(const std::int32_t* x, std::int64_t n, double gain, const double* factor,
                     double* d);
  std::int64_t (*digitise)(const AdcNumbers& adc, double* z, std::int64_t n);
  void (*add_normals)(double* d, std::int64_t n, const float* z, const double* slope,
                      double constant, double per_slope);
  std::int64_t (*clip)(double* d, std::int64_t n, double limit);
};

namespace baseline {
extern const RowKernel kRows;
}
namespace avx2 {
extern const RowKernel kRows;
}
namespace avx512 {
extern const RowKernel kRows;
}

}  // namespace jb::analog::kernels
