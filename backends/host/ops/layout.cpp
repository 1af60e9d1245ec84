// Operators that move elements without computing: any type, by the size of its elements.

#include "backends/core/inference/layout.h"

#include <cstring>

#include "backends/host/ops/strided.h"

namespace jb::host {
namespace {

constexpr std::int64_t kTile = 32;  // 32 x 32 elements of eight bytes lie in the first-level cache

/// Permuted copy where the source walks on with another dimension than the result: both are read
/// and written in tiles.
template <class T>
void copy_tiled(const T* x, const Walk<1>& walk, std::size_t fast, T* y) {
  const std::size_t last = walk.dims.size() - 1;
  const Dims out_strides = dense_strides(walk.dims);
  const std::int64_t rows = walk.dims[fast];
  const std::int64_t cols = walk.dims[last];
  const std::int64_t across = walk.strides[0][last];
  const std::int64_t planes = elements_of(walk.dims) / std::max<std::int64_t>(1, rows * cols);
  const std::int64_t bands = (rows + kTile - 1) / kTile;
  parallel_for(planes * bands, row_grain(kTile * cols), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      std::int64_t from = 0;
      std::int64_t to = 0;
      std::int64_t rest = piece / bands;
      for (std::size_t d = last; d-- > 0;) {
        if (d == fast) continue;
        from += rest % walk.dims[d] * walk.strides[0][d];
        to += rest % walk.dims[d] * out_strides[d];
        rest /= walk.dims[d];
      }
      const std::int64_t r0 = piece % bands * kTile;
      const std::int64_t r1 = std::min(rows, r0 + kTile);
      for (std::int64_t c0 = 0; c0 < cols; c0 += kTile) {
        const std::int64_t c1 = std::min(cols, c0 + kTile);
        for (std::int64_t r = r0; r < r1; ++r) {
          T* const out = y + to + r * out_strides[fast];
          for (std::int64_t c = c0; c < c1; ++c) out[c] = x[from + r + c * across];
        }
      }
    }
  });
}

template <class T>
void copy_elements(const T* x, const Walk<1>& walk, T* y) {
  const std::int64_t stride = walk.stride(0);
  for (std::size_t d = 0; stride != 1 && d + 1 < walk.dims.size(); ++d) {
    if (walk.strides[0][d] == 1 && walk.dims[d] >= 4) return copy_tiled(x, walk, d, y);
  }
  for_each_run(walk,
               [&](std::int64_t at, const std::array<std::int64_t, 1>& from, std::int64_t count) {
                 if (stride == 1) {
                   std::memcpy(y + at, x + from[0], static_cast<std::size_t>(count) * sizeof(T));
                 } else {
                   for (std::int64_t i = 0; i < count; ++i) y[at + i] = x[from[0] + i * stride];
                 }
               });
}

/// Copies `rows` rows of `bytes` each between two pitches (all in bytes).
void copy_rows(const char* from, std::int64_t from_pitch, char* to, std::int64_t to_pitch,
               std::int64_t rows, std::int64_t bytes) {
  if (bytes == 0) return;
  parallel_for(rows, row_grain(bytes), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      std::memcpy(to + r * to_pitch, from + r * from_pitch, static_cast<std::size_t>(bytes));
    }
  });
}

Results concat(const KernelCall& call) {
  Tensor y = call.unwritten();
  const std::int64_t axis =
      call.in.axis(call.in.axis_attribute(0), static_cast<std::int64_t>(y.rank()));
  const AroundAxis around(y.dims(), axis);
  const auto width = static_cast<std::int64_t>(bytes_of(y.type())) * around.inner;
  char* to = static_cast<char*>(y.mutable_raw());
  for (const Tensor* x : call.inputs) {
    const std::int64_t bytes = x->dims()[static_cast<std::size_t>(axis)] * width;
    copy_rows(static_cast<const char*>(x->raw()), bytes, to, around.length * width, around.outer,
              bytes);
    to += bytes;
  }
  return {std::move(y)};
}

