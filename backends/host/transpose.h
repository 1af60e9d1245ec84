#pragma once
// Blocks of a matrix written the other way round.

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace jb::host {

namespace detail {

using Four = float __attribute__((vector_size(16)));

inline Four load_four(const float* p) noexcept {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// A 4 x 4 block in registers of the smallest instruction set.
inline void transpose_four(const float* from, std::int64_t from_stride, float* to,
                           std::int64_t to_stride) noexcept {
  const Four r0 = load_four(from);
  const Four r1 = load_four(from + from_stride);
  const Four r2 = load_four(from + 2 * from_stride);
  const Four r3 = load_four(from + 3 * from_stride);
  const Four low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
  const Four high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const Four low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
  const Four high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  const Four columns[4] = {__builtin_shufflevector(low01, low23, 0, 1, 4, 5),
                           __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
                           __builtin_shufflevector(high01, high23, 0, 1, 4, 5),
                           __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  for (int j = 0; j < 4; ++j) std::memcpy(to + j * to_stride, &columns[j], sizeof(Four));
}

}  // namespace detail

/// to[j * to_stride + i] = from[i * from_stride + j] for i < rows, j < cols. For blocks that lie in
/// the first-level cache.
template <class T>
void transpose(const T* from, std::int64_t from_stride, std::int64_t rows, std::int64_t cols, T* to,
               std::int64_t to_stride) noexcept {
  std::int64_t i = 0;
  if constexpr (std::is_same_v<T, float>) {
    for (; i + 4 <= rows; i += 4) {
      std::int64_t j = 0;
      for (; j + 4 <= cols; j += 4) {
        detail::transpose_four(from + i * from_stride + j, from_stride, to + j * to_stride + i,
                               to_stride);
      }
      for (; j < cols; ++j) {
        for (std::int64_t l = i; l < i + 4; ++l) to[j * to_stride + l] = from[l * from_stride + j];
      }
    }
  }
  for (; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) to[j * to_stride + i] = from[i * from_stride + j];
  }
}

}  // namespace jb::host
