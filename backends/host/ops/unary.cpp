#include "backends/host/ops/unary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "backends/core/kernels.h"
#include "backends/host/ops/function_kernel.h"
#include "backends/host/ops/strided.h"

namespace jb::host {

const kernels::FunctionKernel& kernels::functions() {
  static const FunctionKernel& chosen = []() -> const FunctionKernel& {
    const int level = jb::kernels::isa_level();
    return level == 2 ? avx512::kFunctions : (level == 1 ? avx2::kFunctions : baseline::kFunctions);
  }();
  return chosen;
}

namespace {

template <class T>
T sigmoid(T x) noexcept {
  return T{1} / (T{1} + std::exp(-x));
}

/// log(1 + e^x) without overflow.
template <class T>
T softplus(T x) noexcept {
  return std::max(x, T{0}) + std::log1p(std::exp(-std::abs(x)));
}

template <class T>
T clamp01(T x) noexcept {
  return std::max(T{0}, std::min(T{1}, x));
}

template <class T>
T gelu_exact(T x) noexcept {
  constexpr auto kHalfRoot = static_cast<T>(0.70710678118654752440);
  return T{0.5} * x * (T{1} + std::erf(x * kHalfRoot));
}

/// Hendrycks and Gimpel, arXiv:1606.08415, section 2: the tanh approximation.
template <class T>
T gelu_tanh(T x) noexcept {
  constexpr auto kRoot = static_cast<T>(0.79788456080286535588);  // sqrt(2 / pi)
  return T{0.5} * x * (T{1} + std::tanh(kRoot * (x + T(0.044715) * x * x * x)));
}

/// Calls body(f) with the function of a floating-point number; false when there is none.
template <class T, class Body>
bool with_float_function(const NodeView& node, Body body) {
  const auto& scalars = node.get<ScalarAttributes>();
  const T alpha = static_cast<T>(scalars.alpha);
  const T beta = static_cast<T>(scalars.beta);
  switch (node.op) {
    case Op::identity:
      return body([](T x) { return x; }), true;
    case Op::neg:
      return body([](T x) { return -x; }), true;
    case Op::abs:
      return body([](T x) { return std::abs(x); }), true;
    case Op::sign:
      return body([](T x) { return x > 0 ? T{1} : x < 0 ? T{-1} : x; }), true;
    case Op::sqrt:
      return body([](T x) { return std::sqrt(x); }), true;
    case Op::reciprocal:
      return body([](T x) { return T{1} / x; }), true;
    case Op::exp:
      return body([](T x) { return std::exp(x); }), true;
    case Op::log:
      return body([](T x) { return std::log(x); }), true;
    case Op::erf:
      return body([](T x) { return std::erf(x); }), true;
    case Op::sin:
      return body([](T x) { return std::sin(x); }), true;
    case Op::cos:
      return body([](T x) { return std::cos(x); }), true;
    case Op::floor:
      return body([](T x) { return std::floor(x); }), true;
    case Op::ceil:
      return body([](T x) { return std::ceil(x); }), true;
    case Op::round:
      return body([](T x) { return std::nearbyint(x); }), true;  // halves to even
    case Op::relu:
      return body([](T x) { return x < 0 ? T{0} : x; }), true;
    case Op::leaky_relu:
      return body([alpha](T x) { return x < 0 ? alpha * x : x; }), true;
    case Op::elu:
      return body([alpha](T x) { return x < 0 ? alpha * std::expm1(x) : x; }), true;
    case Op::selu:
      return body([alpha, beta](T x) { return beta * (x > 0 ? x : alpha * std::expm1(x)); }), true;
    case Op::celu:
      return body([alpha](T x) { return x < 0 ? alpha * std::expm1(x / alpha) : x; }), true;
    case Op::sigmoid:
      return body([](T x) { return sigmoid(x); }), true;
    case Op::hard_sigmoid:
      return body([alpha, beta](T x) { return clamp01(alpha * x + beta); }), true;
    case Op::hard_swish:
      return body([](T x) { return x * clamp01(x / T{6} + T{0.5}); }), true;
    case Op::softplus:
      return body([](T x) { return softplus(x); }), true;
    case Op::softsign:
      return body([](T x) { return x / (T{1} + std::abs(x)); }), true;
    case Op::tanh:
      return body([](T x) { return std::tanh(x); }), true;
    case Op::gelu:
      if (node.get<GeluAttributes>().tanh_approximation) {
        return body([](T x) { return gelu_tanh(x); }), true;
      }
      return body([](T x) { return gelu_exact(x); }), true;
    case Op::silu:
      return body([](T x) { return x * sigmoid(x); }), true;
    case Op::mish:
      return body([](T x) { return x * std::tanh(softplus(x)); }), true;
    default:
      return false;
  }
}

/// The functions of float32 numbers that have a kernel; null for others.
kernels::FunctionOfFloats kernel_of(const NodeView& node) {
  const kernels::FunctionKernel& f = kernels::functions();
  switch (node.op) {
    case Op::exp:
      return f.exp;
    case Op::erf:
      return f.erf;
    case Op::tanh:
      return f.tanh;
    case Op::sigmoid:
      return f.sigmoid;
    case Op::silu:
      return f.silu;
    case Op::gelu:
      return node.get<GeluAttributes>().tanh_approximation ? f.gelu_tanh : f.gelu;
    default:
      return nullptr;
  }
}

template <class T>
void apply(const NodeView& node, T* x, std::int64_t count) {
  if constexpr (std::is_same_v<T, float>) {
    if (const auto kernel = kernel_of(node)) return kernel(x, x, count);
  }
  const bool known = with_float_function<T>(node, [&](auto f) {
    for (std::int64_t i = 0; i < count; ++i) x[i] = f(x[i]);
  });
  if (!known) fail_usage("node '{}': {} is no activation", node.name, name_of(node.op));
}

template <class T, class F>
void map(const Tensor& x, Tensor& y, F f) {
  const T* const in = x.as<T>().data();
  T* const out = y.as_mutable<T>().data();
  parallel_for(x.size(), kElementGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) out[i] = f(in[i]);
  });
}

