#pragma once
// How products are cut into pieces of work, and the tiles of a piece. Internal to gemm.cpp and
// gemm_segments.cpp.

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "backends/core/gemm.h"
#include "backends/core/gemm_packing.h"
#include "backends/core/kernels.h"
#include "backends/core/threads.h"

namespace jb::tiles {

// Depth of a packed block in words. The order of an element's sum is: over k inside a block in
// registers, then over blocks; it depends on this constant alone.
inline constexpr std::int64_t kDepth = 1024;
// Bytes of A that are packed together: half of a second-level cache of 1 MiB, beside two panels of
// B (the one at work and the next).
inline constexpr std::int64_t kRowBytes = 1 << 19;
// Row panels that share a pass over B at least, however deep they are.
inline constexpr std::int64_t kFewestPanels = 4;
inline constexpr std::size_t kAlign = 64;
// Below this many MACs a product takes less time than waking other threads.
inline constexpr double kSerialMacs = 1e6;

template <class T>
using WordOf = packing::GemmWord<T>;

/// Lines of a packed panel that stand before its first word of k.
template <class T>
constexpr std::int64_t start_rows() {
  return kernels::GemmTypes<T>::kStartRows;
}

/// Micro-kernels of the instruction set in use.
template <class T>
const kernels::GemmKernel<T>& kernel();
template <>
const kernels::GemmKernel<float>& kernel();
template <>
const kernels::GemmKernel<double>& kernel();
template <>
const kernels::GemmKernel<std::int8_t>& kernel();

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class T>
T* aligned_start(std::vector<T>& storage, std::size_t count) {
  if (storage.size() < count + kAlign / sizeof(T)) storage.resize(count + kAlign / sizeof(T));
  const auto address = reinterpret_cast<std::uintptr_t>(storage.data());
  return storage.data() + (kAlign - address % kAlign) % kAlign / sizeof(T);
}

template <class T>
std::int64_t words_in(const PackedMatrix<T>& b) {
  return ceil_div(b.rows(), kernel<T>().group);
}

/// A stretch of one packed matrix: words [first, last) of its k, against A's columns from `col`.
template <class T>
struct Part {
  const PackedMatrix<T>* b;
  std::int64_t first;
  std::int64_t last;
  std::int64_t col;
};

/// One column panel of a packed matrix: its depth blocks follow each other, each led by its start
/// rows.
template <class T>
class Panel {
 public:
  Panel(const PackedMatrix<T>& b, std::int64_t panel)
      : first_(b.data() + panel * b.panel_stride()) {}
  /// The block that starts at word p of k.
  [[nodiscard]] const WordOf<T>* block(std::int64_t p) const noexcept {
    return first_ + p / kDepth * (kDepth + start_rows<T>()) * kernel<T>().nr;
  }

 private:
  const WordOf<T>* first_;
};

/// Calls body(begin, depth) for the depth blocks of a part, in words of its matrix.
template <class T, class F>
void for_blocks(const Part<T>& part, F&& body) {
  for (std::int64_t p = part.first; p < part.last; p += kDepth) {
    body(p, std::min(kDepth, part.last - p));
  }
}

template <class T>
std::int64_t words_of_all(std::span<const Part<T>> parts) {
  std::int64_t words = 0;
  for (const Part<T>& part : parts) words += part.last - part.first;
  return words;
}

/// Packs the elements of one depth block of A (all rows of `a`), row panel after row panel; panel
/// p starts at out + p * mr * depth.
template <class T>
void pack_block(MatrixView<const T> a, std::int64_t depth, WordOf<T>* out) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  thread_local std::vector<WordOf<T>> scratch;
  scratch.resize(static_cast<std::size_t>(micro.mr * kDepth));
  for (std::int64_t row = 0; row < a.rows; row += micro.mr) {
    const std::int64_t height = std::min<std::int64_t>(micro.mr, a.rows - row);
    const MatrixView<const T> rows = a.block(row, 0, height, a.cols);
    if constexpr (std::is_same_v<T, WordOf<T>>) {
      if (a.row_stride == 1) {  // transposed: columns of the panel lie side by side
        for (std::int64_t p = 0; p < depth; ++p) {
          std::copy_n(rows.data + p * a.col_stride, height, out + p * height);
        }
        out += height * depth;
        continue;
      }
    }
    packing::interleave(packing::words_of(rows, depth, micro, scratch.data()), height, depth, out);
    out += height * depth;
  }
}

