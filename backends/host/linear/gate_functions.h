#pragma once
// Activation functions of recurrent cells by their ONNX names, with scaling values consumed in the
// order of the functions that take them.

#include <cstdint>
#include <string>
#include <vector>

#include "backends/core/graph_view.h"

namespace jb::host {

struct GateFunction {
  enum class Kind : std::uint8_t {
    relu,
    tanh,
    sigmoid,
    affine,
    leaky_relu,
    thresholded_relu,
    scaled_tanh,
    hard_sigmoid,
    elu,
    softsign,
    softplus
  };
  Kind kind = Kind::tanh;
  double alpha = 0;
  double beta = 0;

  template <class T>
  [[nodiscard]] T operator()(T x) const;
};

/// Functions f, g, h of each direction, in order. Usage error naming the node for unknown names.
std::vector<GateFunction> gate_functions(const NodeView& node, std::int64_t directions);

}  // namespace jb::host
