// Reductions over any dimensions. Sums are float64, or integers of 64 bits that wrap.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "backends/core/inference/layout.h"
#include "backends/host/ops/strided.h"

namespace jb::host {
namespace {

/// The tensor as kept x reduced, with the reduced dimensions last: copied unless they are.
struct ReducedRows {
  Tensor values;
  std::int64_t rows = 1;
  std::int64_t length = 1;
};

ReducedRows rows_of(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const std::vector<bool> reduced = inference::reduced_dimensions(call.in);
  const Dims strides = dense_strides(x.dims());
  ReducedRows rows;
  Dims order_dims;
  Dims order_strides;
  bool moved = false;
  for (const bool wanted : {false, true}) {
    for (std::size_t d = 0; d < reduced.size(); ++d) {
      if (reduced[d] != wanted) continue;
      moved = moved ||
              (!order_strides.empty() && x.dims()[d] != 1 && strides[d] > order_strides.back());
      (wanted ? rows.length : rows.rows) *= x.dims()[d];
      if (x.dims()[d] == 1) continue;
      order_dims.push_back(x.dims()[d]);
      order_strides.push_back(strides[d]);
    }
  }
  rows.values = x;
  if (moved) {
    rows.values = Tensor(x.type(), order_dims);
    copy_strided(x, 0, order_dims, order_strides, rows.values);
  }
  return rows;
}

template <class T>
using SumType =
    std::conditional_t<std::is_floating_point_v<T>, double,
                       std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

/// Sum of f(x) in the wide type; integers wrap.
template <class T, class F>
SumType<T> sum_of(const T* x, std::int64_t n, F f) {
  if constexpr (std::is_floating_point_v<T>) {
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += f(static_cast<double>(x[i]));
    return sum;
  } else {
    std::uint64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += f(static_cast<std::uint64_t>(x[i]));
    return static_cast<SumType<T>>(sum);
  }
}

template <class T>
double log_sum_exp(const T* x, std::int64_t n) {
  double largest = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, static_cast<double>(x[i]));
  if (std::isinf(largest)) return largest;
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i]) - largest);
  return largest + std::log(sum);
}

template <class T>
T extreme(const T* x, std::int64_t n, bool largest) {
  using Limits = std::numeric_limits<T>;
  T best = largest ? (Limits::has_infinity ? -Limits::infinity() : Limits::lowest())
                   : (Limits::has_infinity ? Limits::infinity() : Limits::max());
  for (std::int64_t i = 0; i < n; ++i) {
    if (x[i] != x[i]) return x[i];
    if (largest ? x[i] > best : x[i] < best) best = x[i];
  }
  return best;
}

template <class T>
T reduce_row(Op op, const T* x, std::int64_t n) {
  using S = SumType<T>;
  const auto plain = [](auto v) { return v; };
  const auto square = [](auto v) { return v * v; };
  const auto magnitude = [](auto v) {
    if constexpr (std::is_floating_point_v<decltype(v)>) {
      return std::abs(v);
    } else {
      const bool negative = std::is_signed_v<T> && (v >> 63U) != 0;
      return negative ? 0 - v : v;
    }
  };
  switch (op) {
    case Op::reduce_sum:
      return static_cast<T>(sum_of(x, n, plain));
    case Op::reduce_mean:
      if constexpr (std::is_integral_v<T>) {
        return n == 0 ? T{0} : static_cast<T>(sum_of(x, n, plain) / static_cast<S>(n));
      } else {
        return static_cast<T>(sum_of(x, n, plain) / static_cast<double>(n));
      }
    case Op::reduce_max:
      return extreme(x, n, true);
    case Op::reduce_min:
      return extreme(x, n, false);
    case Op::reduce_prod: {
      if constexpr (std::is_integral_v<T>) {
        std::uint64_t product = 1;
        for (std::int64_t i = 0; i < n; ++i) product *= static_cast<std::uint64_t>(x[i]);
        return static_cast<T>(product);
      } else {
        double product = 1;
        for (std::int64_t i = 0; i < n; ++i) product *= static_cast<double>(x[i]);
        return static_cast<T>(product);
      }
    }
    case Op::reduce_l1:
      return static_cast<T>(sum_of(x, n, magnitude));
    case Op::reduce_sum_square:
      return static_cast<T>(sum_of(x, n, square));
    case Op::reduce_l2:
      return convert_number<T>(std::sqrt(static_cast<double>(sum_of(x, n, square))));
    case Op::reduce_log_sum:
      return convert_number<T>(std::log(static_cast<double>(sum_of(x, n, plain))));
    default:
      return convert_number<T>(log_sum_exp(x, n));
  }
}

