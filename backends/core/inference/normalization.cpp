#include "backends/core/inference/families.h"

namespace jb::inference {
namespace {

void expect_length(const NodeInputs& in, std::size_t i, std::int64_t length) {
  if (in.dims(i) != Dims{length}) {
    in.fail("input {} is {}, not one number for each of {}", i, to_string(in.dims(i)), length);
  }
}

Outputs same_as_input(const NodeInputs& in) { return {{in.type(0), in.dims(0), nullptr}}; }

Outputs infer_layer_normalization(const NodeInputs& in) {
  in.expect_inputs(2, 3);
  in.expect_rank(0, 1);
  const Dims& x = in.dims(0);
  const std::int64_t axis = in.axis(in.node().get<NormAttributes>().axis, in.rank(0));
  const Dims normalized(x.begin() + axis, x.end());
  for (std::size_t i = 1; i < in.count(); ++i) {
    if (!in.has(i)) continue;
    // Scale and bias are broadcast to what is normalised, from the last dimension on.
    const Dims& given = in.dims(i);
    bool fits = given.size() <= normalized.size();
    for (std::size_t d = 0; fits && d < given.size(); ++d) {
      const std::int64_t size = given[given.size() - 1 - d];
      fits = size == 1 || size == normalized[normalized.size() - 1 - d];
    }
    if (!fits) {
      in.fail("input {} of {} cannot be broadcast to {}", i, to_string(given),
              to_string(normalized));
    }
  }
  Dims outer = x;
  for (std::size_t d = static_cast<std::size_t>(axis); d < outer.size(); ++d) outer[d] = 1;
  // Mean and deviation are float32 unless the input is wider (stash_type 1).
  const DataType type = in.type(0) == DataType::f64 ? DataType::f64 : DataType::f32;
  return {{in.type(0), x, nullptr}, {type, outer, nullptr}, {type, outer, nullptr}};
}

Outputs infer_group_normalization(const NodeInputs& in) {
  in.expect_inputs(3, 3);
  in.expect_rank(0, 2);
  const std::int64_t channels = in.dims(0)[1];
  const std::int64_t groups = in.node().get<NormAttributes>().groups;
  if (groups < 1 || channels % groups != 0) {
    in.fail("{} groups do not divide {} channels", groups, channels);
  }
  // Opset 18 scales groups, opset 21 channels.
  const std::int64_t length = in.dims(1) == Dims{groups} ? groups : channels;
  expect_length(in, 1, length);
  expect_length(in, 2, length);
  return same_as_input(in);
}

}  // namespace

Outputs infer_normalization(const NodeInputs& in) {
  in.expect_float(0);
  if (in.op() != Op::batch_normalization) in.expect_same_types();
  switch (in.op()) {
    case Op::batch_normalization:
      in.expect_inputs(5, 5);
      in.expect_rank(0, 2);
      for (std::size_t i = 1; i < 5; ++i) {
        in.expect_float(i);  // may be wider than X
        expect_length(in, i, in.dims(0)[1]);
      }
      return same_as_input(in);
    case Op::instance_normalization:
      in.expect_inputs(3, 3);
      in.expect_rank(0, 3);
      expect_length(in, 1, in.dims(0)[1]);
      expect_length(in, 2, in.dims(0)[1]);
      return same_as_input(in);
    case Op::layer_normalization:
      return infer_layer_normalization(in);
    case Op::group_normalization:
      return infer_group_normalization(in);
    case Op::lrn:
      in.expect_inputs(1, 1);
      in.expect_rank(0, 3);
      if (in.node().get<LrnAttributes>().size < 1) {
        in.fail("a size of {} channels makes no sense", in.node().get<LrnAttributes>().size);
      }
      return same_as_input(in);
    case Op::softmax_flattened:
    case Op::log_softmax_flattened:
      in.expect_inputs(1, 1);
      if (in.axis_attribute(1) != in.rank(0)) {
        static_cast<void>(in.axis(in.axis_attribute(1), in.rank(0)));
      }
      return same_as_input(in);
    default:
      in.expect_inputs(1, 1);
      static_cast<void>(in.axis(in.axis_attribute(-1), in.rank(0)));
      return same_as_input(in);
  }
}

}  // namespace jb::inference
