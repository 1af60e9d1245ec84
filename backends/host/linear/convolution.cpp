// Convolutions as products of lowered rows: a row per output position (input position when
// transposed), gathered in blocks of bounded size.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "backends/core/inference/windows.h"
#include "backends/core/threads.h"
#include "backends/host/linear/operators.h"
#include "backends/host/ops/kernel_call.h"

namespace jb::host {
namespace {

using inference::Window;

/// Windows as three dimensions, leading ones of size 1, and the channels of one group.
struct Geometry {
  std::array<Window, 3> w;
  std::int64_t in_channels = 1;   // of the whole tensor
  std::int64_t out_channels = 1;  // of the whole tensor
  std::int64_t groups = 1;
  std::int64_t images = 1;

  [[nodiscard]] std::int64_t area(std::int64_t Window::*member) const noexcept {
    return w[0].*member * w[1].*member * w[2].*member;
  }
};

template <class T>
Geometry geometry_of(const LinearCall<T>& call) {
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
  Geometry g;
  std::copy(windows.begin(), windows.end(), g.w.end() - static_cast<int>(windows.size()));
  g.images = x.dims[0];
  g.in_channels = x.dims[1];
  g.out_channels = call.outputs[0].dims[1];
  g.groups = call.node.template get<ConvAttributes>().groups;
  return g;
}

/// Taps r of one dimension whose input index position * stride - pad + r * dilation lies inside.
struct Inside {
  std::int64_t start;  // input index of tap 0
  std::int64_t first;
  std::int64_t last;  // one beyond
};

Inside inside_of(const Window& w, std::int64_t position) {
  const std::int64_t start = position * w.stride - w.pad_begin;
  const std::int64_t first = start < 0 ? (-start + w.dilation - 1) / w.dilation : 0;
  const std::int64_t below = w.input <= start ? 0 : (w.input - start + w.dilation - 1) / w.dilation;
  const std::int64_t last = std::min(w.kernel, below);
  return {start, std::min(first, w.kernel), std::max(first, last)};
}

/// One lowered row: for each channel of the group the taps of the window, zero in the padding.
template <class T>
void gather_row(const Geometry& g, const T* image, std::int64_t channels, std::int64_t position,
                T* row) {
  const std::int64_t width = g.w[2].output;
  const std::int64_t height = g.w[1].output;
  const Inside z = inside_of(g.w[0], position / (width * height));
  const Inside y = inside_of(g.w[1], position / width % height);
  const Inside x = inside_of(g.w[2], position % width);
  const std::int64_t kx = g.w[2].kernel;
  const std::int64_t taps = g.area(&Window::kernel);
  const bool whole = z.first == 0 && z.last == g.w[0].kernel && y.first == 0 &&
                     y.last == g.w[1].kernel && x.first == 0 && x.last == kx;
  if (!whole) std::fill(row, row + channels * taps, T{0});
  const std::int64_t plane = g.area(&Window::input);
  for (std::int64_t c = 0; c < channels; ++c) {
    const T* const from = image + c * plane;
    T* const to = row + c * taps;
    for (std::int64_t r = z.first; r < z.last; ++r) {
      const std::int64_t slab = (z.start + r * g.w[0].dilation) * g.w[1].input;
      for (std::int64_t s = y.first; s < y.last; ++s) {
        const T* const line =
            from + (slab + y.start + s * g.w[1].dilation) * g.w[2].input + x.start;
        T* const out = to + (r * g.w[1].kernel + s) * kx;
        for (std::int64_t t = x.first; t < x.last; ++t) out[t] = line[t * g.w[2].dilation];
      }
    }
  }
}

/// Lowered rows [first, first + count) of group `group`: (image, position) in order.
template <class T>
void gather_rows(const Geometry& g, const T* x, std::int64_t group, std::int64_t first,
                 std::int64_t count, T* rows) {
  const std::int64_t channels = g.in_channels / g.groups;
  const std::int64_t k = channels * g.area(&Window::kernel);
  const std::int64_t positions = g.area(&Window::output);
  const std::int64_t plane = g.area(&Window::input);
  parallel_for(count, row_grain(k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = (first + i) / positions;
      gather_row(g, x + (image * g.in_channels + group * channels) * plane, channels,
                 (first + i) % positions, rows + i * k);
    }
  });
}

/// Rows of C (position, channel) to planes of Y (channel, position), with bias and activation.
template <class T>
void store_rows(const LinearCall<T>& call, const Geometry& g, const NodeView& activation,
                std::int64_t group, std::int64_t first, MatrixView<const T> c, T* y) {
  constexpr std::int64_t kTile = 32;
  const std::int64_t positions = g.area(&Window::output);
  const std::int64_t n = c.cols;
  const T* const bias = call.optional_input(2) != nullptr ? call.data(2) + group * n : nullptr;
  const std::int64_t tiles = (c.rows + kTile - 1) / kTile;
  parallel_for(tiles, row_grain(kTile * n), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i0 = begin * kTile; i0 < std::min(end * kTile, c.rows);) {
      // A run of positions within one image.
      const std::int64_t at = (first + i0) % positions;
      const std::int64_t image = (first + i0) / positions;
      const std::int64_t run = std::min({kTile - i0 % kTile, positions - at, c.rows - i0});
      T* const planes = y + (image * g.out_channels + group * n) * positions + at;
      for (std::int64_t j0 = 0; j0 < n; j0 += kTile) {
        for (std::int64_t j = j0; j < std::min(n, j0 + kTile); ++j) {
          T* const out = planes + j * positions;
          for (std::int64_t i = 0; i < run; ++i) out[i] = c.data[(i0 + i) * c.row_stride + j];
          finish_run<T>(activation, bias != nullptr ? bias + j : nullptr, out, run);
        }
      }
      i0 += run;
    }
  });
}

