// Convolutions as products of lowered rows: a row per output position (input position when
// transposed), gathered in blocks of bounded size.

#include <algorithm>
#include <array>

#include "backends/core/inference/windows.h"
#include "backends/core/threads.h"
#include "backends/host/linear/lowering.h"
#include "backends/host/ops/kernel_call.h"
#include "backends/host/transpose.h"

namespace jb::host {
namespace {

using inference::Window;

constexpr std::int64_t kTile = 32;  // positions of a block that lies in the first-level cache

template <class T>
ConvGeometry geometry_of(const LinearCall<T>& call) {
  const KnownValue x{call.input(0).type(), call.input(0).dims(), nullptr};
  const KnownValue weights{call.input(1).type(), call.input(1).dims(), nullptr};
  const std::vector<const KnownValue*> known = {&x, &weights};
  const inference::NodeInputs in(call.node, known);
  const inference::Windows windows = call.node.op == Op::conv
                                         ? inference::conv_windows(in)
                                         : inference::conv_transpose_windows(in);
  if (windows.size() > 3) {
    in.fail_unsupported("convolution over {} spatial dimensions is not supported", windows.size());
  }
  ConvGeometry g;
  std::copy(windows.begin(), windows.end(), g.w.end() - static_cast<int>(windows.size()));
  g.images = x.dims[0];
  g.in_channels = x.dims[1];
  g.out_channels = call.outputs[0].dims[1];
  g.groups = call.node.template get<ConvAttributes>().groups;
  return g;
}

/// Adds a row of columns (channel, taps) of one input position to the output planes.
template <class T>
void scatter_channel(const ConvGeometry& g, const T* columns, std::int64_t stride, T* plane) {
  const std::int64_t in_width = g.w[2].input;
  const std::int64_t in_height = g.w[1].input;
  const std::int64_t count = g.area(&Window::input);
  const auto target = [](const Window& w, std::int64_t i, std::int64_t r) {
    const std::int64_t o = i * w.stride - w.pad_begin + r * w.dilation;
    return o >= 0 && o < w.output ? o : -1;
  };
  for (std::int64_t i = 0; i < count; ++i) {
    const T* from = columns + i * stride;
    for (std::int64_t r = 0; r < g.w[0].kernel; ++r) {
      const std::int64_t z = target(g.w[0], i / (in_width * in_height), r);
      for (std::int64_t s = 0; s < g.w[1].kernel; ++s) {
        const std::int64_t y = target(g.w[1], i / in_width % in_height, s);
        for (std::int64_t t = 0; t < g.w[2].kernel; ++t, ++from) {
          const std::int64_t x = target(g.w[2], i % in_width, t);
          if (z < 0 || y < 0 || x < 0) continue;
          plane[(z * g.w[1].output + y) * g.w[2].output + x] += *from;
        }
      }
    }
  }
}

/// Bias and functions on the planes of `images` images of Y.
template <class T>
void finish_images(const Finish<T>& finish, const ConvGeometry& g, std::int64_t images, T* y) {
  const std::int64_t area = g.area(&Window::output);
  parallel_for(images * g.out_channels, row_grain(area), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) {
      finish.column(plane % g.out_channels, y + plane * area, area);
    }
  });
}

}  // namespace

template <class T>
Tensor run_conv(const LinearCall<T>& call) {
  ConvGeometry g = geometry_of(call);
  Tensor y = Tensor::unwritten(call.outputs[0].type, call.outputs[0].dims);
  if (y.size() == 0) return y;
  T* const out = y.as_mutable<T>().data();
  const Finish<T> finish(call, call.optional_input(2) != nullptr ? call.data(2) : nullptr);
  const std::int64_t image = g.out_channels * g.area(&Window::output);
  const bool whole =
      call.multiplier.convolve(call.input(0), out, [&](std::int64_t first, std::int64_t count) {
        finish_images(finish, g, count, out + first * image);
      });
  if (whole) return y;
  const Tensor x = with_padding(g, call.input(0));
  const std::int64_t k = g.in_channels / g.groups * g.area(&Window::kernel);
  const std::int64_t n = g.out_channels / g.groups;
  const std::int64_t rows = g.images * g.area(&Window::output);
  const std::int64_t block = std::min(rows, lowered_rows(k));
  Tensor c = Tensor::unwritten(y.type(), {block, n});
  T* const sums = c.as_mutable<T>().data();
  for (std::int64_t group = 0; group < g.groups; ++group) {
    for (std::int64_t first = 0; first < rows; first += block) {
      const std::int64_t count = std::min(block, rows - first);
      const LoweredRows<T> lowered(g, x.as<T>().data(), group, first, count);
      call.multiplier.multiply_rows(0, group, lowered, {sums, count, n, n, 1}, {first, 0});
      store_rows<T>(finish, g, group, first, {sums, count, n, n, 1}, out);
    }
  }
  return y;
}

template <class T>
Tensor run_conv_transpose(const LinearCall<T>& call) {
  const ConvGeometry g = geometry_of(call);
  Tensor y(call.outputs[0].type, call.outputs[0].dims);
  if (y.size() == 0) return y;
  T* const out = y.as_mutable<T>().data();
  const std::int64_t k = g.in_channels / g.groups;
  const std::int64_t channels = g.out_channels / g.groups;
  const std::int64_t taps = g.area(&Window::kernel);
  const std::int64_t n = channels * taps;
  const std::int64_t in_area = g.area(&Window::input);
  const std::int64_t out_area = g.area(&Window::output);
  Tensor turned = Tensor::unwritten(y.type(), {in_area, k});
  Tensor columns = Tensor::unwritten(y.type(), {in_area, n});
  T* const a = turned.as_mutable<T>().data();
  T* const c = columns.as_mutable<T>().data();
  const Finish<T> finish(call, call.optional_input(2) != nullptr ? call.data(2) : nullptr);
  for (std::int64_t group = 0; group < g.groups; ++group) {
    for (std::int64_t image = 0; image < g.images; ++image) {
      const T* const x = call.data(0) + (image * g.in_channels + group * k) * in_area;
      for (std::int64_t i = 0; i < in_area; i += kTile) {
        transpose(x + i, in_area, k, std::min(kTile, in_area - i), a + i * k, k);
      }
      call.multiplier.multiply(0, group, {a, in_area, k, k, 1}, {c, in_area, n, n, 1},
                               {image * in_area, 0});
      T* const planes = out + (image * g.out_channels + group * channels) * out_area;
      parallel_for(channels, row_grain(in_area * taps), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t j = begin; j < end; ++j) {
          T* const plane = planes + j * out_area;
          scatter_channel(g, c + j * taps, n, plane);
          finish.column(group * channels + j, plane, out_area);
        }
      });
    }
  }
  return y;
}

template Tensor run_conv(const LinearCall<float>&);
template Tensor run_conv(const LinearCall<double>&);
template Tensor run_conv_transpose(const LinearCall<float>&);
template Tensor run_conv_transpose(const LinearCall<double>&);

}  // namespace jb::host
