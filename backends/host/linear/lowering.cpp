#include "backends/host/linear/lowering.h"

#include <algorithm>
#include <cstring>

#include "backends/core/threads.h"
#include "backends/host/ops/kernel_call.h"
#include "backends/host/transpose.h"

namespace jb::host {
namespace {

using inference::Window;

constexpr std::int64_t kTile = 32;      // positions of a block that is turned in the cache
constexpr std::int64_t kCached = 4096;  // elements of a lowered block

/// Windows along one line of output positions of one image, all taps inside.
template <class T>
struct Line {
  const T* image;  // the first channel of the group
  std::int64_t channels, plane;
  std::int64_t z, y, x;  // input position of tap 0 of the first window
  std::int64_t count;    // windows
};

/// Copies kWidth adjacent taps; where kSpill, one more may be read and written behind them, which
/// makes three floats one register.
template <int kWidth, bool kSpill, class T>
void copy_taps(const T* in, T* out) {
  constexpr int kCopied = kWidth == 3 && kSpill ? 4 : kWidth;
  std::memcpy(out, in, kCopied * sizeof(T));
}

/// Lowered rows of a line. kWidth: taps of the last dimension where they are adjacent and so many,
/// 0 where that is not known here.
template <int kWidth, class T>
void gather_line(const ConvGeometry& g, const Line<T>& line, T* rows) {
  const std::int64_t taps = g.area(&Window::kernel);
  const std::int64_t k = line.channels * taps;
  const std::int64_t width = kWidth > 0 ? kWidth : g.w[2].kernel;
  const std::int64_t stride = g.w[2].stride;
  for (std::int64_t c = 0; c < line.channels; ++c) {
    for (std::int64_t r = 0; r < g.w[0].kernel; ++r) {
      const std::int64_t slab = (line.z + r * g.w[0].dilation) * g.w[1].input;
      for (std::int64_t s = 0; s < g.w[1].kernel; ++s) {
        const T* in = line.image + c * line.plane +
                      (slab + line.y + s * g.w[1].dilation) * g.w[2].input + line.x;
        const std::int64_t at = c * taps + (r * g.w[1].kernel + s) * width;
        T* out = rows + at;
        if constexpr (kWidth > 0) {
          if (at + width < k) {  // what is spilt is written over by the taps that follow
            for (std::int64_t p = 0; p < line.count; ++p) {
              copy_taps<kWidth, true>(in + p * stride, out + p * k);
            }
          } else {
            for (std::int64_t p = 0; p < line.count; ++p) {
              copy_taps<kWidth, false>(in + p * stride, out + p * k);
            }
          }
        } else {
          for (std::int64_t p = 0; p < line.count; ++p, in += stride, out += k) {
            for (std::int64_t t = 0; t < width; ++t) out[t] = in[t * g.w[2].dilation];
          }
        }
      }
    }
  }
}

/// The same of square windows over two dimensions whose taps are adjacent in a row: window after
/// window, so that a loop has more than one row of taps in it however few windows there are.
template <int kSize, class T>
void gather_squares(const ConvGeometry& g, const Line<T>& line, T* rows) {
  const std::int64_t k = line.channels * kSize * kSize;
  const std::int64_t stride = g.w[2].stride;
  const std::int64_t below = g.w[1].dilation * g.w[2].input;
  const T* in = line.image + (line.z * g.w[1].input + line.y) * g.w[2].input + line.x;
  T* out = rows;
  for (std::int64_t c = 0; c + 1 < line.channels; ++c, in += line.plane, out += kSize * kSize) {
    for (std::int64_t p = 0; p < line.count; ++p) {
      const T* const from = in + p * stride;
      T* const to = out + p * k;
      for (int s = 0; s < kSize; ++s) copy_taps<kSize, true>(from + s * below, to + s * kSize);
    }
  }
  for (std::int64_t p = 0; p < line.count; ++p) {  // the last channel spills nothing
    for (int s = 0; s < kSize; ++s) {
      copy_taps<kSize, false>(in + p * stride + s * below, out + p * k + s * kSize);
    }
  }
}

template <class T>
void gather_any_line(const ConvGeometry& g, const Line<T>& line, T* rows) {
  const std::int64_t width = g.w[2].kernel;
  if (g.w[2].dilation == 1 || width == 1) {
    if (g.w[0].kernel == 1 && g.w[1].kernel == width) {
      if (width == 3) return gather_squares<3>(g, line, rows);
      if (width == 5) return gather_squares<5>(g, line, rows);
      if (width == 7) return gather_squares<7>(g, line, rows);
    }
    if (width == 1) return gather_line<1>(g, line, rows);
    if (width == 3) return gather_line<3>(g, line, rows);
  }
  gather_line<0>(g, line, rows);
}

/// Elements that padding puts before the first, and what all windows then reach over.
struct Padded {
  std::int64_t before, size;
};
Padded padded(const Window& w) {
  const std::int64_t before = std::max<std::int64_t>(0, w.pad_begin);
  const std::int64_t reached = (w.output - 1) * w.stride - w.pad_begin + w.reach();
  return {before, before + std::max(w.input, reached)};
}

/// True when every window lies inside the input.
bool is_inside(const ConvGeometry& g) {
  return std::all_of(g.w.begin(), g.w.end(),
                     [](const Window& w) { return w.pad_begin <= 0 && padded(w).size == w.input; });
}

/// Lowered rows of a line, element by element, zero outside: for paddings too wide to be written
/// out.
template <class T>
void gather_checked(const ConvGeometry& g, const Line<T>& line, T* rows) {
  const auto inside = [&](std::size_t d, std::int64_t i) { return i >= 0 && i < g.w[d].input; };
  for (std::int64_t p = 0; p < line.count; ++p) {
    for (std::int64_t c = 0; c < line.channels; ++c) {
      for (std::int64_t r = 0; r < g.w[0].kernel; ++r) {
        for (std::int64_t s = 0; s < g.w[1].kernel; ++s) {
          for (std::int64_t t = 0; t < g.w[2].kernel; ++t) {
            const std::int64_t z = line.z + r * g.w[0].dilation;
            const std::int64_t y = line.y + s * g.w[1].dilation;
            const std::int64_t x = line.x + p * g.w[2].stride + t * g.w[2].dilation;
            const bool there = inside(0, z) && inside(1, y) && inside(2, x);
            const std::int64_t at = c * line.plane + (z * g.w[1].input + y) * g.w[2].input + x;
            *rows++ = there ? line.image[at] : T{0};
          }
        }
      }
    }
  }
}

/// True when lowered rows are the image itself, position by position.
bool is_pointwise(const ConvGeometry& g) {
  return std::all_of(g.w.begin(), g.w.end(), [](const Window& w) {
    return w.kernel == 1 && w.stride == 1 && w.pad_begin == 0 && w.output == w.input;
  });
}

/// Calls piece(image, position, offset in the rows, count) for runs of rows within one image.
template <class Piece>
void for_each_image_run(std::int64_t positions, std::int64_t first, std::int64_t begin,
                        std::int64_t end, Piece piece) {
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t at = (first + i) % positions;
    const std::int64_t run = std::min(positions - at, end - i);
    piece((first + i) / positions, at, i, run);
    i += run;
  }
}

}  // namespace