Results split(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const std::int64_t axis =
      call.in.axis(call.in.axis_attribute(0), static_cast<std::int64_t>(x.rank()));
  const AroundAxis around(x.dims(), axis);
  const auto width = static_cast<std::int64_t>(bytes_of(x.type())) * around.inner;
  const char* from = static_cast<const char*>(x.raw());
  Results results;
  for (std::size_t o = 0; o < call.outputs.size(); ++o) {
    Tensor part = call.unwritten(o);
    const std::int64_t bytes = part.dims()[static_cast<std::size_t>(axis)] * width;
    copy_rows(from, around.length * width, static_cast<char*>(part.mutable_raw()), bytes,
              around.outer, bytes);
    from += bytes;
    results.push_back(std::move(part));
  }
  return results;
}

Tensor permuted(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const Dims dense = dense_strides(x.dims());
  Dims strides;
  for (const std::int64_t d : inference::permutation(call.in)) {
    strides.push_back(dense[static_cast<std::size_t>(d)]);
  }
  Tensor y = call.unwritten();
  copy_strided(x, 0, y.dims(), strides, y);
  return y;
}

Tensor sliced(const KernelCall& call) {
  const Tensor& x = call.input(0);
  Dims strides = dense_strides(x.dims());
  std::int64_t base = 0;
  const auto ranges = inference::slice_ranges(call.in);
  for (std::size_t d = 0; d < ranges.size(); ++d) {
    if (ranges[d].count == 0) return call.output();
    base += ranges[d].begin * strides[d];
    strides[d] = ranges[d].count == 1 ? 0 : strides[d] * ranges[d].step;
  }
  Tensor y = call.unwritten();
  copy_strided(x, base, y.dims(), strides, y);
  return y;
}

Tensor tiled(const KernelCall& call) {
  const Tensor& x = call.input(0);
  Tensor y = call.output();
  const Dims dense = dense_strides(x.dims());
  Dims sizes;
  Dims strides;
  for (std::size_t d = 0; d < x.rank(); ++d) {
    const std::int64_t size = x.dims()[d];
    sizes.push_back(size > 0 ? y.dims()[d] / size : 0);
    strides.push_back(0);
    sizes.push_back(size);
    strides.push_back(dense[d]);
  }
  copy_strided(x, 0, sizes, strides, y);
  return y;
}

/// Both directions are a permutation of the tensor with its blocks as dimensions of their own.
Tensor blocks_moved(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const std::int64_t b = inference::named_integer(call.node(), "blocksize", 1);
  const std::string mode = inference::named_string(call.node(), "mode", "DCR");
  if (mode != "DCR" && mode != "CRD") call.in.fail_unsupported("mode '{}' is not supported", mode);
  const Dims& d = x.dims();
  Dims sizes;
  std::vector<std::size_t> order;
  if (call.op() == Op::space_to_depth) {
    sizes = {d[0], d[1], d[2] / b, b, d[3] / b, b};
    order = {0, 3, 5, 1, 2, 4};
  } else if (mode == "DCR") {
    sizes = {d[0], b, b, d[1] / (b * b), d[2], d[3]};
    order = {0, 3, 4, 1, 5, 2};
  } else {
    sizes = {d[0], d[1] / (b * b), b, b, d[2], d[3]};
    order = {0, 1, 4, 2, 5, 3};
  }
  const Dims dense = dense_strides(sizes);
  Dims out_sizes;
  Dims strides;
  for (const std::size_t i : order) {
    out_sizes.push_back(sizes[i]);
    strides.push_back(dense[i]);
  }
  Tensor y = call.output();
  copy_strided(x, 0, out_sizes, strides, y);
  return y;
}

Tensor triangle(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const bool upper = inference::named_integer(call.node(), "upper", 1) != 0;
  const std::int64_t k = call.in.has(1) ? call.in.integer(1, "k") : 0;
  Tensor y = call.output();
  const std::int64_t cols = x.dims().back();
  const std::int64_t rows = x.dims()[x.rank() - 2];
  with_element_size(x.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const in = static_cast<const T*>(x.raw());
    T* const out = static_cast<T*>(y.mutable_raw());
    const std::int64_t count = cols > 0 ? x.size() / cols : 0;
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t c = 0; c < cols; ++c) {
        const std::int64_t diagonal = c - r % rows;
        if (upper ? diagonal >= k : diagonal <= k) out[r * cols + c] = in[r * cols + c];
      }
    }
  });
  return y;
}