/// Packs A for all parts: depth block after depth block.
template <class T>
void pack_parts(MatrixView<const T> a, std::span<const Part<T>> parts, WordOf<T>* out) {
  const std::int64_t group = kernel<T>().group;
  for (const Part<T>& part : parts) {
    for_blocks(part, [&](std::int64_t p, std::int64_t depth) {
      const std::int64_t elements = std::min(depth * group, part.b->rows() - p * group);
      pack_block(a.block(0, part.col + p * group, a.rows, elements), depth, out);
      out += a.rows * depth;
    });
  }
}

/// One packed operand B under the tiles of a block of rows of A.
template <class T>
struct TileWork {
  std::int64_t depth;
  const WordOf<T>* a;     ///< packed rows
  const WordOf<T>* b;     ///< block of a panel
  const WordOf<T>* next;  ///< block that will be needed after it, fetched meanwhile; or b

  /// The tile whose first row is `row`. The tiles of the first rows fetch the next block.
  void run(std::int64_t row, std::int64_t height, SumOf<T>* sums, std::int64_t stride,
           bool add) const {
    const kernels::GemmKernel<T>& micro = kernel<T>();
    constexpr std::int64_t kLine = kernels::kPrefetchBytes / sizeof(WordOf<T>);
    const std::int64_t tile = row / micro.mr;
    const WordOf<T>* const fetch = tile * kLine < micro.nr ? next + tile * depth * kLine : b;
    micro.run[height - 1](depth, a + row * depth, b, fetch, sums, stride, add);
  }
};

/// Rows of the product and panels of B that one thread takes as a piece of work.
struct Piece {
  std::int64_t row, rows, first_panel, last_panel;
};

/// Calls body(piece) on several threads for pieces that cover m rows and n columns, of an A of
/// which `words` of k are packed together; chunks of columns begin at multiples of a strip. What is
/// computed does not depend on the cut.
template <class T, class F>
void for_pieces(std::int64_t m, std::int64_t n, std::int64_t words, double macs, F&& body) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t threads = thread_count();
  const std::int64_t row_panels = ceil_div(m, micro.mr);
  const std::int64_t panels = ceil_div(n, micro.nr);
  const std::int64_t group = kStripCols / micro.nr;
  const std::int64_t strips = ceil_div(panels, group);
  const std::int64_t panel_bytes = micro.mr * words * static_cast<std::int64_t>(sizeof(WordOf<T>));
  const std::int64_t most =
      std::max(kFewestPanels, kRowBytes / std::max<std::int64_t>(1, panel_bytes));
  std::int64_t row_blocks = ceil_div(row_panels, most);
  std::int64_t chunks = 1;
  if (row_panels >= 4 * threads) {
    row_blocks = ceil_div(row_blocks, threads) * threads;
  } else {
    // Few rows: threads share the columns, and each packs the rows again.
    chunks = std::min(strips, 2 * threads);
  }
  const std::int64_t pieces = row_blocks * chunks;
  parallel_for(pieces, macs < kSerialMacs ? pieces : 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t block = i / chunks;
      const std::int64_t chunk = i % chunks;
      const std::int64_t row = block * row_panels / row_blocks * micro.mr;
      const std::int64_t end = std::min(m, (block + 1) * row_panels / row_blocks * micro.mr);
      body(Piece{row, end - row, chunk * strips / chunks * group,
                 std::min(panels, (chunk + 1) * strips / chunks * group)});
    }
  });
}

template <class T>
double macs_of(MatrixView<const T> a, std::int64_t n) {
  return static_cast<double>(a.rows) * static_cast<double>(n) * static_cast<double>(a.cols);
}

}  // namespace jb::tiles
