#include <algorithm>

#include "backends/core/inference/families.h"
#include "backends/core/inference/layout.h"

namespace jb::inference {
namespace {

constexpr std::size_t kAnyNumber = 1U << 20U;

Outputs infer_binary(const NodeInputs& in) {
  in.expect_inputs(2, 2);
  const Op op = in.op();
  const bool logical = op == Op::logical_and || op == Op::logical_or || op == Op::logical_xor;
  if (logical) {
    in.expect_type(0, DataType::boolean);
    in.expect_type(1, DataType::boolean);
  } else if (op != Op::equal) {
    in.expect_number(0);
    in.expect_number(1);
  }
  if (op != Op::pow) in.expect_same_types();  // the exponent may have a type of its own
  const bool compares = op >= Op::equal && op <= Op::less_or_equal;
  const DataType type = compares ? DataType::boolean : in.type(0);
  return {{type, broadcast(in, in.dims(0), in.dims(1)), nullptr}};
}

Outputs infer_variadic(const NodeInputs& in) {
  in.expect_inputs(1, kAnyNumber);
  in.expect_number(0);
  in.expect_same_types();
  Dims dims = in.dims(0);
  for (std::size_t i = 1; i < in.count(); ++i) dims = broadcast(in, dims, in.dims(i));
  return {{in.type(0), dims, nullptr}};
}

Outputs infer_where(const NodeInputs& in) {
  in.expect_inputs(3, 3);
  in.expect_type(0, DataType::boolean);
  in.expect_type(2, in.type(1));
  const Dims dims = broadcast(in, in.dims(0), broadcast(in, in.dims(1), in.dims(2)));
  return {{in.type(1), dims, nullptr}};
}

Outputs infer_unary(const NodeInputs& in) {
  switch (in.op()) {
    case Op::logical_not:
      in.expect_inputs(1, 1);
      in.expect_type(0, DataType::boolean);
      break;
    case Op::cast:
      in.expect_inputs(1, 1);
      return {{in.node().get<CastAttributes>().to, in.dims(0), nullptr}};
    case Op::clip:
      in.expect_inputs(1, 3);
      in.expect_number(0);
      in.expect_same_types();
      for (std::size_t i = 1; i < in.count(); ++i) {
        if (in.has(i) && elements_of(in.dims(i)) != 1) in.fail("a limit must be one number");
      }
      break;
    case Op::prelu:
      in.expect_inputs(2, 2);
      in.expect_number(0);
      in.expect_same_types();
      if (broadcast(in, in.dims(0), in.dims(1)) != in.dims(0)) {
        in.fail("a slope of {} cannot be broadcast to {}", to_string(in.dims(1)),
                to_string(in.dims(0)));
      }
      break;
    case Op::neg:
    case Op::abs:
    case Op::sign:
    case Op::relu:
      in.expect_inputs(1, 1);
      in.expect_number(0);
      break;
    default:
      in.expect_inputs(1, 1);
      in.expect_float(0);
  }
  return {{in.type(0), in.dims(0), nullptr}};
}

}  // namespace

Dims broadcast(const NodeInputs& in, const Dims& a, const Dims& b) {
  Dims dims(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < dims.size(); ++i) {  // from the last dimension on
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      in.fail("{} and {} cannot be broadcast to one size", to_string(a), to_string(b));
    }
    dims[dims.size() - 1 - i] = x == 1 ? y : x;
  }
  return dims;
}

Outputs infer_elementwise(const NodeInputs& in) {
  const Op op = in.op();
  switch (op) {
    case Op::minimum:
    case Op::maximum:
    case Op::sum:
    case Op::mean:
      return infer_variadic(in);
    case Op::where:
      return infer_where(in);
    default:
      return op < Op::logical_not ? infer_binary(in) : infer_unary(in);
  }
}

}  // namespace jb::inference