/// Adds a row of columns (channel, taps) of one input position to the output planes.
template <class T>
void scatter_channel(const Geometry& g, const T* columns, std::int64_t stride, T* plane) {
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

/// Memory that is written before it is read.
template <class T>
std::unique_ptr<T[]> scratch(std::int64_t count) {
  return std::unique_ptr<T[]>(new T[static_cast<std::size_t>(count)]);
}

}  // namespace

template <class T>
Tensor run_conv(const LinearCall<T>& call) {
  const Geometry g = geometry_of(call);
  Tensor y(call.outputs[0].type, call.outputs[0].dims);
  if (y.size() == 0) return y;
  T* const out = y.as_mutable<T>().data();
  const std::int64_t k = g.in_channels / g.groups * g.area(&Window::kernel);
  const std::int64_t n = g.out_channels / g.groups;
  const std::int64_t rows = g.images * g.area(&Window::output);
  const std::int64_t block = std::min(rows, lowered_rows(k));
  const auto a = scratch<T>(block * k);
  const auto c = scratch<T>(block * n);
  const NodeView activation = activation_node(call.node);
  for (std::int64_t group = 0; group < g.groups; ++group) {
    for (std::int64_t first = 0; first < rows; first += block) {
      const std::int64_t count = std::min(block, rows - first);
      gather_rows(g, call.data(0), group, first, count, a.get());
      const MatrixView<T> sums{c.get(), count, n, n, 1};
      call.multiplier.multiply(0, group, {a.get(), count, k, k, 1}, sums, {first, 0});
      store_rows<T>(call, g, activation, group, first, sums, out);
    }
  }
  return y;
}

template <class T>
Tensor run_conv_transpose(const LinearCall<T>& call) {
  const Geometry g = geometry_of(call);
  Tensor y(call.outputs[0].type, call.outputs[0].dims);
  if (y.size() == 0) return y;
  T* const out = y.as_mutable<T>().data();
  const std::int64_t k = g.in_channels / g.groups;
  const std::int64_t channels = g.out_channels / g.groups;
  const std::int64_t taps = g.area(&Window::kernel);
  const std::int64_t n = channels * taps;
  const std::int64_t in_area = g.area(&Window::input);
  const std::int64_t out_area = g.area(&Window::output);
  const T* const bias = call.optional_input(2) != nullptr ? call.data(2) : nullptr;
  const auto a = scratch<T>(in_area * k);
  const auto c = scratch<T>(in_area * n);
  const NodeView activation = activation_node(call.node);
  for (std::int64_t group = 0; group < g.groups; ++group) {
    for (std::int64_t image = 0; image < g.images; ++image) {
      const T* const x = call.data(0) + (image * g.in_channels + group * k) * in_area;
      for (std::int64_t i = 0; i < in_area; ++i) {
        for (std::int64_t l = 0; l < k; ++l)
          a[static_cast<std::size_t>(i * k + l)] = x[l * in_area + i];
      }
      call.multiplier.multiply(0, group, {a.get(), in_area, k, k, 1}, {c.get(), in_area, n, n, 1},
                               {image * in_area, 0});
      T* const planes = out + (image * g.out_channels + group * channels) * out_area;
      parallel_for(channels, row_grain(in_area * taps), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t j = begin; j < end; ++j) {
          T* const plane = planes + j * out_area;
          scatter_channel(g, c.get() + j * taps, n, plane);
          finish_run(activation, bias != nullptr ? bias + group * channels + j : nullptr, plane,
                     out_area);
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
