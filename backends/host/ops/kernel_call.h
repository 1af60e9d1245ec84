#pragma once
// What a kernel of one node is given, after its inputs were checked and its outputs' sizes
// inferred. Internal to backends/host.

#include <cstdint>
#include <vector>

#include "backends/core/inference/node_inputs.h"
#include "backends/core/number_conversion.h"
#include "backends/core/tensor.h"

namespace jb::host {

struct KernelCall {
  const inference::NodeInputs& in;  ///< with the elements of all inputs
  const std::vector<const Tensor*>& inputs;
  const std::vector<KnownValue>& outputs;  ///< types and sizes

  [[nodiscard]] const NodeView& node() const noexcept { return in.node(); }
  [[nodiscard]] Op op() const noexcept { return in.op(); }
  [[nodiscard]] const Tensor& input(std::size_t i) const { return *inputs[i]; }
  [[nodiscard]] const Tensor* optional_input(std::size_t i) const {
    return i < inputs.size() ? inputs[i] : nullptr;
  }
  /// Output i, zeroed.
  [[nodiscard]] Tensor output(std::size_t i = 0) const {
    return {outputs[i].type, outputs[i].dims};
  }
  /// Output i, of which the kernel writes every element.
  [[nodiscard]] Tensor unwritten(std::size_t i = 0) const {
    return Tensor::unwritten(outputs[i].type, outputs[i].dims);
  }
};

using Results = std::vector<Tensor>;

// Kernels by family; binary16 and bfloat16 reach only those that move data.
Results run_elementwise(const KernelCall& call);
Results run_unary(const KernelCall& call);
Results run_softmax(const KernelCall& call);
Results run_normalization(const KernelCall& call);
Results run_pooling(const KernelCall& call);
Results run_reduction(const KernelCall& call);
Results run_arg(const KernelCall& call);
Results run_cum_sum(const KernelCall& call);
Results run_top_k(const KernelCall& call);
Results run_layout(const KernelCall& call);
Results run_pad(const KernelCall& call);
Results run_resize(const KernelCall& call);
Results run_indexing(const KernelCall& call);
Results run_linear(const KernelCall& call);

/// The elements as numbers of another type; the tensor itself when it has it.
Tensor converted(const Tensor& x, DataType type);

/// Pieces that parallel loops over elements and over rows are cut into: some ten microseconds of
/// work each.
constexpr std::int64_t kElementGrain = 16384;
inline std::int64_t row_grain(std::int64_t elements_per_row) noexcept {
  return elements_per_row >= kElementGrain ? 1 : kElementGrain / (elements_per_row + 1) + 1;
}

/// A tensor as outer x length x inner around one axis.
struct AroundAxis {
  std::int64_t outer = 1;
  std::int64_t length = 1;
  std::int64_t inner = 1;

  AroundAxis(const Dims& dims, std::int64_t axis)
      : outer(elements_of(Dims(dims.begin(), dims.begin() + axis))),
        length(dims[static_cast<std::size_t>(axis)]),
        inner(elements_of(Dims(dims.begin() + axis + 1, dims.end()))) {}
};

/// Calls f(TypeTag<T>{}) for the types that arithmetic is done in (all but binary16, bfloat16 and
/// bool; those are an internal error).
template <class F>
void with_number_type(DataType type, F&& f) {
  with_stored_type(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      f(tag);
    } else {
      fail_internal("no arithmetic on {}", name_of(type));
    }
  });
}

template <class F>
void with_float_type(DataType type, F&& f) {
  if (type == DataType::f64) {
    f(TypeTag<double>{});
  } else if (type == DataType::f32) {
    f(TypeTag<float>{});
  } else {
    fail_internal("no floating-point arithmetic on {}", name_of(type));
  }
}

/// Calls f with an unsigned integer type of as many bytes as the elements: for moving them.
template <class F>
void with_element_size(DataType type, F&& f) {
  switch (bytes_of(type)) {
    case 1:
      return f(TypeTag<std::uint8_t>{});
    case 2:
      return f(TypeTag<std::uint16_t>{});
    case 4:
      return f(TypeTag<std::uint32_t>{});
    default:
      return f(TypeTag<std::uint64_t>{});
  }
}

/// Arithmetic that wraps in two's complement for integers.
template <class T>
struct WrapType {
  using type = T;
};
template <class T>
requires std::is_integral_v<T>
struct WrapType<T> {
  using type = std::conditional_t<sizeof(T) < 4, std::uint32_t, std::make_unsigned_t<T>>;
};

}  // namespace jb::host