Tensor with_padding(ConvGeometry& g, const Tensor& x) {
  std::array<Padded, 3> to;
  std::transform(g.w.begin(), g.w.end(), to.begin(), padded);
  if (to[0].size == g.w[0].input && to[1].size == g.w[1].input && to[2].size == g.w[2].input) {
    return x;
  }
  // What is read of a plane, or what there is of it, bounds what a copy of it is worth.
  const double written = static_cast<double>(to[0].size) * static_cast<double>(to[1].size) *
                         static_cast<double>(to[2].size);
  const auto useful = static_cast<double>(
      std::max(g.area(&Window::input), g.area(&Window::output) * g.area(&Window::kernel)));
  if (written > 4 * useful + kCached) return x;
  const ConvGeometry from = g;
  for (std::size_t d = 0; d < 3; ++d) {
    g.w[d].input = to[d].size;
    g.w[d].pad_begin -= to[d].before;
  }
  const std::int64_t planes = g.images * g.in_channels;
  const auto bytes = static_cast<std::int64_t>(bytes_of(x.type()));
  const std::int64_t line = g.w[2].input * bytes;
  const std::int64_t filled = from.w[2].input * bytes;
  const std::int64_t height = from.w[1].input;
  const std::int64_t lines = from.w[0].input * height;
  Tensor y = Tensor::unwritten(x.type(), {planes, g.area(&Window::input)});
  const char* const in = static_cast<const char*>(x.raw());
  char* const out = static_cast<char*>(y.mutable_raw());
  const std::int64_t plane_bytes = g.area(&Window::input) * bytes;
  parallel_for(
      planes, row_grain(g.area(&Window::input)), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t plane = begin; plane < end; ++plane) {
          // Zeros up to each line of the input, then the line.
          char* at = out + plane * plane_bytes;
          const char* source = in + plane * lines * filled;
          for (std::int64_t l = 0; l < lines; ++l, source += filled) {
            const std::int64_t above = (to[0].before + l / height) * g.w[1].input + to[1].before;
            char* const place =
                out + plane * plane_bytes + (above + l % height) * line + to[2].before * bytes;
            std::memset(at, 0, static_cast<std::size_t>(place - at));
            std::memcpy(place, source, static_cast<std::size_t>(filled));
            at = place + filled;
          }
          std::memset(at, 0, static_cast<std::size_t>(out + (plane + 1) * plane_bytes - at));
        }
      });
  return y;
}

