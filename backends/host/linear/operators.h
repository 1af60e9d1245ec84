#pragma once
// The linear operators in terms of their products, one file each. Internal to backends/host/linear.

#include <vector>

#include "backends/host/linear/multiplier.h"

namespace jb::host {

template <class T>
struct LinearCall {
  const NodeView& node;
  bool left;  ///< C^T = B^T A^T, because A is the constant
  const std::vector<const Tensor*>& inputs;
  const std::vector<KnownValue>& outputs;
  Multiplier<T>& multiplier;

  [[nodiscard]] const Tensor& input(std::size_t i) const { return *inputs[i]; }
  [[nodiscard]] const Tensor* optional_input(std::size_t i) const {
    return i < inputs.size() ? inputs[i] : nullptr;
  }
  [[nodiscard]] const T* data(std::size_t i) const { return inputs[i]->template as<T>().data(); }
};

template <class T>
Tensor run_matmul(const LinearCall<T>& call);
template <class T>
Tensor run_gemm(const LinearCall<T>& call);
template <class T>
Tensor run_conv(const LinearCall<T>& call);
template <class T>
Tensor run_conv_transpose(const LinearCall<T>& call);
template <class T>
std::vector<Tensor> run_recurrent(const LinearCall<T>& call);

/// y += bias[column] (bias may be null), then the fused activation, for rows of `cols` values.
template <class T>
void finish_rows(const NodeView& node, const T* bias, T* y, std::int64_t rows, std::int64_t cols);
/// The same for one run of values that share a bias, on the calling thread.
template <class T>
void finish_run(const NodeView& activation, const T* bias, T* y, std::int64_t count);
/// The node's fused activation as a node of its own; its operator is identity when there is none.
NodeView activation_node(const NodeView& node);

}  // namespace jb::host
