// Pooling over one to three spatial dimensions; fewer are taken as leading dimensions of one
// window.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "backends/core/inference/windows.h"
#include "backends/core/threads.h"
#include "backends/host/ops/kernel_call.h"

namespace jb::host {
namespace {

using inference::Window;
using inference::Windows;

/// Taps of one output position along one dimension that lie inside the input.
struct Taps {
  std::int64_t first_index = 0;  ///< input index of the first tap inside
  std::int64_t count = 0;
  std::int64_t counted = 0;  ///< taps inside the input or its padding
};

Taps taps_of(const Window& w, std::int64_t position) {
  const std::int64_t start = position * w.stride - w.pad_begin;
  const std::int64_t first = start < 0 ? (-start + w.dilation - 1) / w.dilation : 0;
  const auto below = [&](std::int64_t limit) {  // taps before `limit`
    return limit <= start ? 0 : std::min(w.kernel, (limit - start + w.dilation - 1) / w.dilation);
  };
  Taps taps;
  taps.first_index = start + first * w.dilation;
  taps.count = std::max<std::int64_t>(0, below(w.input) - first);
  taps.counted = below(w.input + w.pad_end);
  return taps;
}

struct Geometry {
  std::array<Window, 3> windows;
  std::array<std::vector<Taps>, 3> taps;
  std::int64_t planes = 1;
  std::int64_t in_area = 1;
  std::int64_t out_area = 1;
  bool all_inside = false;  ///< no window of the last dimension reaches into padding
};

Geometry geometry_of(const KernelCall& call) {
  const Windows windows = inference::pool_windows(call.in);
  if (windows.size() > 3) {
    call.in.fail_unsupported("pooling over {} spatial dimensions is not supported", windows.size());
  }
  Geometry g;
  std::copy(windows.begin(), windows.end(), g.windows.end() - static_cast<int>(windows.size()));
  for (std::size_t d = 0; d < 3; ++d) {
    for (std::int64_t o = 0; o < g.windows[d].output; ++o) {
      g.taps[d].push_back(taps_of(g.windows[d], o));
    }
    g.in_area *= g.windows[d].input;
    g.out_area *= g.windows[d].output;
  }
  g.planes = call.input(0).dims()[0] * call.input(0).dims()[1];
  g.all_inside = std::all_of(g.taps[2].begin(), g.taps[2].end(),
                             [&](const Taps& taps) { return taps.count == g.windows[2].kernel; });
  return g;
}

/// Calls visit(output index within the plane, taps of the three dimensions) for all of a plane.
template <class Visit>
void for_each_position(const Geometry& g, Visit visit) {
  std::int64_t at = 0;
  for (const Taps& z : g.taps[0]) {
    for (const Taps& y : g.taps[1]) {
      for (const Taps& x : g.taps[2]) visit(at++, z, y, x);
    }
  }
}

/// Calls take(input index within the plane) for the taps inside the input, in order.
template <class Take>
void for_each_tap(const Geometry& g, const Taps& z, const Taps& y, const Taps& x, Take take) {
  const std::int64_t height = g.windows[1].input;
  const std::int64_t width = g.windows[2].input;
  for (std::int64_t i = 0; i < z.count; ++i) {
    const std::int64_t slab = (z.first_index + i * g.windows[0].dilation) * height;
    for (std::int64_t j = 0; j < y.count; ++j) {
      const std::int64_t row = (slab + y.first_index + j * g.windows[1].dilation) * width;
      std::int64_t at = row + x.first_index;
      for (std::int64_t k = 0; k < x.count; ++k, at += g.windows[2].dilation) take(at);
    }
  }
}

template <class Plane>
void for_each_plane(const Geometry& g, Plane plane) {
  std::int64_t taps = 1;
  for (const Window& w : g.windows) taps *= w.kernel;
  parallel_for(g.planes, row_grain(g.out_area * taps), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) plane(p);
  });
}

/// Index into the whole tensor with the first spatial dimension walking fastest.
std::int64_t column_major(const Geometry& g, std::int64_t plane, std::int64_t at) {
  const std::int64_t x = at % g.windows[2].input;
  const std::int64_t y = at / g.windows[2].input % g.windows[1].input;
  const std::int64_t z = at / g.windows[2].input / g.windows[1].input;
  return plane * g.in_area + (x * g.windows[1].input + y) * g.windows[0].input + z;
}