template <class T>
Tensor arg_extreme(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const auto& attributes = call.node().get<ArgAttributes>();
  const AroundAxis around(x.dims(),
                          call.in.axis(attributes.axis, static_cast<std::int64_t>(x.rank())));
  const bool largest = call.op() == Op::arg_max;
  Tensor y = call.output();
  const T* const in = x.as<T>().data();
  std::int64_t* const out = y.as_mutable<std::int64_t>().data();
  parallel_for(y.size(), row_grain(around.length), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* const row = in + r / around.inner * around.length * around.inner + r % around.inner;
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < around.length; ++i) {
        const T value = row[i * around.inner];
        const T held = row[best * around.inner];
        const bool better = largest ? value > held : value < held;
        if (better || (attributes.select_last_index && value == held)) best = i;
      }
      out[r] = best;
    }
  });
  return y;
}

template <class T>
Tensor cumulate(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const auto& attributes = call.node().get<CumSumAttributes>();
  const AroundAxis around(
      x.dims(), call.in.axis(call.in.integer(1, "the axis"), static_cast<std::int64_t>(x.rank())));
  Tensor y = call.output();
  const T* const in = x.as<T>().data();
  T* const out = y.as_mutable<T>().data();
  parallel_for(around.outer * around.inner, row_grain(around.length),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const std::int64_t at =
                       r / around.inner * around.length * around.inner + r % around.inner;
                   using Wide =
                       std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;
                   Wide sum = 0;
                   for (std::int64_t i = 0; i < around.length; ++i) {
                     const std::int64_t k =
                         at + (attributes.reverse ? around.length - 1 - i : i) * around.inner;
                     if (attributes.exclusive) out[k] = static_cast<T>(sum);
                     sum += static_cast<Wide>(in[k]);
                     if (!attributes.exclusive) out[k] = static_cast<T>(sum);
                   }
                 }
               });
  return y;
}

template <class T>
Results top_k(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const auto& attributes = call.node().get<TopKAttributes>();
  const std::int64_t axis = call.in.axis(attributes.axis, static_cast<std::int64_t>(x.rank()));
  const AroundAxis around(x.dims(), axis);
  const std::int64_t k = call.outputs[0].dims[static_cast<std::size_t>(axis)];
  Tensor values = call.output(0);
  Tensor indices(DataType::s64, call.outputs[0].dims);
  const T* const in = x.as<T>().data();
  T* const out = values.as_mutable<T>().data();
  std::int64_t* const where = indices.as_mutable<std::int64_t>().data();
  parallel_for(around.outer * around.inner, row_grain(8 * around.length),
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<std::int64_t> order(static_cast<std::size_t>(around.length));
                 for (std::int64_t r = begin; r < end; ++r) {
                   const T* const row =
                       in + r / around.inner * around.length * around.inner + r % around.inner;
                   std::iota(order.begin(), order.end(), 0);
                   // NaN counts as the largest of all; equal values keep their order.
                   const auto before = [&](std::int64_t i, std::int64_t j) {
                     const T a = row[i * around.inner];
                     const T b = row[j * around.inner];
                     const bool nan_a = a != a;
                     const bool nan_b = b != b;
                     if (nan_a || nan_b) {
                       if (nan_a != nan_b) return nan_a == attributes.largest;
                       return i < j;
                     }
                     if (a != b) return attributes.largest ? a > b : a < b;
                     return i < j;
                   };
                   std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
                   for (std::int64_t i = 0; i < k; ++i) {
                     const std::int64_t to =
                         (r / around.inner * k + i) * around.inner + r % around.inner;
                     where[to] = order[static_cast<std::size_t>(i)];
                     out[to] = row[where[to] * around.inner];
                   }
                 }
               });
  return {std::move(values), std::move(indices)};
}

}  // namespace

Results run_reduction(const KernelCall& call) {
  Tensor y = call.output();
  const auto& attributes = call.node().get<ReduceAttributes>();
  const std::vector<bool> reduced = inference::reduced_dimensions(call.in);
  if (attributes.noop_with_empty_axes &&
      std::none_of(reduced.begin(), reduced.end(), [](bool r) { return r; })) {
    return {call.input(0)};
  }
  const ReducedRows rows = rows_of(call);
  with_number_type(y.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const in = rows.values.template as<T>().data();
    T* const out = y.as_mutable<T>().data();
    parallel_for(rows.rows, row_grain(rows.length), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        out[r] = reduce_row<T>(call.op(), in + r * rows.length, rows.length);
      }
    });
  });
  return {std::move(y)};
}

Results run_arg(const KernelCall& call) {
  Results results;
  with_number_type(call.input(0).type(), [&](auto tag) {
    results.push_back(arg_extreme<typename decltype(tag)::type>(call));
  });
  return results;
}

Results run_cum_sum(const KernelCall& call) {
  Results results;
  with_number_type(call.input(0).type(), [&](auto tag) {
    results.push_back(cumulate<typename decltype(tag)::type>(call));
  });
  return results;
}

Results run_top_k(const KernelCall& call) {
  Results results;
  with_number_type(call.input(0).type(),
                   [&](auto tag) { results = top_k<typename decltype(tag)::type>(call); });
  return results;
}

}  // namespace jb::host
