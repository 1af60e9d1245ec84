#include <algorithm>

#include "backends/core/threads.h"
#include "backends/host/linear/operators.h"
#include "backends/host/ops/kernel_call.h"
#include "backends/host/ops/unary.h"

namespace jb::host {
namespace {

/// Values that bias and functions pass over while they lie in the first-level cache.
constexpr std::int64_t kRun = 2048;

}  // namespace

NodeView activation_node(const NodeView& node) {
  NodeView activation;
  activation.op = node.activation.op;
  activation.attributes = node.activation.attributes;
  activation.name = node.name;
  return activation;
}

template <class T>
Finish<T>::Finish(const LinearCall<T>& call, const T* bias) : bias_(bias) {
  if (call.node.activation.op != Op::identity) functions_.push_back(activation_node(call.node));
  if (call.then != nullptr) functions_.push_back(*call.then);
}

template <class T>
Finish<T> Finish<T>::from_column(std::int64_t column) const {
  Finish other = *this;
  if (bias_ != nullptr) other.bias_ = bias_ + column;
  return other;
}

template <class T>
void Finish<T>::apply(T* y, std::int64_t count) const {
  for (const NodeView& function : functions_) apply_unary(function, y, count);
}

template <class T>
void Finish<T>::column(std::int64_t column, T* y, std::int64_t count) const {
  for (std::int64_t at = 0; at < count; at += kRun) {
    const std::int64_t run = std::min(kRun, count - at);
    if (bias_ != nullptr) {
      const T value = bias_[column];
      for (std::int64_t i = at; i < at + run; ++i) y[i] += value;
    }
    apply(y + at, run);
  }
}

template <class T>
void Finish<T>::rows(T* y, std::int64_t rows, std::int64_t cols) const {
  const std::int64_t step = std::max<std::int64_t>(1, kRun / std::max<std::int64_t>(1, cols));
  for (std::int64_t top = 0; top < rows; top += step) {
    const std::int64_t bottom = std::min(rows, top + step);
    for (std::int64_t r = top; bias_ != nullptr && r < bottom; ++r) {
      T* const row = y + r * cols;
      for (std::int64_t c = 0; c < cols; ++c) row[c] += bias_[c];
    }
    apply(y + top * cols, (bottom - top) * cols);
  }
}

template <class T>
void Finish<T>::all_rows(T* y, std::int64_t rows, std::int64_t cols) const {
  if (bias_ == nullptr && functions_.empty()) return;
  parallel_for(rows, row_grain(cols), [&](std::int64_t begin, std::int64_t end) {
    this->rows(y + begin * cols, end - begin, cols);
  });
}

template class Finish<float>;
template class Finish<double>;

}  // namespace jb::host