/// The columns of each window of a line of values, to the outputs from `out` on; returns where they
/// end. kTaps: columns that each window has inside, adjacent; 0: not known here.
template <int kTaps, class T, class Sum, class Take, class End>
T* reduce_columns(const Geometry& g, const Sum* line, T* out, Take take, End end) {
  for (const Taps& taps : g.taps[2]) {
    const Sum* const first = line + taps.first_index;
    Sum value = *first;
    if constexpr (kTaps > 0) {
      for (int t = 1; t < kTaps; ++t) value = take(value, first[t]);
    } else {
      for (std::int64_t t = 1; t < taps.count; ++t) {
        value = take(value, first[t * g.windows[2].dilation]);
      }
    }
    *out++ = end(value, taps);
  }
  return out;
}

template <class T, class Sum, class Take, class End>
T* reduce_line(const Geometry& g, const Sum* line, T* out, Take take, End end) {
  const Window& w = g.windows[2];
  if (w.dilation == 1 && w.kernel == 2 && g.all_inside) {
    return reduce_columns<2>(g, line, out, take, end);
  }
  if (w.dilation == 1 && w.kernel == 3 && g.all_inside) {
    return reduce_columns<3>(g, line, out, take, end);
  }
  return reduce_columns<0>(g, line, out, take, end);
}

/// One plane with every window's lines taken together first, all columns at once, then the columns
/// of each window: take(a, b) for two values, end(value, taps of the three dimensions).
template <class T, class Sum, class Take, class End>
void reduce_plane(const Geometry& g, const T* x, T* out, Take take, End end) {
  static thread_local std::vector<Sum> held;
  const std::int64_t width = g.windows[2].input;
  held.resize(static_cast<std::size_t>(width));
  Sum* const line = held.data();
  for (const Taps& z : g.taps[0]) {
    for (const Taps& y : g.taps[1]) {
      for (std::int64_t i = 0; i < z.count; ++i) {
        const std::int64_t slab = (z.first_index + i * g.windows[0].dilation) * g.windows[1].input;
        for (std::int64_t j = 0; j < y.count; ++j) {
          const T* const in = x + (slab + y.first_index + j * g.windows[1].dilation) * width;
          if (i == 0 && j == 0) {
            for (std::int64_t c = 0; c < width; ++c) line[c] = static_cast<Sum>(in[c]);
          } else {
            for (std::int64_t c = 0; c < width; ++c) {
              line[c] = take(line[c], static_cast<Sum>(in[c]));
            }
          }
        }
      }
      out = reduce_line(g, line, out, take,
                        [&](Sum value, const Taps& taps) { return end(value, z, y, taps); });
    }
  }
}

/// Every window has a tap inside the input.
bool none_empty(const Geometry& g) {
  return std::all_of(g.taps.begin(), g.taps.end(), [](const std::vector<Taps>& taps) {
    return std::all_of(taps.begin(), taps.end(), [](const Taps& t) { return t.count > 0; });
  });
}

template <class T>
Results max_pool(const KernelCall& call) {
  const Geometry g = geometry_of(call);
  const bool columns = call.node().get<PoolAttributes>().column_major_indices;
  Results results = {call.output()};
  if (call.outputs.size() > 1) results.push_back(call.output(1));
  const T* const in = call.input(0).as<T>().data();
  T* const out = results[0].as_mutable<T>().data();
  std::int64_t* const indices =
      results.size() > 1 ? results[1].as_mutable<std::int64_t>().data() : nullptr;
  using Limits = std::numeric_limits<T>;
  constexpr T kLeast = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  if (indices == nullptr && none_empty(g)) {
    for_each_plane(g, [&](std::int64_t plane) {
      reduce_plane<T, T>(
          g, in + plane * g.in_area, out + plane * g.out_area,
          [](T a, T b) { return b > a ? b : a; },
          [](T most, const Taps&, const Taps&, const Taps&) { return most; });
    });
    return results;
  }
  for_each_plane(g, [&](std::int64_t plane) {
    const T* const x = in + plane * g.in_area;
    for_each_position(g, [&](std::int64_t at, const Taps& a, const Taps& b, const Taps& c) {
      T best = kLeast;
      std::int64_t where = -1;
      for_each_tap(g, a, b, c, [&](std::int64_t i) {
        if (where < 0 || x[i] > best) {
          best = x[i];
          where = i;
        }
      });
      out[plane * g.out_area + at] = best;
      if (indices != nullptr) {
        indices[plane * g.out_area + at] =
            columns ? column_major(g, plane, where) : plane * g.in_area + where;
      }
    });
  });
  return results;
}

