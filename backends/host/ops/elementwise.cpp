// Operators of two or more tensors with broadcasting.

#include <cmath>
#include <type_traits>

#include "backends/host/ops/strided.h"

namespace jb::host {
namespace {

template <class A, class B, class R, class F>
Tensor binary(const Tensor& a, const Tensor& b, const KnownValue& result, F f) {
  Tensor y = Tensor::unwritten(result.type, result.dims);
  R* const out = y.as_mutable<R>().data();
  const A* const left = a.as<A>().data();
  const B* const right = b.as<B>().data();
  const Walk<2> walk(result.dims, {broadcast_strides(a.dims(), result.dims),
                                   broadcast_strides(b.dims(), result.dims)});
  const std::int64_t sa = walk.stride(0);
  const std::int64_t sb = walk.stride(1);
  for_each_run(walk,
               [&](std::int64_t at, const std::array<std::int64_t, 2>& from, std::int64_t count) {
                 R* const o = out + at;
                 const A* const p = left + from[0];
                 const B* const q = right + from[1];
                 if (sa == 1 && sb == 1) {
                   for (std::int64_t i = 0; i < count; ++i) o[i] = f(p[i], q[i]);
                 } else if (sa == 1 && sb == 0) {
                   const B constant = *q;
                   for (std::int64_t i = 0; i < count; ++i) o[i] = f(p[i], constant);
                 } else if (sa == 0 && sb == 1) {
                   const A constant = *p;
                   for (std::int64_t i = 0; i < count; ++i) o[i] = f(constant, q[i]);
                 } else {
                   for (std::int64_t i = 0; i < count; ++i) o[i] = f(p[i * sa], q[i * sb]);
                 }
               });
  return y;
}

template <class T>
T quotient(T a, T b) noexcept {
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
    if (b == -1) return static_cast<T>(-static_cast<typename WrapType<T>::type>(a));
  }
  return static_cast<T>(a / b);
}

/// Remainder with the sign of the divisor, as Python has it.
template <class T>
T modulo(T a, T b) noexcept {
  if (b == static_cast<T>(-1)) {
    if constexpr (std::is_signed_v<T>) return 0;
  }
  const T rest = static_cast<T>(a % b);
  return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
}

/// a^b for integers by squaring; wraps. Negative powers truncate to what 1 / a^-b is.
template <class T>
T integer_power(T a, T b) noexcept {
  using U = typename WrapType<T>::type;
  if constexpr (std::is_signed_v<T>) {
    if (b < 0) {
      if (a == 1) return 1;
      return static_cast<T>(a == -1 ? (b % 2 == 0 ? 1 : -1) : 0);
    }
  }
  U base = static_cast<U>(a);
  U result = 1;
  for (auto left = static_cast<std::make_unsigned_t<T>>(b); left > 0;
       left = static_cast<std::make_unsigned_t<T>>(left >> 1U)) {
    if ((left & 1U) != 0) result *= base;
    base *= base;
  }
  return static_cast<T>(result);
}

template <class T>
void refuse_zero_divisors(const KernelCall& call) {
  for (const T divisor : call.input(1).as<T>()) {
    if (divisor == 0) call.in.fail("an integer is divided by zero");
  }
}

template <class T>
Tensor compute(const KernelCall& call, const Tensor& a, const Tensor& b, const KnownValue& result) {
  using U = typename WrapType<T>::type;
  constexpr bool integral = std::is_integral_v<T>;
  const auto run = [&](auto f) { return binary<T, T, T>(a, b, result, f); };
  const auto test = [&](auto f) { return binary<T, T, bool>(a, b, result, f); };
  switch (call.op()) {
    case Op::add:
    case Op::sum:
    case Op::mean:
      return run([](T x, T y) { return static_cast<T>(static_cast<U>(x) + static_cast<U>(y)); });
    case Op::sub:
      return run([](T x, T y) { return static_cast<T>(static_cast<U>(x) - static_cast<U>(y)); });
    case Op::mul:
      return run([](T x, T y) { return static_cast<T>(static_cast<U>(x) * static_cast<U>(y)); });
    case Op::div:
      if constexpr (integral) refuse_zero_divisors<T>(call);
      return run([](T x, T y) { return quotient(x, y); });
    case Op::minimum:  // NaN stays NaN
      return run([](T x, T y) { return x < y || x != x ? x : y; });
    case Op::maximum:
      return run([](T x, T y) { return x > y || x != x ? x : y; });
    case Op::prelu:
      return run([](T x, T slope) {
        return x < 0 ? static_cast<T>(static_cast<U>(x) * static_cast<U>(slope)) : x;
      });
    case Op::modulo:
      if constexpr (integral) {
        refuse_zero_divisors<T>(call);
        if (call.node().get<ModAttributes>().fmod) {
          return run([](T x, T y) { return static_cast<T>(y == static_cast<T>(-1) ? 0 : x % y); });
        }
        return run([](T x, T y) { return modulo(x, y); });
      } else {
        if (!call.node().get<ModAttributes>().fmod) {
          call.in.fail("floating-point remainders need fmod = 1");
        }
        return run([](T x, T y) { return std::fmod(x, y); });
      }
    case Op::equal:
      return test([](T x, T y) { return x == y; });
    case Op::greater:
      return test([](T x, T y) { return x > y; });
    case Op::greater_or_equal:
      return test([](T x, T y) { return x >= y; });
    case Op::less:
      return test([](T x, T y) { return x < y; });
    case Op::less_or_equal:
      return test([](T x, T y) { return x <= y; });
    default:
      fail_internal("{} is no operator of two tensors", name_of(call.op()));
  }
}

Tensor logical(const KernelCall& call) {
  const Tensor& a = call.input(0);
  const Tensor& b = call.input(1);
  const KnownValue& result = call.outputs[0];
  const auto run = [&](auto f) { return binary<bool, bool, bool>(a, b, result, f); };
  switch (call.op()) {
    case Op::logical_and:
      return run([](bool x, bool y) { return x && y; });
    case Op::logical_or:
      return run([](bool x, bool y) { return x || y; });
    case Op::equal:
      return run([](bool x, bool y) { return x == y; });
    default:
      return run([](bool x, bool y) { return x != y; });
  }
}

template <class T>
Tensor power(const KernelCall& call) {
  const Tensor& a = call.input(0);
  const Tensor& b = call.input(1);
  const KnownValue& result = call.outputs[0];
  if (a.type() == b.type()) {
    if constexpr (std::is_integral_v<T>) {
      return binary<T, T, T>(a, b, result, [](T x, T y) { return integer_power(x, y); });
    } else {
      if (b.size() == 1 && b.as<T>()[0] == T{2}) {
        return binary<T, T, T>(a, b, result, [](T x, T) { return x * x; });
      }
      return binary<T, T, T>(a, b, result, [](T x, T y) { return std::pow(x, y); });
    }
  }
  const std::vector<double> exponents = inference::as_doubles(b);
  const Tensor wide = Tensor::of<double>(b.dims(), exponents);
  return binary<T, double, T>(a, wide, result, [](T x, double y) {
    return convert_number<T>(std::pow(static_cast<double>(x), y));
  });
}

Tensor choose(const KernelCall& call) {
  Tensor y = call.unwritten();
  const Dims& dims = call.outputs[0].dims;
  const bool* const condition = call.input(0).as<bool>().data();
  const Walk<3> walk(dims, {broadcast_strides(call.input(0).dims(), dims),
                            broadcast_strides(call.input(1).dims(), dims),
                            broadcast_strides(call.input(2).dims(), dims)});
  with_element_size(y.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const yes = static_cast<const T*>(call.input(1).raw());
    const T* const no = static_cast<const T*>(call.input(2).raw());
    T* const out = static_cast<T*>(y.mutable_raw());
    for_each_run(walk, [&](std::int64_t at, const std::array<std::int64_t, 3>& from,
                           std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) {
        out[at + i] = condition[from[0] + i * walk.stride(0)] ? yes[from[1] + i * walk.stride(1)]
                                                              : no[from[2] + i * walk.stride(2)];
      }
    });
  });
  return y;
}

