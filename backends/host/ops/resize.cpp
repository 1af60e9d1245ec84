// Resize: one pass per dimension, each position a weighted sum of input positions.

#include "backends/core/inference/resize.h"

#include "backends/core/threads.h"
#include "backends/host/ops/kernel_call.h"

namespace jb::host {
namespace {

template <class T>
Tensor resized_along(const KernelCall& call, const Tensor& x, std::size_t d,
                     const inference::ResizeAxis& axis) {
  Dims dims = x.dims();
  dims[d] = axis.output;
  const AroundAxis from(x.dims(), static_cast<std::int64_t>(d));
  Tensor y(x.type(), dims);
  if (y.size() == 0) return y;
  std::vector<inference::ResizeTaps> taps;
  for (std::int64_t o = 0; o < axis.output; ++o) {
    taps.push_back(inference::resize_taps(call.in, axis, o));
  }
  const T outside =
      convert_number<T>(inference::named_float(call.node(), "extrapolation_value", 0));
  const bool nearest = inference::named_string(call.node(), "mode", "nearest") == "nearest";
  const T* const in = x.as<T>().data();
  T* const out = y.as_mutable<T>().data();
  parallel_for(from.outer * axis.output, row_grain(from.inner * 4),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const auto& tap = taps[static_cast<std::size_t>(r % axis.output)];
                   const T* const slab = in + r / axis.output * from.length * from.inner;
                   T* const row = out + r * from.inner;
                   for (std::int64_t i = 0; i < from.inner; ++i) {
                     if (tap.outside) {
                       row[i] = outside;
                     } else if (nearest) {
                       row[i] = slab[tap.index[0] * from.inner + i];
                     } else {
                       double sum = 0;
                       for (std::size_t k = 0; k < tap.index.size(); ++k) {
                         sum += tap.weight[k] *
                                static_cast<double>(slab[tap.index[k] * from.inner + i]);
                       }
                       row[i] = convert_number<T>(sum);
                     }
                   }
                 }
               });
  return y;
}

}  // namespace

Results run_resize(const KernelCall& call) {
  Tensor y = call.input(0);
  const auto axes = inference::resize_axes(call.in);
  for (std::size_t d = 0; d < axes.size(); ++d) {
    if (!axes[d].resized) continue;
    with_number_type(y.type(), [&](auto tag) {
      y = resized_along<typename decltype(tag)::type>(call, y, d, axes[d]);
    });
  }
  return {std::move(y)};
}

}  // namespace jb::host