template <class T>
Results average_pool(const KernelCall& call) {
  const Geometry g = geometry_of(call);
  const bool with_pads = call.node().get<PoolAttributes>().count_include_pad;
  Tensor y = call.output();
  const T* const in = call.input(0).as<T>().data();
  T* const out = y.as_mutable<T>().data();
  const auto mean = [&](double sum, const Taps& a, const Taps& b, const Taps& c) {
    const std::int64_t count =
        with_pads ? a.counted * b.counted * c.counted : a.count * b.count * c.count;
    return static_cast<T>(sum / static_cast<double>(count));
  };
  const bool all_inside = none_empty(g);
  for_each_plane(g, [&](std::int64_t plane) {
    const T* const x = in + plane * g.in_area;
    T* const y_plane = out + plane * g.out_area;
    if (all_inside) {
      return reduce_plane<T, double>(
          g, x, y_plane, [](double a, double b) { return a + b; }, mean);
    }
    for_each_position(g, [&](std::int64_t at, const Taps& a, const Taps& b, const Taps& c) {
      double sum = 0;
      for_each_tap(g, a, b, c, [&](std::int64_t i) { sum += static_cast<double>(x[i]); });
      y_plane[at] = mean(sum, a, b, c);
    });
  });
  return {std::move(y)};
}

template <class T>
Results lp_pool(const KernelCall& call) {
  const Geometry g = geometry_of(call);
  const auto p = static_cast<double>(call.node().get<PoolAttributes>().p);
  Tensor y = call.output();
  const T* const in = call.input(0).as<T>().data();
  T* const out = y.as_mutable<T>().data();
  for_each_plane(g, [&](std::int64_t plane) {
    const T* const x = in + plane * g.in_area;
    for_each_position(g, [&](std::int64_t at, const Taps& a, const Taps& b, const Taps& c) {
      double sum = 0;
      for_each_tap(g, a, b, c, [&](std::int64_t i) {
        sum += std::pow(std::abs(static_cast<double>(x[i])), p);
      });
      out[plane * g.out_area + at] = static_cast<T>(std::pow(sum, 1 / p));
    });
  });
  return {std::move(y)};
}

template <class T>
Results global_pool(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const std::int64_t area = AroundAxis(x.dims(), 1).inner;
  const bool average = call.op() == Op::global_average_pool;
  Tensor y = call.output();
  const T* const in = x.as<T>().data();
  T* const out = y.as_mutable<T>().data();
  parallel_for(y.size(), row_grain(area), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* const plane = in + r * area;
      double sum = 0;
      T largest = plane[0];
      for (std::int64_t i = 0; i < area; ++i) {
        sum += static_cast<double>(plane[i]);
        largest = plane[i] > largest ? plane[i] : largest;
      }
      out[r] = average ? static_cast<T>(sum / static_cast<double>(area)) : largest;
    }
  });
  return {std::move(y)};
}

}  // namespace

Results run_pooling(const KernelCall& call) {
  const DataType type = call.input(0).type();
  Results results;
  if (type == DataType::s8) return max_pool<std::int8_t>(call);
  if (type == DataType::u8) return max_pool<std::uint8_t>(call);
  with_float_type(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    switch (call.op()) {
      case Op::max_pool:
        results = max_pool<T>(call);
        break;
      case Op::average_pool:
        results = average_pool<T>(call);
        break;
      case Op::lp_pool:
        results = lp_pool<T>(call);
        break;
      default:
        results = global_pool<T>(call);
    }
  });
  return results;
}

}  // namespace jb::host
