#include "backends/host/linear/linear_work.h"

#include "backends/host/kernels.h"
#include "backends/host/linear/multiplier.h"
#include "backends/host/linear/operators.h"

namespace jb::host {
namespace {

constexpr double kBytesPerValue = 4;  // of what lies between product and result

double count_of(const KnownValue& value) { return static_cast<double>(elements_of(value.dims)); }

bool given(const std::vector<const KnownValue*>& inputs, std::size_t i) {
  return i < inputs.size() && inputs[i] != nullptr;
}

/// Cells of a recurrent layer: gates are summed, activated and combined with the state.
PeripheryWork cell_work(const NodeView& node, const std::vector<const KnownValue*>& inputs,
                        const KnownValue& y) {
  // steps x directions x samples x hidden; a projection's Y is narrower than its cells.
  const double widening = given(inputs, 8) ? static_cast<double>(inputs[8]->dims[2]) /
                                                 static_cast<double>(inputs[8]->dims[1])
                                           : 1;
  const double cells = count_of(y) * widening;
  PeripheryWork work;
  const bool bias = given(inputs, 3);
  double gates = 1;
  double states = 1;
  // A sigmoid is an exponential, an addition and a reciprocal.
  if (node.op == Op::rnn) {
    work.functions = cells;
  } else if (node.op == Op::lstm) {
    gates = 4;
    states = 2;
    const double peepholes = given(inputs, 7) ? 3 : 0;
    work.adds = (3 + 1 + peepholes) * cells;
    work.multiplies = (3 + peepholes) * cells;
    work.functions = (3 * 2 + 2) * cells;
  } else {
    gates = 3;
    work.adds = (2 + 2) * cells;
    work.multiplies = 3 * cells;
    work.functions = (2 * 2 + 1) * cells;
  }
  work.adds += gates * (bias ? 3 : 1) * cells;
  work.bytes = kBytesPerValue * cells * (2 * gates + 2 * states);
  return work;
}

}  // namespace

PeripheryWork work_around_products(const NodeView& node,
                                   const std::vector<const KnownValue*>& inputs,
                                   const std::vector<KnownValue>& outputs) {
  if (node.op == Op::rnn || node.op == Op::lstm || node.op == Op::gru) {
    return cell_work(node, inputs, outputs[0]);
  }
  const double y = count_of(outputs[0]);
  PeripheryWork work;
  bool touched = false;  // whether the result is read and written once more
  if (node.op == Op::conv_transpose) {
    const Dims& x = inputs[0]->dims;
    const double positions = count_of(*inputs[0]) / static_cast<double>(x[1] > 0 ? x[1] : 1);
    const double columns = positions * count_of(*inputs[1]) /
                           static_cast<double>(x[1] > 0 ? x[1] : 1) *
                           static_cast<double>(node.get<ConvAttributes>().groups);
    work.adds += columns;
    work.bytes += kBytesPerValue * (columns + y);
  }
  if (given(inputs, 2)) {
    work += bias_work(y);
    touched = true;
  }
  if (node.op == Op::gemm) {
    const auto& attributes = node.get<GemmAttributes>();
    const bool scales = attributes.alpha != 1;
    if (scales) work.multiplies += y;
    if (attributes.beta != 1 && given(inputs, 2)) work.multiplies += y;
    if (scales && !touched) work.bytes += 2 * kBytesPerValue * y;
    touched = touched || scales;
  }
  if (node.activation.op != Op::identity) {
    work += function_work(activation_node(node), y);
    if (!touched) work.bytes += 2 * kBytesPerValue * y;
  }
  return work;
}

PeripheryWork digital_product(const GemmShape& shape) {
  PeripheryWork work;
  work.macs = shape.macs();
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  work.bytes = kBytesPerValue * (m * k + k * n + m * n);
  return work;
}

std::vector<RowBlock> row_blocks(const NodeView& node, const LinearProduct& product,
                                 std::int64_t images) {
  const std::int64_t m = product.shape.m;
  if (m <= 0) return {};
  if (node.op == Op::conv_transpose && images > 1) return {{m / images, images}};
  if (node.op != Op::conv) return {{m, 1}};
  const std::int64_t block = lowered_rows(product.shape.k);
  std::vector<RowBlock> blocks;
  if (m / block > 0) blocks.push_back({block, m / block});
  if (m % block > 0) blocks.push_back({m % block, 1});
  return blocks;
}

}  // namespace jb::host