/// Integers have only signs.
template <class T>
void map_integers(const KernelCall& call, const Tensor& x, Tensor& y) {
  using U = typename WrapType<T>::type;
  const auto negated = [](T v) { return static_cast<T>(U{0} - static_cast<U>(v)); };
  switch (call.op()) {
    case Op::neg:
      return map<T>(x, y, negated);
    case Op::abs:
      return map<T>(x, y, [&](T v) { return v < 0 ? negated(v) : v; });
    case Op::sign:
      return map<T>(x, y, [](T v) { return static_cast<T>(v > 0 ? 1 : v < 0 ? -1 : 0); });
    case Op::relu:
      return map<T>(x, y, [](T v) { return v < 0 ? T{0} : v; });
    default:
      call.in.fail("it does not take {}", name_of(x.type()));
  }
}

template <class T>
void clip(const KernelCall& call, Tensor& y) {
  using Limits = std::numeric_limits<T>;
  T low = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  T high = Limits::has_infinity ? Limits::infinity() : Limits::max();
  if (const Tensor* given = call.optional_input(1)) low = given->as<T>()[0];
  if (const Tensor* given = call.optional_input(2)) high = given->as<T>()[0];
  // As numpy: the upper limit wins when the two cross, and NaN stays.
  map<T>(call.input(0), y, [low, high](T v) {
    const T raised = v < low ? low : v;
    return raised > high ? high : raised;
  });
}

}  // namespace

bool is_unary_function(Op op) noexcept {
  NodeView node;
  node.op = op;
  return with_float_function<float>(node, [](auto) {});
}

void apply_unary(const NodeView& node, float* x, std::int64_t count) { apply(node, x, count); }
void apply_unary(const NodeView& node, double* x, std::int64_t count) { apply(node, x, count); }

void apply_unary(const NodeView& node, Tensor& x) {
  float* const values = x.as_mutable<float>().data();
  parallel_for(x.size(), kElementGrain, [&](std::int64_t begin, std::int64_t end) {
    apply(node, values + begin, end - begin);
  });
}

Results run_unary(const KernelCall& call) {
  const Tensor& x = call.input(0);
  Tensor y = call.unwritten();
  if (call.op() == Op::logical_not) {
    map<bool>(x, y, [](bool v) { return !v; });
    return {std::move(y)};
  }
  with_number_type(x.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (call.op() == Op::clip) {
      clip<T>(call, y);
    } else if constexpr (std::is_floating_point_v<T>) {
      if constexpr (std::is_same_v<T, float>) {
        if (const auto kernel = kernel_of(call.node())) {
          const float* const in = x.as<float>().data();
          float* const out = y.as_mutable<float>().data();
          parallel_for(x.size(), kElementGrain, [&](std::int64_t begin, std::int64_t end) {
            kernel(in + begin, out + begin, end - begin);
          });
          return;
        }
      }
      if (!with_float_function<T>(call.node(), [&](auto f) { map<T>(x, y, f); })) {
        fail_internal("{} is no function of one value", name_of(call.op()));
      }
    } else {
      map_integers<T>(call, x, y);
    }
  });
  return {std::move(y)};
}

Tensor converted(const Tensor& x, DataType type) {
  if (x.type() == type) return x;
  Tensor y = Tensor::unwritten(type, x.dims());
  with_stored_type(x.type(), [&](auto from) {
    using From = typename decltype(from)::type;
    with_stored_type(type, [&](auto to) {
      using To = typename decltype(to)::type;
      const From* const in = x.as<From>().data();
      To* const out = y.as_mutable<To>().data();
      parallel_for(x.size(), kElementGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = convert_number<To>(in[i]);
      });
    });
  });
  return y;
}

}  // namespace jb::host
