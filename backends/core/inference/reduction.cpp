#include <algorithm>

#include "backends/core/inference/families.h"
#include "backends/core/inference/layout.h"

namespace jb::inference {
namespace {

Dims without(const Dims& x, const std::vector<bool>& reduced, bool keepdims) {
  Dims dims;
  for (std::size_t d = 0; d < x.size(); ++d) {
    if (!reduced[d]) dims.push_back(x[d]);
    if (reduced[d] && keepdims) dims.push_back(1);
  }
  return dims;
}

Outputs infer_reduce(const NodeInputs& in) {
  in.expect_inputs(1, 2);
  in.expect_number(0);
  const auto reduced = reduced_dimensions(in);
  const bool keep = in.node().get<ReduceAttributes>().keepdims;
  const bool extreme = in.op() == Op::reduce_max || in.op() == Op::reduce_min;
  for (std::size_t d = 0; d < reduced.size(); ++d) {
    if (extreme && reduced[d] && in.dims(0)[d] == 0 && !is_float(in.type(0))) {
      in.fail("the extreme of no elements is asked for ({})", to_string(in.dims(0)));
    }
  }
  return {{in.type(0), without(in.dims(0), reduced, keep), nullptr}};
}

Outputs infer_arg(const NodeInputs& in) {
  in.expect_inputs(1, 1);
  in.expect_number(0);
  const auto& attributes = in.node().get<ArgAttributes>();
  const std::int64_t axis = in.axis(attributes.axis, in.rank(0));
  std::vector<bool> reduced(in.dims(0).size(), false);
  reduced[static_cast<std::size_t>(axis)] = true;
  if (in.dims(0)[static_cast<std::size_t>(axis)] == 0) {
    in.fail("axis {} has no elements to choose from", axis);
  }
  return {{DataType::s64, without(in.dims(0), reduced, attributes.keepdims), nullptr}};
}

Outputs infer_cum_sum(const NodeInputs& in) {
  in.expect_inputs(2, 2);
  in.expect_number(0);
  if (in[1].elements != nullptr) static_cast<void>(in.axis(in.integer(1, "the axis"), in.rank(0)));
  return {{in.type(0), in.dims(0), nullptr}};
}

Outputs infer_top_k(const NodeInputs& in) {
  in.expect_inputs(2, 2);
  in.expect_number(0);
  Dims dims = in.dims(0);
  const auto axis =
      static_cast<std::size_t>(in.axis(in.node().get<TopKAttributes>().axis, in.rank(0)));
  const std::int64_t k = in.integer(1, "k");
  if (k < 0 || k > dims[axis]) in.fail("k = {} of {} elements", k, dims[axis]);
  dims[axis] = k;
  return {{in.type(0), dims, nullptr}, {DataType::s64, dims, nullptr}};
}

}  // namespace

std::vector<bool> reduced_dimensions(const NodeInputs& in) {
  const auto rank = static_cast<std::size_t>(in.rank(0));
  std::vector<std::int64_t> axes;
  if (in.has(1)) axes = in.axes(in.integers(1, "the axes"), in.rank(0));
  if (axes.empty()) {
    return std::vector<bool>(rank, !in.node().get<ReduceAttributes>().noop_with_empty_axes);
  }
  std::vector<bool> reduced(rank, false);
  for (const std::int64_t axis : axes) reduced[static_cast<std::size_t>(axis)] = true;
  return reduced;
}

Outputs infer_reduction(const NodeInputs& in) {
  switch (in.op()) {
    case Op::arg_max:
    case Op::arg_min:
      return infer_arg(in);
    case Op::cum_sum:
      return infer_cum_sum(in);
    case Op::top_k:
      return infer_top_k(in);
    default:
      return infer_reduce(in);
  }
}

}  // namespace jb::inference
