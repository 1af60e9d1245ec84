#include <algorithm>
#include <cmath>

#include "backends/core/inference/families.h"

namespace jb::inference {
namespace {

Outputs infer_gather(const NodeInputs& in) {
  in.expect_inputs(2, 2);
  in.expect_integer(1);
  in.expect_rank(0, 1);
  const Dims& x = in.dims(0);
  const std::int64_t axis = in.axis(in.axis_attribute(0), in.rank(0));
  Dims dims(x.begin(), x.begin() + axis);
  dims.insert(dims.end(), in.dims(1).begin(), in.dims(1).end());
  dims.insert(dims.end(), x.begin() + axis + 1, x.end());
  return {{in.type(0), dims, nullptr}};
}

Outputs infer_gather_elements(const NodeInputs& in) {
  in.expect_inputs(2, 2);
  in.expect_integer(1);
  in.expect_rank(0, 1);
  in.expect_rank(1, in.rank(0), in.rank(0));
  const auto axis = static_cast<std::size_t>(in.axis(in.axis_attribute(0), in.rank(0)));
  for (std::size_t d = 0; d < in.dims(0).size(); ++d) {
    if (d != axis && in.dims(1)[d] > in.dims(0)[d]) {
      in.fail("indices of {} reach beyond {}", to_string(in.dims(1)), to_string(in.dims(0)));
    }
  }
  return {{in.type(0), in.dims(1), nullptr}};
}

/// Dimensions of the data that one index tuple fixes, after `batch` common ones.
std::int64_t tuple_length(const NodeInputs& in, std::int64_t batch) {
  in.expect_integer(1);
  in.expect_rank(0, 1);
  in.expect_rank(1, 1);
  const std::int64_t length = in.dims(1).back();
  if (batch < 0 || batch >= in.rank(1) || batch > in.rank(0) || length < 1 ||
      batch + length > in.rank(0)) {
    in.fail("indices of {} (batch_dims {}) do not address {}", to_string(in.dims(1)), batch,
            to_string(in.dims(0)));
  }
  return length;
}

Outputs infer_gather_nd(const NodeInputs& in) {
  in.expect_inputs(2, 2);
  const std::int64_t batch = named_integer(in.node(), "batch_dims", 0);
  const std::int64_t length = tuple_length(in, batch);
  const Dims& x = in.dims(0);
  const Dims& indices = in.dims(1);
  if (!std::equal(x.begin(), x.begin() + batch, indices.begin())) {
    in.fail("the first {} sizes of {} and {} differ", batch, to_string(x), to_string(indices));
  }
  Dims dims(indices.begin(), indices.end() - 1);
  dims.insert(dims.end(), x.begin() + batch + length, x.end());
  return {{in.type(0), dims, nullptr}};
}

Outputs infer_scatter_nd(const NodeInputs& in) {
  in.expect_inputs(3, 3);
  in.expect_type(2, in.type(0));
  const std::int64_t length = tuple_length(in, 0);
  Dims wanted(in.dims(1).begin(), in.dims(1).end() - 1);
  wanted.insert(wanted.end(), in.dims(0).begin() + length, in.dims(0).end());
  if (in.dims(2) != wanted) {
    in.fail("updates of {}, not {}", to_string(in.dims(2)), to_string(wanted));
  }
  const std::string reduction = named_string(in.node(), "reduction", "none");
  if (reduction != "none" && reduction != "add" && reduction != "mul" && reduction != "max" &&
      reduction != "min") {
    in.fail_unsupported("reduction '{}' is not supported", reduction);
  }
  if (reduction != "none") in.expect_number(0);
  return {{in.type(0), in.dims(0), nullptr}};
}

Outputs infer_shape_of(const NodeInputs& in) {
  in.expect_inputs(1, 1);
  const auto& attributes = in.node().get<ShapeAttributes>();
  const auto clamped = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + in.rank(0) : at, 0, in.rank(0));
  };
  const std::int64_t length =
      clamped(attributes.end.value_or(in.rank(0))) - clamped(attributes.start);
  return {{DataType::s64, {std::max<std::int64_t>(0, length)}, nullptr}};
}

Outputs infer_range(const NodeInputs& in) {
  in.expect_inputs(3, 3);
  in.expect_number(0);
  in.expect_same_types();
  std::vector<double> values;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<double> held = in.numbers(i, "a limit of the range");
    if (held.size() != 1) in.fail("input {} must be one number", i);
    values.push_back(held[0]);
  }
  const double count = std::ceil((values[1] - values[0]) / values[2]);
  if (values[2] == 0 || !(count < 0x1p46)) {
    in.fail("from {} to {} in steps of {} makes no sense", values[0], values[1], values[2]);
  }
  return {{in.type(0), {static_cast<std::int64_t>(std::max(0.0, count))}, nullptr}};
}

Outputs infer_one_hot(const NodeInputs& in) {
  in.expect_inputs(3, 3);
  in.expect_number(0);
  in.expect_number(1);
  if (in.dims(2) != Dims{2}) in.fail("values of {}, not a pair", to_string(in.dims(2)));
  const std::vector<double> depth = in.numbers(1, "the depth");
  if (depth.size() != 1 || !(depth[0] >= 1 && depth[0] < 0x1p46)) {
    in.fail("the depth must be one number of at least 1");
  }
  Dims dims = in.dims(0);
  const std::int64_t axis = in.axis(in.axis_attribute(-1), in.rank(0) + 1);
  dims.insert(dims.begin() + axis, static_cast<std::int64_t>(depth[0]));
  return {{in.type(2), dims, nullptr}};
}

Outputs infer_embedding_bag(const NodeInputs& in) {
  in.expect_inputs(2, 2);
  in.expect_float(0);
  in.expect_integer(1);
  in.expect_rank(0, 2, 2);
  in.expect_rank(1, 2, 2);
  return {{in.type(0), {in.dims(1)[0], in.dims(0)[1]}, nullptr}};
}

Outputs infer_constant_of_shape(const NodeInputs& in) {
  in.expect_inputs(1, 1);
  const Tensor& value = in.node().get<ConstantOfShapeAttributes>().value;
  if (value.raw() != nullptr && value.size() != 1) in.fail("its value must be one number");
  return {{value.raw() != nullptr ? value.type() : DataType::f32, in.integers(0, "the shape"),
           nullptr}};
}

}  // namespace

Outputs infer_indexing(const NodeInputs& in) {
  switch (in.op()) {
    case Op::gather:
      return infer_gather(in);
    case Op::gather_elements:
      return infer_gather_elements(in);
    case Op::gather_nd:
      return infer_gather_nd(in);
    case Op::scatter_nd:
      return infer_scatter_nd(in);
    case Op::shape_of:
      return infer_shape_of(in);
    case Op::size_of:
      in.expect_inputs(1, 1);
      return {{DataType::s64, {}, nullptr}};
    case Op::range:
      return infer_range(in);
    case Op::one_hot:
      return infer_one_hot(in);
    case Op::embedding_bag:
      return infer_embedding_bag(in);
    default:
      return infer_constant_of_shape(in);
  }
}

}  // namespace jb::inference
