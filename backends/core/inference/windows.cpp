#include "backends/core/inference/windows.h"

#include <algorithm>
#include <string_view>

namespace jb::inference {
namespace {

// 2^31 keeps every product of two of them in 64 bits.
constexpr std::int64_t kLargest = std::int64_t{1} << 31;

std::int64_t entry(const NodeInputs& in, const std::vector<std::int64_t>& list, std::size_t i,
                   std::size_t dims, std::int64_t otherwise, std::int64_t least,
                   std::string_view what) {
  if (list.empty()) return otherwise;
  if (list.size() != dims) in.fail("{} {} for {} spatial dimensions", list.size(), what, dims);
  if (list[i] < least || list[i] > kLargest) {
    in.fail("{} of {} do not lie in {}..{}", what, list[i], least, kLargest);
  }
  return list[i];
}

/// What ConvAttributes and PoolAttributes have in common.
template <class A>
Windows given_windows(const NodeInputs& in, const A& attributes, const Dims& kernel) {
  const Dims& x = in.dims(0);
  const std::size_t dims = x.size() - 2;
  Windows windows(dims);
  for (std::size_t i = 0; i < dims; ++i) {
    Window& w = windows[i];
    w.input = x[i + 2];
    w.kernel = kernel[i];
    w.stride = entry(in, attributes.strides, i, dims, 1, 1, "strides");
    w.dilation = entry(in, attributes.dilations, i, dims, 1, 1, "dilations");
    w.pad_begin = entry(in, attributes.pads_begin, i, dims, 0, 0, "pads");
    w.pad_end = entry(in, attributes.pads_end, i, dims, 0, 0, "pads");
    if (w.input > kLargest || w.kernel > kLargest) in.fail("sizes above 2^31 are not taken");
    if (w.kernel < 1) in.fail("a kernel of size {} has no elements", w.kernel);
  }
  return windows;
}

void set_output(const NodeInputs& in, Window& w, AutoPad auto_pad, bool ceil_mode) {
  if (auto_pad == AutoPad::same_upper || auto_pad == AutoPad::same_lower) {
    w.output = (w.input + w.stride - 1) / w.stride;
    const std::int64_t total =
        std::max<std::int64_t>(0, (w.output - 1) * w.stride + w.reach() - w.input);
    w.pad_begin = auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
    w.pad_end = total - w.pad_begin;
    return;
  }
  if (auto_pad == AutoPad::valid) w.pad_begin = w.pad_end = 0;
  const std::int64_t room = w.input + w.pad_begin + w.pad_end - w.reach();
  if (room < 0) {
    in.fail("a kernel reaching over {} elements does not fit the padded input of {}", w.reach(),
            w.input + w.pad_begin + w.pad_end);
  }
  w.output = room / w.stride + 1;
  if (ceil_mode && auto_pad == AutoPad::given && room % w.stride != 0) {
    // One window more, but only when it starts inside the input or its left padding.
    if (w.output * w.stride < w.input + w.pad_begin) ++w.output;
  }
}

Dims kernel_of(const NodeInputs& in, const std::vector<std::int64_t>& attribute) {
  const Dims& w = in.dims(1);
  Dims kernel(w.begin() + 2, w.end());
  if (!attribute.empty() && attribute != kernel) {
    in.fail("kernel_shape {} is not that of the weights, {}", to_string(attribute),
            to_string(kernel));
  }
  return kernel;
}

std::int64_t product(const Windows& windows, std::int64_t Window::*member) noexcept {
  std::int64_t count = 1;
  for (const Window& w : windows) count *= w.*member;
  return count;
}

}  // namespace

Windows conv_windows(const NodeInputs& in) {
  const auto& attributes = in.node().get<ConvAttributes>();
  Windows windows = given_windows(in, attributes, kernel_of(in, attributes.kernel));
  for (Window& w : windows) set_output(in, w, attributes.auto_pad, false);
  return windows;
}

Windows pool_windows(const NodeInputs& in) {
  const auto& attributes = in.node().get<PoolAttributes>();
  const auto dims = static_cast<std::size_t>(in.rank(0) - 2);
  if (attributes.kernel.size() != dims) {
    in.fail("kernel_shape has {} entries for {} spatial dimensions", attributes.kernel.size(),
            dims);
  }
  Windows windows = given_windows(in, attributes, attributes.kernel);
  for (Window& w : windows) {
    set_output(in, w, attributes.auto_pad, attributes.ceil_mode);
    // A window of padding alone has no element to take.
    if (attributes.auto_pad == AutoPad::given &&
        (w.pad_begin >= w.reach() || w.pad_end >= w.reach())) {
      in.fail("pads of {} and {} leave windows of {} without an element of the input", w.pad_begin,
              w.pad_end, w.reach());
    }
  }
  return windows;
}

Windows conv_transpose_windows(const NodeInputs& in) {
  const auto& attributes = in.node().get<ConvAttributes>();
  Windows windows = given_windows(in, attributes, kernel_of(in, attributes.kernel));
  const std::size_t dims = windows.size();
  for (std::size_t i = 0; i < dims; ++i) {
    Window& w = windows[i];
    const std::int64_t extra =
        entry(in, attributes.output_padding, i, dims, 0, 0, "output_padding");
    const std::int64_t whole = w.stride * (w.input - 1) + extra + w.reach();
    const bool same =
        attributes.auto_pad == AutoPad::same_upper || attributes.auto_pad == AutoPad::same_lower;
    if (attributes.output_shape.empty() && !same) {
      if (attributes.auto_pad == AutoPad::valid) w.pad_begin = w.pad_end = 0;
      w.output = whole - w.pad_begin - w.pad_end;
      if (w.output < 1) in.fail("pads of {} and {} leave no output", w.pad_begin, w.pad_end);
      continue;
    }
    // Some exporters list all dimensions, some the spatial ones.
    const std::vector<std::int64_t>& shape = attributes.output_shape;
    if (!shape.empty() && shape.size() != dims && shape.size() != dims + 2) {
      in.fail("output_shape has {} entries for {} spatial dimensions", shape.size(), dims);
    }
    w.output = shape.empty() ? w.input * w.stride : shape[i + (shape.size() - dims)];
    if (w.output < 1 || w.output > kLargest) in.fail("an output of size {}", w.output);
    const std::int64_t total = std::max<std::int64_t>(0, whole - w.output);
    w.pad_begin = attributes.auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
    w.pad_end = total - w.pad_begin;
  }
  return windows;
}

std::int64_t input_positions(const Windows& windows) noexcept {
  return product(windows, &Window::input);
}
std::int64_t output_positions(const Windows& windows) noexcept {
  return product(windows, &Window::output);
}
std::int64_t kernel_positions(const Windows& windows) noexcept {
  return product(windows, &Window::kernel);
}

}  // namespace jb::inference
