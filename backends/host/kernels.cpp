#include "backends/host/kernels.h"

#include <algorithm>

namespace jb::host {

std::vector<Tensor> run_kernel(const NodeView& node, const std::vector<const Tensor*>& inputs) {
  if (node.op != Op::relu) {
    fail_usage("node '{}': operator {} is not supported", node.name, name_of(node.op));
  }
  Tensor y(DataType::f32, inputs.at(0)->dims());
  const auto x = inputs[0]->as<float>();
  const auto out = y.as_mutable<float>();
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = std::max(x[i], 0.0F);
  return {std::move(y)};
}

PeripheryWork work_of(const NodeView& node, const std::vector<const KnownValue*>& /*inputs*/,
                      const std::vector<KnownValue>& outputs) {
  PeripheryWork work;
  if (node.op == Op::relu) {
    const auto elements = static_cast<double>(elements_of(outputs[0].dims));
    work.comparisons = elements;
    work.bytes = 2 * elements * static_cast<double>(bytes_of(outputs[0].type));
  }
  return work;
}

}  // namespace jb::host
