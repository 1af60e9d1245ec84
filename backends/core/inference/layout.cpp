#include "backends/core/inference/layout.h"

#include <algorithm>
#include <numeric>

#include "backends/core/inference/families.h"
#include "backends/core/inference/resize.h"

namespace jb::inference {
namespace {

Outputs one(const NodeInputs& in, Dims dims) { return {{in.type(0), std::move(dims), nullptr}}; }

Dims reshaped(const NodeInputs& in) {
  const Dims& x = in.dims(0);
  const std::vector<std::int64_t> shape = in.integers(1, "the shape");
  const bool allow_zero = in.node().get<ReshapeAttributes>().allow_zero;
  Dims dims = shape;
  std::int64_t open = -1;     // where the shape says -1
  std::int64_t given = 1;     // elements of the sizes that are said
  std::int64_t to_share = 1;  // elements of x but for the sizes that are copied
  for (std::size_t i = 0; i < std::max(x.size(), shape.size()); ++i) {
    const bool copied = i < shape.size() && shape[i] == 0 && !allow_zero;
    if (copied) {
      if (i >= x.size()) in.fail("size {} is to be copied from {}", i, to_string(x));
      dims[i] = x[i];
      continue;
    }
    if (i < x.size()) to_share = elements_of({to_share, x[i]});
    if (i >= shape.size()) continue;
    if (shape[i] == -1) {
      if (open >= 0) in.fail("more than one size of {} is left open", to_string(shape));
      open = static_cast<std::int64_t>(i);
    } else if (shape[i] < 0) {
      in.fail("the shape {} has a negative size", to_string(shape));
    } else {
      given = elements_of({given, shape[i]});
    }
  }
  if (open >= 0) {
    if (given == 0) in.fail("size {} of {} is not decided by no elements", open, to_string(shape));
    dims[static_cast<std::size_t>(open)] = to_share / given;
  }
  if (elements_of(dims) != elements_of(x)) {
    in.fail("{} cannot be read as {}", to_string(x), to_string(shape));
  }
  return dims;
}

Dims flattened(const NodeInputs& in) {
  const Dims& x = in.dims(0);
  std::int64_t axis = in.axis_attribute(1);
  if (axis != in.rank(0)) axis = in.axis(axis, in.rank(0));
  return {elements_of(Dims(x.begin(), x.begin() + axis)),
          elements_of(Dims(x.begin() + axis, x.end()))};
}

Dims squeezed(const NodeInputs& in) {
  const Dims& x = in.dims(0);
  std::vector<bool> gone(x.size());
  if (in.has(1)) {
    for (const std::int64_t axis : in.axes(in.integers(1, "the axes"), in.rank(0))) {
      if (x[static_cast<std::size_t>(axis)] != 1) {
        in.fail("dimension {} of {} is not 1", axis, to_string(x));
      }
      gone[static_cast<std::size_t>(axis)] = true;
    }
  } else {
    for (std::size_t d = 0; d < x.size(); ++d) gone[d] = x[d] == 1;
  }
  Dims dims;
  for (std::size_t d = 0; d < x.size(); ++d) {
    if (!gone[d]) dims.push_back(x[d]);
  }
  return dims;
}

Dims unsqueezed(const NodeInputs& in) {
  const std::vector<std::int64_t> axes = in.integers(1, "the axes");
  const auto rank = in.rank(0) + static_cast<std::int64_t>(axes.size());
  Dims dims(static_cast<std::size_t>(rank), 0);
  for (const std::int64_t axis : in.axes(axes, rank)) dims[static_cast<std::size_t>(axis)] = -1;
  std::size_t next = 0;
  for (std::int64_t& size : dims) size = size == -1 ? 1 : in.dims(0)[next++];
  return dims;
}

Outputs infer_concat(const NodeInputs& in) {
  in.expect_inputs(1, 1U << 20U);
  in.expect_same_types();
  Dims dims = in.dims(0);
  const auto axis = static_cast<std::size_t>(in.axis(in.axis_attribute(0), in.rank(0)));
  for (std::size_t i = 1; i < in.count(); ++i) {
    Dims other = in.dims(i);
    if (other.size() == dims.size()) {
      const std::int64_t length = other[axis];
      other[axis] = dims[axis];
      if (other == dims) {
        dims[axis] += length;
        continue;
      }
    }
    in.fail("input {} of {} does not fit {} along axis {}", i, to_string(in.dims(i)),
            to_string(in.dims(0)), axis);
  }
  return one(in, dims);
}

Outputs infer_split(const NodeInputs& in) {
  in.expect_inputs(1, 2);
  const auto axis = static_cast<std::size_t>(in.axis(in.axis_attribute(0), in.rank(0)));
  Outputs outputs;
  for (const std::int64_t size : split_sizes(in)) {
    outputs.push_back({in.type(0), in.dims(0), nullptr});
    outputs.back().dims[axis] = size;
  }
  return outputs;
}

Dims tiled(const NodeInputs& in) {
  Dims dims = in.dims(0);
  const std::vector<std::int64_t> repeats = in.integers(1, "the repeats");
  if (repeats.size() != dims.size()) {
    in.fail("{} repeats for {} dimensions", repeats.size(), dims.size());
  }
  for (std::size_t d = 0; d < dims.size(); ++d) dims[d] = elements_of({dims[d], repeats[d]});
  return dims;
}

Dims blocks_moved(const NodeInputs& in) {
  in.expect_inputs(1, 1);
  in.expect_rank(0, 4, 4);
  const std::int64_t block = named_integer(in.node(), "blocksize", 0);
  const Dims& x = in.dims(0);
  if (block < 1 || block > 65536) in.fail("a block of size {} makes no sense", block);
  if (in.op() == Op::depth_to_space) {
    if (x[1] % (block * block) != 0) in.fail("{} channels are no blocks of {}", x[1], block);
    return {x[0], x[1] / (block * block), elements_of({x[2], block}), elements_of({x[3], block})};
  }
  if (x[2] % block != 0 || x[3] % block != 0) {
    in.fail("{} is not made of blocks of {}", to_string(x), block);
  }
  return {x[0], elements_of({x[1], block * block}), x[2] / block, x[3] / block};
}

Outputs infer_dropout(const NodeInputs& in) {
  in.expect_inputs(1, 3);
  if (in.has(2) && in[2].elements != nullptr && as_doubles(*in[2].elements).at(0) != 0) {
    in.fail_unsupported("its training form is not supported");
  }
  return {{in.type(0), in.dims(0), nullptr}, {DataType::boolean, in.dims(0), nullptr}};
}

}  // namespace

std::vector<SliceRange> slice_ranges(const NodeInputs& in) {
  const Dims& x = in.dims(0);
  std::vector<SliceRange> ranges(x.size());
  for (std::size_t d = 0; d < x.size(); ++d) ranges[d].count = x[d];
  const std::vector<std::int64_t> starts = in.integers(1, "the starts");
  const std::vector<std::int64_t> ends = in.integers(2, "the ends");
  std::vector<std::int64_t> axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (in.has(3)) axes = in.integers(3, "the axes");
  std::vector<std::int64_t> steps(starts.size(), 1);
  if (in.has(4)) steps = in.integers(4, "the steps");
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    in.fail("{} starts, {} ends, {} axes and {} steps do not fit together", starts.size(),
            ends.size(), axes.size(), steps.size());
  }
  axes = in.axes(axes, in.rank(0));
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t size = x[static_cast<std::size_t>(axes[i])];
    const std::int64_t step = steps[i];
    if (step == 0) in.fail("a step of 0 makes no sense");
    const auto clamped = [&](std::int64_t at) {
      if (at < 0) at += size;
      return step > 0 ? std::clamp<std::int64_t>(at, 0, size)
                      : std::clamp<std::int64_t>(at, -1, std::max<std::int64_t>(size - 1, -1));
    };
    SliceRange& range = ranges[static_cast<std::size_t>(axes[i])];
    range.begin = clamped(starts[i]);
    if (step < 0) range.begin = std::max<std::int64_t>(range.begin, 0);
    range.step = step;
    const std::int64_t way = clamped(ends[i]) - range.begin;
    // Rounded up, without forming -step, which the smallest integer does not have.
    range.count = way == 0 || (way > 0) != (step > 0) || size == 0
                      ? 0
                      : way / step + (way % step != 0 ? 1 : 0);
  }
  return ranges;
}

