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
  const NodeView* then;  ///< a function of one value to be taken along, or null

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

/// The node's fused activation as a node of its own; its operator is identity when there is none.
NodeView activation_node(const NodeView& node);

/// What follows a product: the bias of each column, then the node's activation and the function of
/// the node behind it when that is taken along.
template <class T>
class Finish {
 public:
  /// `bias`: of each column, or null.
  Finish(const LinearCall<T>& call, const T* bias);
  /// The same with another column as the first.
  [[nodiscard]] Finish from_column(std::int64_t column) const;

  /// All rows of y (rows x cols, close together), in parallel.
  void all_rows(T* y, std::int64_t rows, std::int64_t cols) const;
  /// On the calling thread: rows, or a run of values of one column.
  void rows(T* y, std::int64_t rows, std::int64_t cols) const;
  void column(std::int64_t column, T* y, std::int64_t count) const;

 private:
  void apply(T* y, std::int64_t count) const;

  const T* bias_;
  std::vector<NodeView> functions_;
};

}  // namespace jb::host
