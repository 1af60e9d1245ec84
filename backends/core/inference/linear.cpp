#include <algorithm>

#include "backends/core/inference/families.h"
#include "backends/core/inference/layout.h"
#include "backends/core/inference/windows.h"

namespace jb::inference {
namespace {

Outputs infer_matmul(const NodeInputs& in) {
  in.expect_inputs(2, 3);
  in.expect_number(0);
  in.expect_same_types();
  in.expect_rank(0, 1);
  in.expect_rank(1, 1);
  const Dims& a = in.dims(0);
  const Dims& b = in.dims(1);
  const std::int64_t inner = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (a.back() != inner) {
    in.fail("{} columns of A ({}) do not meet {} rows of B ({})", a.back(), to_string(a), inner,
            to_string(b));
  }
  const auto leading = [](const Dims& dims) {
    return dims.size() <= 2 ? Dims{} : Dims(dims.begin(), dims.end() - 2);
  };
  Dims dims = broadcast(in, leading(a), leading(b));
  if (a.size() > 1) dims.push_back(a[a.size() - 2]);
  if (b.size() > 1) dims.push_back(b.back());
  if (in.has(2) && (b.size() == 1 || in.dims(2) != Dims{b.back()})) {
    in.fail("a bias of {} is not one number per column of the result", to_string(in.dims(2)));
  }
  return {{in.type(0), dims, nullptr}};
}

Outputs infer_gemm(const NodeInputs& in) {
  in.expect_inputs(2, 3);
  in.expect_number(0);
  in.expect_same_types();
  in.expect_rank(0, 2, 2);
  in.expect_rank(1, 2, 2);
  const auto& attributes = in.node().get<GemmAttributes>();
  Dims a = in.dims(0);
  Dims b = in.dims(1);
  if (attributes.trans_a) std::swap(a[0], a[1]);
  if (attributes.trans_b) std::swap(b[0], b[1]);
  if (a[1] != b[0]) {
    in.fail("A of {} and B of {} (after transposition) cannot be multiplied", to_string(a),
            to_string(b));
  }
  const Dims dims = {a[0], b[1]};
  if (in.has(2) && broadcast(in, dims, in.dims(2)) != dims) {
    in.fail("C of {} cannot be broadcast to {}", to_string(in.dims(2)), to_string(dims));
  }
  return {{in.type(0), dims, nullptr}};
}

Outputs infer_convolution(const NodeInputs& in) {
  in.expect_inputs(2, 3);
  in.expect_float(0);
  in.expect_same_types();
  in.expect_rank(0, 3);
  in.expect_rank(1, in.rank(0), in.rank(0));
  const Dims& x = in.dims(0);
  const Dims& w = in.dims(1);
  const std::int64_t groups = in.node().get<ConvAttributes>().groups;
  const bool transposed = in.op() == Op::conv_transpose;
  if (groups < 1) in.fail("{} groups make no sense", groups);
  const std::int64_t in_channels = transposed ? w[0] : w[1];
  if (transposed ? (w[0] != x[1] || w[0] % groups != 0)
                 : (in_channels > (std::int64_t{1} << 46) / groups ||
                    in_channels * groups != x[1] || w[0] % groups != 0)) {
    in.fail("weights of {} do not fit {} input channels in {} groups", to_string(w), x[1], groups);
  }
  const std::int64_t out_channels = transposed ? elements_of({w[1], groups}) : w[0];
  if (in.has(2) && in.dims(2) != Dims{out_channels}) {
    in.fail("a bias of {} for {} output channels", to_string(in.dims(2)), out_channels);
  }
  Dims dims = {x[0], out_channels};
  for (const Window& window : transposed ? conv_transpose_windows(in) : conv_windows(in)) {
    dims.push_back(window.output);
  }
  return {{in.type(0), dims, nullptr}};
}

void expect_dims(const NodeInputs& in, std::size_t i, const Dims& wanted, const char* what) {
  if (in.has(i) && in.dims(i) != wanted) {
    in.fail("{} is {}, not {}", what, to_string(in.dims(i)), to_string(wanted));
  }
}

Outputs infer_recurrent(const NodeInputs& in) {
  const bool lstm = in.op() == Op::lstm;
  const std::int64_t gates = lstm ? 4 : in.op() == Op::gru ? 3 : 1;
  in.expect_inputs(3, lstm ? 9 : 6);
  in.expect_float(0);
  for (std::size_t i = 1; i < in.count(); ++i) {
    if (in.has(i)) in.expect_type(i, i == 4 ? DataType::s32 : in.type(0));
  }
  for (std::size_t i = 0; i < 3; ++i) in.expect_rank(i, 3, 3);
  const auto& attributes = in.node().get<RecurrentAttributes>();
  const bool batch_first = attributes.batch_first;
  const Dims& x = in.dims(0);
  const std::int64_t steps = x[batch_first ? 1 : 0];
  const std::int64_t samples = x[batch_first ? 0 : 1];
  const std::int64_t directions =
      attributes.direction == RecurrentAttributes::Direction::bidirectional ? 2 : 1;
  const bool projects = lstm && in.has(8);
  if (projects) in.expect_rank(8, 3, 3);
  const std::int64_t width = in.dims(2)[2];  // of the state that R reads
  const std::int64_t hidden = projects ? in.dims(8)[2] : width;
  if (attributes.hidden != 0 && attributes.hidden != hidden) {
    in.fail("hidden_size {} is not that of R, {}", attributes.hidden, hidden);
  }
  const std::int64_t rows = elements_of({gates, hidden});
  expect_dims(in, 1, {directions, rows, x[2]}, "W");
  expect_dims(in, 2, {directions, rows, width}, "R");
  expect_dims(in, 3, {directions, elements_of({2, rows})}, "B");
  expect_dims(in, 4, {samples}, "sequence_lens");
  const auto state = [&](std::int64_t size) {
    return batch_first ? Dims{samples, directions, size} : Dims{directions, samples, size};
  };
  expect_dims(in, 5, state(width), "initial_h");
  expect_dims(in, 6, state(hidden), "initial_c");
  expect_dims(in, 7, {directions, elements_of({3, hidden})}, "P");
  if (projects) expect_dims(in, 8, {directions, width, hidden}, "projection");
  const Dims y = batch_first ? Dims{samples, steps, directions, width}
                             : Dims{steps, directions, samples, width};
  Outputs outputs = {{in.type(0), y, nullptr}, {in.type(0), state(width), nullptr}};
  if (lstm) outputs.push_back({in.type(0), state(hidden), nullptr});
  return outputs;
}

}  // namespace

Outputs infer_linear(const NodeInputs& in) {
  switch (in.op()) {
    case Op::matmul:
      return infer_matmul(in);
    case Op::gemm:
      return infer_gemm(in);
    case Op::conv:
    case Op::conv_transpose:
      return infer_convolution(in);
    default:
      return infer_recurrent(in);
  }
}

}  // namespace jb::inference