std::vector<PadAmount> pad_amounts(const NodeInputs& in) {
  const Dims& x = in.dims(0);
  std::vector<std::int64_t> axes(x.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (in.has(3)) axes = in.axes(in.integers(3, "the axes"), in.rank(0));
  const std::vector<std::int64_t> pads = in.integers(1, "the pads");
  if (pads.size() != 2 * axes.size()) {
    in.fail("{} pads for {} dimensions", pads.size(), axes.size());
  }
  std::vector<PadAmount> amounts(x.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(axes[i]);
    amounts[d] = {pads[i], pads[i + axes.size()]};
    constexpr std::int64_t kLargest = std::int64_t{1} << 46;
    if (std::abs(pads[i]) > kLargest || std::abs(pads[i + axes.size()]) > kLargest) {
      in.fail("pads of {} and {} are too large", pads[i], pads[i + axes.size()]);
    }
    const std::int64_t most = std::max(amounts[d].before, amounts[d].after);
    const auto mode = in.node().get<PadAttributes>().mode;
    if (mode == PadAttributes::Mode::reflect && most >= std::max<std::int64_t>(x[d], 1)) {
      in.fail("{} elements cannot be reflected {} times", x[d], most);
    }
    if (mode != PadAttributes::Mode::constant && x[d] == 0 && most > 0) {
      in.fail("there are no elements to repeat in {}", to_string(x));
    }
  }
  return amounts;
}

std::vector<std::int64_t> permutation(const NodeInputs& in) {
  std::vector<std::int64_t> perm = in.node().get<PermAttributes>().perm;
  if (perm.empty()) {
    perm.resize(in.dims(0).size());
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  if (perm.size() != in.dims(0).size()) {
    in.fail("a permutation of {} for {} dimensions", perm.size(), in.rank(0));
  }
  return in.axes(perm, in.rank(0));
}

std::vector<std::int64_t> split_sizes(const NodeInputs& in) {
  const std::int64_t axis = in.axis(in.axis_attribute(0), in.rank(0));
  const std::int64_t size = in.dims(0)[static_cast<std::size_t>(axis)];
  if (in.has(1)) {
    const std::vector<std::int64_t> sizes = in.integers(1, "the sizes");
    std::int64_t sum = 0;
    for (const std::int64_t s : sizes) {
      if (s < 0 || s > size) in.fail("a part of {} of {} elements", s, size);
      sum += s;
    }
    if (sum != size) in.fail("parts of {} elements together are not {}", sum, size);
    return sizes;
  }
  const std::int64_t asked = in.node().get<AxisAttributes>().outputs;
  const auto parts = asked > 0 ? asked : static_cast<std::int64_t>(in.node().outputs.size());
  if (parts < 1 || parts > (1 << 20)) in.fail("{} parts make no sense", parts);
  if (asked <= 0 && size % parts != 0) in.fail("{} elements are not {} equal parts", size, parts);
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts), (size + parts - 1) / parts);
  sizes.back() = size - sizes[0] * (parts - 1);
  if (sizes.back() < 0) in.fail("{} elements are not {} parts", size, parts);
  return sizes;
}

