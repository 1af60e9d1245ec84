// Linear operators by plain arithmetic: float64 sums for floating-point tensors, sums that wrap for
// integers.

#include <algorithm>
#include <cmath>

#include "backends/core/gemm.h"
#include "backends/core/linear_lowering.h"
#include "backends/host/linear/multiplier.h"
#include "backends/host/ops/kernel_call.h"

namespace jb::host {
namespace {

class PlainMultiplier final : public Multiplier<double> {
 public:
  PlainMultiplier(const NodeView& node, const std::vector<const Tensor*>& inputs)
      : node_(node), inputs_(inputs) {}
  void multiply(std::size_t part, std::int64_t operand, MatrixView<const double> a,
                MatrixView<double> c, const ProductPosition& /*position*/) override {
    gemm<double>(a, operand_view<double>(node_, false, inputs_, part, operand), c);
  }

 private:
  const NodeView& node_;
  const std::vector<const Tensor*>& inputs_;
};

/// Integers are exact in float64 as long as no sum leaves 53 bits.
void check_exact(const KernelCall& call) {
  const auto largest = [&](std::size_t i) {
    double most = 0;
    for (const double x : inference::as_doubles(call.input(i))) most = std::max(most, std::abs(x));
    return most;
  };
  const std::int64_t k = call.input(1).rank() > 1 && call.op() == Op::matmul
                             ? call.input(1).dims()[call.input(1).rank() - 2]
                             : elements_of(call.input(1).dims());
  if (largest(0) * largest(1) * static_cast<double>(k) > 0x1p53) {
    call.in.fail_unsupported("sums of integers beyond 2^53 are not supported");
  }
}

}  // namespace

Results run_linear(const KernelCall& call) {
  if (!is_float(call.input(0).type())) check_exact(call);
  std::vector<Tensor> wide;
  wide.reserve(call.inputs.size());
  std::vector<const Tensor*> inputs;
  for (const Tensor* input : call.inputs) {
    if (input == nullptr || (call.op() >= Op::rnn && !is_float(input->type()))) {  // lengths stay
      inputs.push_back(input);
      continue;
    }
    wide.push_back(input->type() == DataType::f64 ? *input : converted(*input, DataType::f64));
    inputs.push_back(&wide.back());
  }
  std::vector<KnownValue> outputs = call.outputs;
  for (KnownValue& output : outputs) output.type = DataType::f64;
  PlainMultiplier multiplier(call.node(), inputs);
  Results results = run_products<double>(call.node(), false, inputs, outputs, multiplier);
  for (std::size_t o = 0; o < results.size(); ++o) {
    if (call.outputs[o].type != DataType::f64) {
      results[o] = converted(results[o], call.outputs[o].type);
    }
  }
  return results;
}

}  // namespace jb::host