/// Sum, Mean, Min, Max of any number of tensors: taken in one after the other.
template <class T>
Tensor variadic(const KernelCall& call) {
  const KnownValue& result = call.outputs[0];
  const Tensor& first = call.input(0);
  Tensor y(result.type, result.dims);
  copy_strided(first, 0, result.dims, broadcast_strides(first.dims(), result.dims), y);
  for (std::size_t i = 1; i < call.inputs.size(); ++i) {
    y = compute<T>(call, y, call.input(i), result);
  }
  if (call.op() == Op::mean) {
    const T count = static_cast<T>(call.inputs.size());
    for (T& value : y.as_mutable<T>()) value = static_cast<T>(value / count);
  }
  return y;
}

}  // namespace

Results run_elementwise(const KernelCall& call) {
  const Op op = call.op();
  if (op == Op::where) return {choose(call)};
  const DataType type = call.input(0).type();
  if (type == DataType::boolean) return {logical(call)};
  Results results;
  with_number_type(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (op == Op::pow) {
      results.push_back(power<T>(call));
    } else if (op == Op::minimum || op == Op::maximum || op == Op::sum || op == Op::mean) {
      results.push_back(variadic<T>(call));
    } else {
      results.push_back(compute<T>(call, call.input(0), call.input(1), call.outputs[0]));
    }
  });
  return results;
}

}  // namespace jb::host