Outputs infer_layout(const NodeInputs& in) {
  switch (in.op()) {
    case Op::identity:
      in.expect_inputs(1, 1);
      return one(in, in.dims(0));
    case Op::dropout:
      return infer_dropout(in);
    case Op::reshape:
      in.expect_inputs(2, 2);
      return one(in, reshaped(in));
    case Op::flatten:
      in.expect_inputs(1, 1);
      return one(in, flattened(in));
    case Op::squeeze:
      in.expect_inputs(1, 2);
      return one(in, squeezed(in));
    case Op::unsqueeze:
      in.expect_inputs(2, 2);
      return one(in, unsqueezed(in));
    case Op::transpose: {
      in.expect_inputs(1, 1);
      Dims dims;
      for (const std::int64_t d : permutation(in)) {
        dims.push_back(in.dims(0)[static_cast<std::size_t>(d)]);
      }
      return one(in, dims);
    }
    case Op::concat:
      return infer_concat(in);
    case Op::split:
      return infer_split(in);
    case Op::slice: {
      in.expect_inputs(3, 5);
      Dims dims;
      for (const SliceRange& range : slice_ranges(in)) dims.push_back(range.count);
      return one(in, dims);
    }
    case Op::expand:
      in.expect_inputs(2, 2);
      return one(in, broadcast(in, in.dims(0), in.integers(1, "the shape")));
    case Op::tile:
      in.expect_inputs(2, 2);
      return one(in, tiled(in));
    case Op::pad: {
      in.expect_inputs(2, 4);
      if (in.has(2)) in.expect_type(2, in.type(0));
      Dims dims = in.dims(0);
      const std::vector<PadAmount> amounts = pad_amounts(in);
      for (std::size_t d = 0; d < dims.size(); ++d) {
        dims[d] += amounts[d].before + amounts[d].after;
        if (dims[d] < 0) in.fail("more elements are cut off than dimension {} has", d);
      }
      return one(in, dims);
    }
    case Op::resize: {
      Dims dims;
      for (const ResizeAxis& axis : resize_axes(in)) dims.push_back(axis.output);
      return one(in, dims);
    }
    case Op::trilu:
      in.expect_inputs(1, 2);
      in.expect_rank(0, 2);
      return one(in, in.dims(0));
    case Op::depth_to_space:
    case Op::space_to_depth:
      return one(in, blocks_moved(in));
    default:
      in.fail_unsupported("the operator is not supported");
  }
}

}  // namespace jb::inference
