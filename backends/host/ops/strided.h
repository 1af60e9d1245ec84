#pragma once
// Walking over one to three tensors that are broadcast, sliced or permuted to the sizes of a
// result.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "backends/core/tensor.h"
#include "backends/core/threads.h"
#include "backends/host/ops/kernel_call.h"

namespace jb::host {

/// Strides in elements of a dense row-major tensor.
inline Dims dense_strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t d = dims.size(); d-- > 1;) strides[d - 1] = strides[d] * dims[d];
  return strides;
}

/// Strides of `dims` broadcast to `result`: 0 where a size is repeated.
inline Dims broadcast_strides(const Dims& dims, const Dims& result) {
  const Dims dense = dense_strides(dims);
  Dims strides(result.size(), 0);
  const std::size_t ahead = result.size() - dims.size();
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] != 1) strides[d + ahead] = dense[d];
  }
  return strides;
}

/// The result's sizes and each operand's strides, with dimensions merged where all walk on evenly.
template <std::size_t N>
struct Walk {
  Dims dims;
  std::array<Dims, N> strides;

  Walk(const Dims& sizes, const std::array<Dims, N>& given) {
    for (std::size_t d = 0; d < sizes.size(); ++d) {
      if (sizes[d] == 1) continue;
      bool merges = !dims.empty();
      for (std::size_t i = 0; merges && i < N; ++i) {
        merges = strides[i].back() == given[i][d] * sizes[d];
      }
      if (merges) {
        dims.back() *= sizes[d];
        for (std::size_t i = 0; i < N; ++i) strides[i].back() = given[i][d];
      } else {
        dims.push_back(sizes[d]);
        for (std::size_t i = 0; i < N; ++i) strides[i].push_back(given[i][d]);
      }
    }
    if (dims.empty()) {
      dims = {1};
      for (Dims& s : strides) s = {0};
    }
  }

  [[nodiscard]] std::int64_t stride(std::size_t i) const { return strides[i].back(); }
};

/// Calls row(result offset, operand offsets, count) for runs along the last dimension, in parallel.
template <std::size_t N, class Row>
void for_each_run(const Walk<N>& walk, Row row) {
  const std::int64_t total = elements_of(walk.dims);
  const std::int64_t length = walk.dims.back();
  const std::size_t outer = walk.dims.size() - 1;
  parallel_for(total, kElementGrain, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t along = begin % length;
    Dims index(outer);
    std::array<std::int64_t, N> offset{};
    std::int64_t rest = begin / length;
    for (std::size_t d = outer; d-- > 0;) {
      index[d] = rest % walk.dims[d];
      rest /= walk.dims[d];
      for (std::size_t i = 0; i < N; ++i) offset[i] += index[d] * walk.strides[i][d];
    }
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t count = std::min(length - along, end - at);
      std::array<std::int64_t, N> from = offset;
      for (std::size_t i = 0; i < N; ++i) from[i] += along * walk.strides[i][outer];
      row(at, from, count);
      at += count;
      along = 0;
      for (std::size_t d = outer; d-- > 0;) {
        for (std::size_t i = 0; i < N; ++i) offset[i] += walk.strides[i][d];
        if (++index[d] < walk.dims[d]) break;
        for (std::size_t i = 0; i < N; ++i) offset[i] -= walk.dims[d] * walk.strides[i][d];
        index[d] = 0;
      }
    }
  });
}

/// y[result order] = x[base + strides]: slices, permutations, repetitions.
void copy_strided(const Tensor& x, std::int64_t base, const Dims& sizes, const Dims& strides,
                  Tensor& y);

}  // namespace jb::host
