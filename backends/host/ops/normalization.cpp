// Normalisations: moments in float64, values in the tensor's own type.

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "backends/core/threads.h"
#include "backends/host/ops/function_kernel.h"
#include "backends/host/ops/strided.h"

namespace jb::host {
namespace {

struct Moments {
  double mean = 0;
  double variance = 0;
};

template <class T>
Moments moments_of(const T* x, std::int64_t n) {
  Moments m;
  if constexpr (std::is_same_v<T, float>) {
    const auto sums = kernels::functions().moments;
    double sum = 0;
    double square = 0;
    sums(x, n, 0, &sum, &square);
    m.mean = sum / static_cast<double>(n);
    sums(x, n, m.mean, &sum, &square);
    m.variance = square / static_cast<double>(n);
    return m;
  }
  for (std::int64_t i = 0; i < n; ++i) m.mean += static_cast<double>(x[i]);
  m.mean /= static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(x[i]) - m.mean;
    m.variance += d * d;
  }
  m.variance /= static_cast<double>(n);
  return m;
}

/// Rows of (sample, channel) with y = scale x + shift.
template <class T>
void affine_channels(const Tensor& x, Tensor& y, const std::vector<double>& scale,
                     const std::vector<double>& shift) {
  const std::int64_t channels = x.dims()[1];
  const std::int64_t area = AroundAxis(x.dims(), 1).inner;
  const T* const in = x.as<T>().data();
  T* const out = y.as_mutable<T>().data();
  parallel_for(x.dims()[0] * channels, row_grain(area), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const auto c = static_cast<std::size_t>(r % channels);
      const T a = static_cast<T>(scale[c]);
      const T b = static_cast<T>(shift[c]);
      for (std::int64_t i = r * area; i < (r + 1) * area; ++i) out[i] = a * in[i] + b;
    }
  });
}

Results batch_normalization(const KernelCall& call) {
  const double epsilon = static_cast<double>(call.node().get<NormAttributes>().epsilon);
  std::vector<double> scale = inference::as_doubles(call.input(1));
  std::vector<double> shift = inference::as_doubles(call.input(2));
  const std::vector<double> mean = inference::as_doubles(call.input(3));
  const std::vector<double> variance = inference::as_doubles(call.input(4));
  for (std::size_t c = 0; c < scale.size(); ++c) {
    scale[c] /= std::sqrt(variance[c] + epsilon);
    shift[c] -= mean[c] * scale[c];
  }
  Tensor y = call.unwritten();
  with_float_type(y.type(), [&](auto tag) {
    affine_channels<typename decltype(tag)::type>(call.input(0), y, scale, shift);
  });
  return {std::move(y)};
}

/// Instance and group normalisation: rows of (sample, group), scaled by channel or by group.
Results group_normalization(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const auto& attributes = call.node().get<NormAttributes>();
  const double epsilon = static_cast<double>(attributes.epsilon);
  const std::int64_t channels = x.dims()[1];
  const std::int64_t groups = call.op() == Op::group_normalization ? attributes.groups : channels;
  const std::int64_t per_group = channels / groups;
  const std::int64_t area = AroundAxis(x.dims(), 1).inner;
  const std::vector<double> scale = inference::as_doubles(call.input(1));
  const std::vector<double> bias = inference::as_doubles(call.input(2));
  const bool by_group = static_cast<std::int64_t>(scale.size()) == groups;
  Tensor y = call.output();
  if (x.size() == 0) return {std::move(y)};
  with_float_type(x.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const in = x.as<T>().data();
    T* const out = y.as_mutable<T>().data();
    const std::int64_t row = per_group * area;
    parallel_for(x.dims()[0] * groups, row_grain(row), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const Moments m = moments_of(in + r * row, row);
        const double inverse = 1 / std::sqrt(m.variance + epsilon);
        const std::int64_t group = r % groups;
        for (std::int64_t c = 0; c < per_group; ++c) {
          const auto at = static_cast<std::size_t>(by_group ? group : group * per_group + c);
          const T a = static_cast<T>(scale[at] * inverse);
          const T b = static_cast<T>(bias[at] - m.mean * scale[at] * inverse);
          const std::int64_t first = r * row + c * area;
          for (std::int64_t i = first; i < first + area; ++i) out[i] = a * in[i] + b;
        }
      }
    });
  });
  return {std::move(y)};
}

