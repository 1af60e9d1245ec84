#pragma once
// Rearranging operands into the panels that the micro-kernels read. Internal to gemm.cpp.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "backends/core/kernels.h"
#include "backends/core/matrix.h"

namespace jb::packing {

template <class T>
using GemmWord = typename kernels::GemmTypes<T>::Word;

/// Word of the elements x[0], x[stride], ... (`count` of them, at most a group), zeros beyond.
template <class T>
GemmWord<T> word_of(const T* x, std::int64_t stride, std::int64_t count, int group, int offset) {
  if constexpr (std::is_same_v<T, std::int8_t>) {
    const int bits = 32 / group;
    const std::uint32_t mask = bits == 8 ? 0xFFU : 0xFFFFU;
    std::uint32_t word = 0;
    for (std::int64_t e = 0; e < count; ++e) {
      const auto value = static_cast<std::uint32_t>(x[e * stride] + offset);
      word |= (value & mask) << (static_cast<int>(e) * bits);
    }
    return word;
  } else {
    return *x;
  }
}

/// What sums of bytes start from: minus `offset` times the sum of each column of a block of B.
inline void fill_start(MatrixView<const std::int8_t> b, int offset, std::uint32_t* start) {
  for (std::int64_t j = 0; j < b.cols; ++j) {
    std::int32_t sum = 0;
    for (std::int64_t l = 0; l < b.rows; ++l) sum += b(l, j);
    start[j] = static_cast<std::uint32_t>(-offset * sum);
  }
}

/// Where the words of one row panel of A come from: rows of words `stride` apart.
template <class Word>
struct WordRows {
  const Word* data;
  std::int64_t stride;
};

/// The words of `a` (elements of one depth block), taken in place where they lie side by side.
template <class T>
WordRows<GemmWord<T>> words_of(MatrixView<const T> a, std::int64_t depth,
                               const kernels::GemmKernel<T>& micro, GemmWord<T>* scratch) {
  if constexpr (!std::is_same_v<T, std::int8_t>) {
    if (a.col_stride == 1) return {a.data, a.row_stride};
  }
  const std::int64_t group = micro.group;
  for (std::int64_t i = 0; i < a.rows; ++i) {
    const T* const row = a.data + i * a.row_stride;
    GemmWord<T>* const out = scratch + i * depth;
    std::int64_t q = 0;
    if constexpr (std::is_same_v<T, std::int8_t>) {
      if (group == 4 && a.col_stride == 1) {
        std::memcpy(out, row, static_cast<std::size_t>(a.cols / 4 * 4));
        // Adding 128 to a byte modulo 256 turns its highest bit.
        for (; q < a.cols / 4; ++q) out[q] ^= 0x80808080U;
      }
    }
    for (; q < depth; ++q) {
      out[q] = word_of(row + q * group * a.col_stride, a.col_stride,
                       std::min(group, a.cols - q * group), micro.group, micro.offset);
    }
  }
  return {scratch, depth};
}

/// Interleaves four rows of words into a panel: out[p * height + i] = row i, word p.
template <class Word>
void interleave_four(WordRows<Word> rows, std::int64_t depth, std::int64_t height, Word* out) {
  typedef Word Four
      __attribute__((vector_size(4 * sizeof(Word)), aligned(alignof(Word)), may_alias));
  const Word* const r0 = rows.data;
  const Word* const r1 = r0 + rows.stride;
  const Word* const r2 = r1 + rows.stride;
  const Word* const r3 = r2 + rows.stride;
  std::int64_t p = 0;
  for (; p + 4 <= depth; p += 4, out += 4 * height) {
    const Four a = *reinterpret_cast<const Four*>(r0 + p);
    const Four b = *reinterpret_cast<const Four*>(r1 + p);
    const Four c = *reinterpret_cast<const Four*>(r2 + p);
    const Four d = *reinterpret_cast<const Four*>(r3 + p);
    const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *reinterpret_cast<Four*>(out) = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *reinterpret_cast<Four*>(out + height) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *reinterpret_cast<Four*>(out + 2 * height) =
        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *reinterpret_cast<Four*>(out + 3 * height) =
        __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
  }
  for (; p < depth; ++p, out += height) {
    out[0] = r0[p];
    out[1] = r1[p];
    out[2] = r2[p];
    out[3] = r3[p];
  }
}

/// Interleaves `height` rows of words into one panel: out[p * height + i] = row i, word p.
template <class Word>
void interleave(WordRows<Word> rows, std::int64_t height, std::int64_t depth, Word* out) {
  if (height >= 4) {
    for (std::int64_t i = 0; i + 4 <= height; i += 4) {
      interleave_four<Word>({rows.data + i * rows.stride, rows.stride}, depth, height, out + i);
    }
    // The last four again where the height is no multiple: some rows twice, with the same words.
    if (height % 4 != 0) {
      const std::int64_t i = height - 4;
      interleave_four<Word>({rows.data + i * rows.stride, rows.stride}, depth, height, out + i);
    }
    return;
  }
  for (std::int64_t i = 0; i < height; ++i) {
    const Word* const row = rows.data + i * rows.stride;
    for (std::int64_t p = 0; p < depth; ++p) out[p * height + i] = row[p];
  }
}

}  // namespace jb::packing