Results dropout(const KernelCall& call) {
  Results results = {call.input(0)};
  if (call.outputs.size() > 1) {
    Tensor mask = call.output(1);
    for (bool& kept : mask.as_mutable<bool>()) kept = true;
    results.push_back(std::move(mask));
  }
  return results;
}

}  // namespace

void copy_strided(const Tensor& x, std::int64_t base, const Dims& sizes, const Dims& strides,
                  Tensor& y) {
  if (y.size() == 0) return;
  const Walk<1> walk(sizes, {strides});
  with_element_size(x.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_elements(static_cast<const T*>(x.raw()) + base, walk, static_cast<T*>(y.mutable_raw()));
  });
}

Results run_layout(const KernelCall& call) {
  const Tensor& x = call.input(0);
  switch (call.op()) {
    case Op::identity:
    case Op::reshape:
    case Op::flatten:
    case Op::squeeze:
    case Op::unsqueeze:
      return {x.reshaped(call.outputs[0].dims)};
    case Op::dropout:
      return dropout(call);
    case Op::transpose:
      return {permuted(call)};
    case Op::concat:
      return concat(call);
    case Op::split:
      return split(call);
    case Op::slice:
      return {sliced(call)};
    case Op::expand: {
      Tensor y = call.output();
      copy_strided(x, 0, y.dims(), broadcast_strides(x.dims(), y.dims()), y);
      return {std::move(y)};
    }
    case Op::tile:
      return {tiled(call)};
    case Op::trilu:
      return {triangle(call)};
    default:
      return {blocks_moved(call)};
  }
}

Results run_pad(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const auto amounts = inference::pad_amounts(call.in);
  const auto mode = call.node().get<PadAttributes>().mode;
  Tensor y = call.output();
  if (y.size() == 0) return {std::move(y)};
  // For each dimension the source of each position; -1: the padding value.
  std::vector<std::vector<std::int64_t>> source(x.rank());
  for (std::size_t d = 0; d < x.rank(); ++d) {
    const std::int64_t size = x.dims()[d];
    for (std::int64_t o = 0; o < y.dims()[d]; ++o) {
      std::int64_t i = o - amounts[d].before;
      if (i < 0 || i >= size) {
        switch (mode) {
          case PadAttributes::Mode::constant:
            i = -1;
            break;
          case PadAttributes::Mode::edge:
            i = i < 0 ? 0 : size - 1;
            break;
          case PadAttributes::Mode::reflect:
            i = i < 0 ? -i : 2 * (size - 1) - i;
            break;
          case PadAttributes::Mode::wrap:
            i = (i % size + size) % size;
            break;
        }
      }
      source[d].push_back(i);
    }
  }
  const Dims in_strides = dense_strides(x.dims());
  with_element_size(x.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const in = static_cast<const T*>(x.raw());
    T* const out = static_cast<T*>(y.mutable_raw());
    T fill{};
    if (const Tensor* given = call.optional_input(2)) {
      if (given->size() > 0) std::memcpy(&fill, given->raw(), sizeof fill);
    }
    const std::int64_t width = y.rank() > 0 ? y.dims().back() : 1;
    parallel_for(y.size() / width, row_grain(width), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        std::int64_t base = 0;
        std::int64_t rest = r;
        for (std::size_t d = y.rank(); base >= 0 && d-- > 0;) {
          if (d + 1 == y.rank()) continue;
          const std::int64_t i = source[d][static_cast<std::size_t>(rest % y.dims()[d])];
          rest /= y.dims()[d];
          base = i < 0 ? -1 : base + i * in_strides[d];
        }
        for (std::int64_t c = 0; c < width; ++c) {
          const std::int64_t i = y.rank() > 0 ? source.back()[static_cast<std::size_t>(c)] : 0;
          out[r * width + c] = base < 0 || i < 0 ? fill : in[base + i];
        }
      }
    });
  });
  return {std::move(y)};
}

}  // namespace jb::host
