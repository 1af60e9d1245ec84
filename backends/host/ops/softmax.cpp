// Softmax and its logarithm along an axis, with the maximum taken out first.

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "backends/core/threads.h"
#include "backends/host/ops/function_kernel.h"
#include "backends/host/ops/kernel_call.h"

namespace jb::host {
namespace {

/// Adjacent float32 numbers, by the kernel of the instruction set.
void softmax_row(const float* x, float* y, std::int64_t n) {
  float largest = x[0];
  for (std::int64_t i = 1; i < n; ++i) largest = std::max(largest, x[i]);
  const auto scale = static_cast<float>(1 / kernels::functions().exp_shifted(x, y, n, largest));
  for (std::int64_t i = 0; i < n; ++i) y[i] *= scale;
}

template <class T>
void softmax_row(const T* x, T* y, std::int64_t n, std::int64_t stride, bool logarithm) {
  if constexpr (std::is_same_v<T, float>) {
    if (stride == 1 && !logarithm) return softmax_row(x, y, n);
  }
  T largest = x[0];
  for (std::int64_t i = 1; i < n; ++i) largest = std::max(largest, x[i * stride]);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const T shifted = x[i * stride] - largest;
    const T power = std::exp(shifted);
    sum += static_cast<double>(power);
    y[i * stride] = logarithm ? shifted : power;
  }
  if (logarithm) {
    const T shift = static_cast<T>(std::log(sum));
    for (std::int64_t i = 0; i < n; ++i) y[i * stride] -= shift;
  } else {
    const T scale = static_cast<T>(1 / sum);
    for (std::int64_t i = 0; i < n; ++i) y[i * stride] *= scale;
  }
}

}  // namespace

Results run_softmax(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const Op op = call.op();
  const bool logarithm = op == Op::log_softmax || op == Op::log_softmax_flattened;
  const bool flattened = op == Op::softmax_flattened || op == Op::log_softmax_flattened;
  const auto rank = static_cast<std::int64_t>(x.rank());
  const std::int64_t given = call.in.axis_attribute(flattened ? 1 : -1);
  const std::int64_t axis = given < 0 ? given + rank : given;
  AroundAxis around(flattened ? Dims{1} : x.dims(), flattened ? 0 : axis);
  if (flattened) {
    const Dims& dims = x.dims();
    around.outer = elements_of(Dims(dims.begin(), dims.begin() + axis));
    around.length = elements_of(Dims(dims.begin() + axis, dims.end()));
  }
  Tensor y = call.unwritten();
  if (x.size() == 0) return {std::move(y)};
  with_float_type(x.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const in = x.as<T>().data();
    T* const out = y.as_mutable<T>().data();
    parallel_for(around.outer * around.inner, row_grain(4 * around.length),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     const std::int64_t at =
                         r / around.inner * around.length * around.inner + r % around.inner;
                     softmax_row(in + at, out + at, around.length, around.inner, logarithm);
                   }
                 });
  });
  return {std::move(y)};
}

}  // namespace jb::host
