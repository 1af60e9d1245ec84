#include "backends/analog/rows.h"

#include <type_traits>

#include "backends/analog/row_kernel.h"
#include "backends/core/kernels.h"

namespace jb::analog {
namespace {

const kernels::RowKernel& kernel() {
  static const kernels::RowKernel& chosen = []() -> const kernels::RowKernel& {
    const int level = jb::kernels::isa_level();
    return level == 2 ? kernels::avx512::kRows
                      : (level == 1 ? kernels::avx2::kRows : kernels::baseline::kRows);
  }();
  return chosen;
}

template <class S>
const kernels::HostLoops<S>& loops() {
  if constexpr (std::is_same_v<S, float>) {
    return kernel().floats;
  } else {
    return kernel().doubles;
  }
}

kernels::AdcNumbers numbers_of(const Adc& adc) {
  return {adc.present(), adc.least_code(), adc.full_code(), adc.bias(), adc.lsb()};
}

std::int64_t length_of(std::span<const double> row) {
  return static_cast<std::int64_t>(row.size());
}

}  // namespace

template <class S>
double largest_magnitude(const S* x, std::int64_t n) noexcept {
  return loops<S>().largest(x, n);
}

template <class S, class T>
void encode(const Dac& dac, const S* x, std::int64_t n, double full_scale, T* codes) noexcept {
  const double reciprocal = reciprocal_of(full_scale);
  if constexpr (std::is_same_v<T, std::int8_t>) {
    loops<S>().encode_bytes(x, n, full_scale, reciprocal, dac.full_code(), codes);
  } else if constexpr (std::is_same_v<T, float>) {
    loops<S>().encode_floats(x, n, full_scale, reciprocal, dac.full_code(), codes);
  } else {
    loops<S>().encode_doubles(x, n, full_scale, reciprocal, dac.full_code(), codes);
  }
}

std::int64_t digitise(const Adc& adc, std::span<double> z) noexcept {
  return kernel().digitise(numbers_of(adc), z.data(), length_of(z));
}

template <class X>
void scale(const X* x, double gain, const double* factor, std::span<double> d) noexcept {
  if constexpr (std::is_same_v<X, std::int32_t>) {
    kernel().scale_ints(x, length_of(d), gain, factor, d.data());
  } else {
    loops<X>().scale(x, length_of(d), gain, factor, d.data());
  }
}

void add_normals(std::span<double> d, const float* z, const double* slope, double constant,
                 double per_slope) noexcept {
  kernel().add_normals(d.data(), length_of(d), z, slope, constant, per_slope);
}

std::int64_t clip(std::span<double> d, double limit) noexcept {
  return kernel().clip(d.data(), length_of(d), limit);
}

template <class U>
std::int64_t read_sums(const Adc& adc, const SumReadout& readout, MatrixView<const U> sums,
                       MatrixView<double> total) noexcept {
  // adc.lsb() is 1 without a converter.
  const kernels::SumNumbers numbers{adc.present() ? readout.lsb_per_sum : readout.array_per_sum,
                                    1.0 / adc.lsb(), readout.noise, readout.gain, readout.offset};
  return loops<U>().read_sums(
      numbers_of(adc), numbers,
      {sums.data, sums.row_stride, total.data, total.row_stride, sums.rows, sums.cols});
}

template <class S>
void store(std::span<const double> d, const double* factor, double scale, S* out) noexcept {
  loops<S>().store_columns(d.data(), length_of(d), factor, scale, out);
}

template <class S>
void store(std::span<const double> d, double scale, S* out) noexcept {
  loops<S>().store(d.data(), length_of(d), scale, out);
}

template double largest_magnitude<float>(const float*, std::int64_t) noexcept;
template double largest_magnitude<double>(const double*, std::int64_t) noexcept;
template void encode(const Dac&, const float*, std::int64_t, double, std::int8_t*) noexcept;
template void encode(const Dac&, const float*, std::int64_t, double, float*) noexcept;
template void encode(const Dac&, const float*, std::int64_t, double, double*) noexcept;
template void encode(const Dac&, const double*, std::int64_t, double, std::int8_t*) noexcept;
template void encode(const Dac&, const double*, std::int64_t, double, float*) noexcept;
template void encode(const Dac&, const double*, std::int64_t, double, double*) noexcept;
template void scale(const float*, double, const double*, std::span<double>) noexcept;
template void scale(const double*, double, const double*, std::span<double>) noexcept;
template void scale(const std::int32_t*, double, const double*, std::span<double>) noexcept;
template std::int64_t read_sums(const Adc&, const SumReadout&, MatrixView<const float>,
                                MatrixView<double>) noexcept;
template std::int64_t read_sums(const Adc&, const SumReadout&, MatrixView<const double>,
                                MatrixView<double>) noexcept;
template void store(std::span<const double>, const double*, double, float*) noexcept;
template void store(std::span<const double>, const double*, double, double*) noexcept;
template void store(std::span<const double>, double, float*) noexcept;
template void store(std::span<const double>, double, double*) noexcept;

}  // namespace jb::analog
