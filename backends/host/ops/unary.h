#pragma once
// Functions of one value, for tensors and for results of products in place.

#include <cstdint>

#include "backends/core/graph_view.h"
#include "backends/core/tensor.h"

namespace jb::host {

/// True for operators that map each value by itself, without further tensors.
bool is_unary_function(Op op) noexcept;

/// x = f(x) for the operator of `node`, on the calling thread. Usage error for operators that are
/// no such function of floating-point numbers.
void apply_unary(const NodeView& node, float* x, std::int64_t count);
void apply_unary(const NodeView& node, double* x, std::int64_t count);
/// All of a float32 tensor, in parallel; copied first when others share it.
void apply_unary(const NodeView& node, Tensor& x);

}  // namespace jb::host