template <class T>
LoweredRows<T>::LoweredRows(const ConvGeometry& g, const T* x, std::int64_t group,
                            std::int64_t first, std::int64_t count)
    : g_(g),
      first_(first),
      count_(count),
      channels_(g.in_channels / g.groups),
      plane_(g.area(&Window::input)),
      positions_(g.area(&Window::output)),
      k_(channels_ * g.area(&Window::kernel)),
      pointwise_(is_pointwise(g)),
      inside_(is_inside(g)) {
  x_ = x + group * channels_ * plane_;
}

template <class T>
void LoweredRows<T>::read(std::int64_t first, std::int64_t count, T* to) const {
  for_each_image_run(positions_, first_ + first, 0, count,
                     [&](std::int64_t image, std::int64_t at, std::int64_t i, std::int64_t run) {
                       read_image(image, at, run, to + i * k_);
                     });
}

template <class T>
void LoweredRows<T>::read_image(std::int64_t image, std::int64_t position, std::int64_t count,
                                T* to) const {
  const T* const planes = x_ + image * g_.in_channels * plane_;
  // Windows of a line that are gathered at a time: their rows lie in the first-level cache.
  const std::int64_t most = pointwise_ ? kTile : std::max<std::int64_t>(1, kCached / k_);
  const std::int64_t width = g_.w[2].output;
  const std::int64_t height = g_.w[1].output;
  const auto start = [&](std::size_t d, std::int64_t at) {
    return at * g_.w[d].stride - g_.w[d].pad_begin;
  };
  while (count > 0) {
    std::int64_t run = std::min(count, most);
    if (pointwise_) {
      transpose(planes + position, plane_, channels_, run, to, k_);
    } else {
      const std::int64_t column = position % width;
      run = std::min(run, width - column);
      const Line<T> line{planes,
                         channels_,
                         plane_,
                         start(0, position / width / height),
                         start(1, position / width % height),
                         start(2, column),
                         run};
      inside_ ? gather_any_line(g_, line, to) : gather_checked(g_, line, to);
    }
    position += run;
    to += run * k_;
    count -= run;
  }
}

template <class T>
void store_rows(const Finish<T>& finish, const ConvGeometry& g, std::int64_t group,
                std::int64_t first, MatrixView<T> c, T* y) {
  const std::int64_t positions = g.area(&Window::output);
  const std::int64_t n = c.cols;
  const Finish<T> part = finish.from_column(group * n);
  // Bias and functions take long runs of values: along the channels, or, where these are few, along
  // the positions of one.
  const bool along_channels = n >= kTile;
  const std::int64_t tile = along_channels ? kTile : std::max(kTile, 4096 / n);
  const std::int64_t tiles = (c.rows + tile - 1) / tile;
  parallel_for(tiles, row_grain(tile * n), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t top = t * tile;
      const std::int64_t bottom = std::min(top + tile, c.rows);
      if (along_channels) part.rows(c.data + top * c.row_stride, bottom - top, n);
      for_each_image_run(
          positions, first, top, bottom,
          [&](std::int64_t image, std::int64_t at, std::int64_t i, std::int64_t run) {
            T* const planes = y + (image * g.out_channels + group * n) * positions + at;
            transpose(c.data + i * c.row_stride, c.row_stride, run, n, planes, positions);
            for (std::int64_t j = 0; j < n && !along_channels; ++j) {
              part.column(j, planes + j * positions, run);
            }
          });
    }
  });
}

template class LoweredRows<float>;
template class LoweredRows<double>;
template void store_rows(const Finish<float>&, const ConvGeometry&, std::int64_t, std::int64_t,
                         MatrixView<float>, float*);
template void store_rows(const Finish<double>&, const ConvGeometry&, std::int64_t, std::int64_t,
                         MatrixView<double>, double*);

}  // namespace jb::host