/// `given` broadcast to `dims`, or ones (zeros) when absent.
template <class T>
std::vector<T> spread(const Tensor* given, const Dims& dims, T otherwise) {
  std::vector<T> values(static_cast<std::size_t>(elements_of(dims)), otherwise);
  if (given == nullptr) return values;
  Tensor full(given->type(), dims);
  copy_strided(*given, 0, dims, broadcast_strides(given->dims(), dims), full);
  const auto held = full.as<T>();
  std::copy(held.begin(), held.end(), values.begin());
  return values;
}

template <class T>
Results layer_normalization(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const auto& attributes = call.node().get<NormAttributes>();
  const double epsilon = static_cast<double>(attributes.epsilon);
  const auto axis = call.in.axis(attributes.axis, static_cast<std::int64_t>(x.rank()));
  const Dims normalized(x.dims().begin() + axis, x.dims().end());
  const std::int64_t row = elements_of(normalized);
  const std::int64_t rows = row > 0 ? x.size() / row : 0;
  const std::vector<T> scale = spread<T>(call.optional_input(1), normalized, T{1});
  const std::vector<T> bias = spread<T>(call.optional_input(2), normalized, T{0});
  Results results = {call.unwritten()};
  for (std::size_t o = 1; o < call.outputs.size(); ++o) results.push_back(call.output(o));
  const T* const in = x.as<T>().data();
  T* const out = results[0].as_mutable<T>().data();
  std::vector<T*> extra;
  for (std::size_t o = 1; o < results.size(); ++o) {
    extra.push_back(results[o].as_mutable<T>().data());
  }
  parallel_for(rows, row_grain(row), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* const from = in + r * row;
      T* const to = out + r * row;
      const Moments m = moments_of(from, row);
      const double inverse = 1 / std::sqrt(m.variance + epsilon);
      if (!extra.empty()) extra[0][r] = static_cast<T>(m.mean);
      if (extra.size() > 1) extra[1][r] = static_cast<T>(inverse);
      const T mean = static_cast<T>(m.mean);
      const T factor = static_cast<T>(inverse);
      for (std::int64_t i = 0; i < row; ++i) {
        to[i] = (from[i] - mean) * factor * scale[static_cast<std::size_t>(i)] +
                bias[static_cast<std::size_t>(i)];
      }
    }
  });
  return results;
}

/// y = x / (bias + alpha / size sum of x^2 over `size` channels around)^beta.
template <class T>
Tensor local_response(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const auto& attributes = call.node().get<LrnAttributes>();
  const std::int64_t channels = x.dims()[1];
  const std::int64_t area = AroundAxis(x.dims(), 1).inner;
  const std::int64_t before = (attributes.size - 1) / 2;
  const std::int64_t after = attributes.size / 2;
  const double factor =
      static_cast<double>(attributes.alpha) / static_cast<double>(attributes.size);
  Tensor y = call.output();
  const T* const in = x.as<T>().data();
  T* const out = y.as_mutable<T>().data();
  parallel_for(x.dims()[0] * channels, row_grain(area * 8),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const std::int64_t c = r % channels;
                   const std::int64_t first = std::max<std::int64_t>(0, c - before);
                   const std::int64_t last = std::min(channels - 1, c + after);
                   const T* const image = in + (r - c) * area;
                   for (std::int64_t i = 0; i < area; ++i) {
                     double sum = 0;
                     for (std::int64_t k = first; k <= last; ++k) {
                       const double v = static_cast<double>(image[k * area + i]);
                       sum += v * v;
                     }
                     const double base = static_cast<double>(attributes.bias) + factor * sum;
                     out[r * area + i] =
                         static_cast<T>(static_cast<double>(in[r * area + i]) *
                                        std::pow(base, -static_cast<double>(attributes.beta)));
                   }
                 }
               });
  return y;
}

}  // namespace

Results run_normalization(const KernelCall& call) {
  if (call.op() == Op::batch_normalization) return batch_normalization(call);
  if (call.op() == Op::instance_normalization || call.op() == Op::group_normalization) {
    return group_normalization(call);
  }
  Results results;
  with_float_type(call.input(0).type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (call.op() == Op::lrn) {
      results.push_back(local_response<T>(call));
    } else {
      results = layer_normalization<T>(call);
    }
  });
  return results;
}

}  // namespace jb::host
