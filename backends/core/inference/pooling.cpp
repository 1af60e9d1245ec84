#include "backends/core/inference/families.h"
#include "backends/core/inference/windows.h"

namespace jb::inference {

Outputs infer_pooling(const NodeInputs& in) {
  in.expect_inputs(1, 1);
  in.expect_rank(0, 3);
  const Op op = in.op();
  const bool bytes = in.type(0) == DataType::s8 || in.type(0) == DataType::u8;
  if (op != Op::max_pool || !bytes) in.expect_float(0);
  const Dims& x = in.dims(0);
  Dims dims = {x[0], x[1]};
  if (op == Op::global_average_pool || op == Op::global_max_pool) {
    for (std::size_t i = 2; i < x.size(); ++i) {
      if (x[i] == 0) in.fail("nothing to pool in {}", to_string(x));
    }
    dims.resize(x.size(), 1);
    return {{in.type(0), dims, nullptr}};
  }
  for (const Window& window : pool_windows(in)) dims.push_back(window.output);
  if (op == Op::lp_pool && in.node().get<PoolAttributes>().p < 1) {
    in.fail("a norm of order {} makes no sense", in.node().get<PoolAttributes>().p);
  }
  Outputs outputs = {{in.type(0), dims, nullptr}};
  if (op == Op::max_pool) outputs.push_back({DataType::s64, dims, nullptr});
  return outputs;
}

}  // namespace jb::inference
