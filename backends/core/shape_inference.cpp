#include "backends/core/shape_inference.h"

namespace jb {

std::vector<KnownValue> infer_outputs(const NodeView& node,
                                      const std::vector<const KnownValue*>& inputs) {
  const KnownValue& x = *inputs.at(0);
  switch (node.op) {
    case Op::relu:
      return {{x.type, x.dims, nullptr}};
    case Op::matmul: {
      Dims dims = x.dims;
      dims.back() = inputs.at(1)->dims.back();
      return {{x.type, dims, nullptr}};
    }
    default:
      fail_usage("node '{}': operator {} is not supported", node.name, name_of(node.op));
  }
}

}  // namespace jb
