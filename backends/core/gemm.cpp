#include "backends/core/gemm.h"

#include <algorithm>
#include <type_traits>

#include "backends/core/gemm_packing.h"
#include "backends/core/kernels.h"
#include "backends/core/threads.h"

namespace jb {
namespace {

// Depth of a packed block in words. The order of an element's sum is: over k inside a block in
// registers, then over blocks; it depends on this constant (and kSuperDepth) alone.
constexpr std::int64_t kDepth = 256;
// Words of k that plain products form in one go; sums of such stretches are added in C.
constexpr std::int64_t kSuperDepth = 4 * kDepth;
// Bytes of A that are packed together: most of a second-level cache of 1 MiB.
constexpr std::int64_t kRowBytes = 3 << 18;
constexpr std::size_t kAlign = 64;
// Elements that are copied in line; a call would cost as much as the copy of a strip's row.
constexpr std::int64_t kCopy = 8;
// Below this many MACs a product takes less time than waking other threads.
constexpr double kSerialMacs = 1e6;

template <class T>
using WordOf = packing::GemmWord<T>;

/// Lines of a packed panel that stand before its first word of k.
template <class T>
constexpr std::int64_t start_rows() {
  return kernels::GemmTypes<T>::kStartRows;
}

template <class T>
const kernels::GemmKernel<T>& choose(const kernels::GemmKernel<T>& baseline,
                                     const kernels::GemmKernel<T>& avx2,
                                     const kernels::GemmKernel<T>& avx512) {
  const int level = kernels::isa_level();
  return level == 2 ? avx512 : (level == 1 ? avx2 : baseline);
}

template <class T>
const kernels::GemmKernel<T>& kernel();

template <>
const kernels::GemmKernel<float>& kernel() {
  static const auto& chosen =
      choose(kernels::baseline::kGemmFloat, kernels::avx2::kGemmFloat, kernels::avx512::kGemmFloat);
  return chosen;
}

template <>
const kernels::GemmKernel<double>& kernel() {
  static const auto& chosen = choose(kernels::baseline::kGemmDouble, kernels::avx2::kGemmDouble,
                                     kernels::avx512::kGemmDouble);
  return chosen;
}

template <>
const kernels::GemmKernel<std::int8_t>& kernel() {
  static const bool vnni = __builtin_cpu_supports("avx512vnni") != 0;
  static const auto& chosen =
      choose(kernels::baseline::kGemmBytes, kernels::avx2::kGemmBytes,
             vnni ? kernels::avx512::kGemmBytesVnni : kernels::avx512::kGemmBytes);
  return chosen;
}

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class T>
T* aligned_start(std::vector<T>& storage, std::size_t count) {
  if (storage.size() < count + kAlign / sizeof(T)) storage.resize(count + kAlign / sizeof(T));
  const auto address = reinterpret_cast<std::uintptr_t>(storage.data());
  return storage.data() + (kAlign - address % kAlign) % kAlign / sizeof(T);
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
  Panel(const PackedMatrix<T>& b, std::int64_t panel) {
    const std::int64_t words = ceil_div(b.rows(), kernel<T>().group);
    const std::int64_t lines = words + ceil_div(words, kDepth) * start_rows<T>();
    first_ = b.data() + panel * lines * kernel<T>().nr;
  }
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

/// Packs A for all parts: depth block after depth block, row panel after row panel.
template <class T>
void pack_rows(MatrixView<const T> a, std::span<const Part<T>> parts, WordOf<T>* out) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  thread_local std::vector<WordOf<T>> scratch;
  scratch.resize(static_cast<std::size_t>(micro.mr * kDepth));
  for (const Part<T>& part : parts) {
    for_blocks(part, [&](std::int64_t p, std::int64_t depth) {
      const std::int64_t elements = std::min(depth * micro.group, part.b->rows() - p * micro.group);
      const std::int64_t col = part.col + (p - part.first) * micro.group;
      for (std::int64_t row = 0; row < a.rows; row += micro.mr) {
        const std::int64_t height = std::min<std::int64_t>(micro.mr, a.rows - row);
        const auto words =
            packing::words_of(a.block(row, col, height, elements), depth, micro, scratch.data());
        packing::interleave(words, height, depth, micro.mr, out);
        out += micro.mr * depth;
      }
    });
  }
}

/// One piece: rows of `a` (rows of the product from `first_row`) against panels
/// [first_panel, last_panel) of every part.
template <class T>
void multiply_piece(MatrixView<const T> a, std::span<const Part<T>> parts, std::int64_t first_row,
                    std::int64_t first_panel, std::int64_t last_panel, SumSink<T> sink) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t cols = parts[0].b->cols();
  const std::int64_t padded_rows = ceil_div(a.rows, micro.mr) * micro.mr;
  std::int64_t words = 0;
  for (const Part<T>& part : parts) words += part.last - part.first;
  thread_local std::vector<WordOf<T>> storage;
  WordOf<T>* const packed = aligned_start(storage, static_cast<std::size_t>(padded_rows * words));
  pack_rows(a, parts, packed);
  alignas(kAlign) SumOf<T> strip[kStripRows * kStripCols];
  for (std::int64_t panel = first_panel; panel < last_panel; ++panel) {
    const std::int64_t col = panel * micro.nr;
    const std::int64_t width = std::min<std::int64_t>(micro.nr, cols - col);
    const WordOf<T>* a_block = packed;
    for (std::size_t s = 0; s < parts.size(); ++s) {
      const Part<T>& part = parts[s];
      if (part.first == part.last) std::fill_n(strip, padded_rows * micro.nr, SumOf<T>{0});
      const Panel<T> b_panel(*part.b, panel);
      for_blocks(part, [&](std::int64_t p, std::int64_t depth) {
        const WordOf<T>* const block = b_panel.block(p);
        for (std::int64_t row = 0; row < padded_rows; row += micro.mr) {
          micro.run(depth, a_block + row * depth, block, strip + row * micro.nr, p > part.first);
        }
        a_block += padded_rows * depth;
      });
      sink({static_cast<std::int64_t>(s), first_row, col, {strip, a.rows, width, micro.nr, 1}});
    }
  }
}

/// How a product is cut into pieces of work; what is computed does not depend on it.
struct Cut {
  std::int64_t row_panels;
  std::int64_t row_blocks;  // of nearly equal size
  std::int64_t panels;
  std::int64_t col_chunks;
};

template <class T>
Cut cut_product(std::int64_t m, std::int64_t n, std::int64_t words) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t threads = thread_count();
  const std::int64_t panel_bytes =
      micro.mr * std::max<std::int64_t>(1, words) * static_cast<std::int64_t>(sizeof(WordOf<T>));
  const std::int64_t most =
      std::clamp<std::int64_t>(kRowBytes / panel_bytes, 2, kStripRows / micro.mr);
  Cut cut{ceil_div(m, micro.mr), 0, ceil_div(n, micro.nr), 1};
  cut.row_blocks = ceil_div(cut.row_panels, most);
  if (cut.row_panels >= 4 * threads) {
    cut.row_blocks = ceil_div(cut.row_blocks, threads) * threads;
  } else {
    // Few rows: threads share the columns, and each packs the rows again.
    cut.col_chunks = std::min(cut.panels, 2 * threads);
  }
  return cut;
}

/// All strips of the product of A with the parts.
template <class T>
void run_strips(MatrixView<const T> a, std::span<const Part<T>> parts, SumSink<T> sink) {
  const std::int64_t mr = kernel<T>().mr;
  const std::int64_t n = parts[0].b->cols();
  std::int64_t words = 0;
  for (const Part<T>& part : parts) words += part.last - part.first;
  const Cut cut = cut_product<T>(a.rows, n, words);
  const double macs =
      static_cast<double>(a.rows) * static_cast<double>(n) * static_cast<double>(a.cols);
  const std::int64_t pieces = cut.row_blocks * cut.col_chunks;
  parallel_for(pieces, macs < kSerialMacs ? pieces : 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t piece = first; piece < last; ++piece) {
      const std::int64_t block = piece / cut.col_chunks;
      const std::int64_t chunk = piece % cut.col_chunks;
      const std::int64_t row = block * cut.row_panels / cut.row_blocks * mr;
      const std::int64_t end = std::min(a.rows, (block + 1) * cut.row_panels / cut.row_blocks * mr);
      multiply_piece(a.block(row, 0, end - row, a.cols), parts, row,
                     chunk * cut.panels / cut.col_chunks, (chunk + 1) * cut.panels / cut.col_chunks,
                     sink);
    }
  });
}

template <class T>
std::int64_t words_in(const PackedMatrix<T>& b) {
  return ceil_div(b.rows(), kernel<T>().group);
}

/// x + y; integers wrap.
template <class T>
T sum_of(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(x) +
                          static_cast<std::make_unsigned_t<T>>(y));
  } else {
    return x + y;
  }
}

/// Adds or stores a strip.
template <class T>
void store_strip(MatrixView<const T> strip, MatrixView<T> c, bool add) {
  for (std::int64_t i = 0; i < strip.rows; ++i) {
    const T* const row = strip.data + i * strip.row_stride;
    T* const target = c.data + i * c.row_stride;
    if (c.col_stride == 1 && add) {
      for (std::int64_t j = 0; j < c.cols; ++j) target[j] = sum_of(target[j], row[j]);
    } else if (c.col_stride == 1) {
      std::int64_t j = 0;
      for (; j + kCopy <= c.cols; j += kCopy) std::copy_n(row + j, kCopy, target + j);
      std::copy_n(row + j, c.cols - j, target + j);
    } else {
      for (std::int64_t j = 0; j < c.cols; ++j) {
        T& element = target[j * c.col_stride];
        element = add ? sum_of(element, row[j]) : row[j];
      }
    }
  }
}

}  // namespace

template <class T>
PackedMatrix<T>::PackedMatrix(MatrixView<const T> b) : rows_(b.rows), cols_(b.cols) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t nr = micro.nr;
  const std::int64_t group = micro.group;
  const std::int64_t panels = ceil_div(cols_, nr);
  const std::int64_t words = ceil_div(rows_, group);
  const std::int64_t lines = words + ceil_div(words, kDepth) * start_rows<T>();
  Word* const start = aligned_start(storage_, static_cast<std::size_t>(lines * panels * nr));
  offset_ = static_cast<std::size_t>(start - storage_.data());
  parallel_for(panels, 4, [&](std::int64_t first, std::int64_t last) {
    Word* target = start + first * lines * nr;
    for (std::int64_t panel = first; panel < last; ++panel) {
      const std::int64_t width = std::min(nr, cols_ - panel * nr);
      for (std::int64_t p = 0; p < words; p += kDepth) {
        const std::int64_t end = std::min(words, p + kDepth);
        if constexpr (start_rows<T>() == 1) {
          const MatrixView<const T> block =
              b.block(p * group, panel * nr, std::min(end * group, rows_) - p * group, width);
          packing::fill_start(block, micro.offset, target);
          std::fill(target + width, target + nr, Word{0});
          target += nr;
        }
        for (std::int64_t q = p; q < end; ++q, target += nr) {
          const std::int64_t count = std::min(group, rows_ - q * group);
          for (std::int64_t j = 0; j < width; ++j) {
            target[j] = packing::word_of(&b(q * group, panel * nr + j), b.row_stride, count,
                                         micro.group, 0);
          }
          std::fill(target + width, target + nr, Word{0});
        }
      }
    }
  });
}

template <class T>
void gemm(MatrixView<const T> a, const PackedMatrix<T>& b, MatrixView<SumOf<T>> c,
          bool accumulate) {
  if (a.cols != b.rows() || c.rows != a.rows || c.cols != b.cols()) {
    fail_internal("gemm: {} x {} times {} x {} into {} x {}", a.rows, a.cols, b.rows(), b.cols(),
                  c.rows, c.cols);
  }
  if (c.empty() || (accumulate && a.cols == 0)) return;
  const std::int64_t words = words_in(b);
  std::int64_t begin = 0;
  do {
    const Part<T> part{&b, begin, std::min(words, begin + kSuperDepth), begin * kernel<T>().group};
    const bool add = accumulate || begin > 0;
    const auto store = [&](const SumStrip<T>& strip) {
      store_strip<SumOf<T>>(strip.sums,
                            c.block(strip.row, strip.col, strip.sums.rows, strip.sums.cols), add);
    };
    run_strips<T>(a, {&part, 1}, store);
    begin += kSuperDepth;
  } while (begin < words);
}

template <class T>
void gemm(MatrixView<const T> a, MatrixView<const T> b, MatrixView<SumOf<T>> c, bool accumulate) {
  gemm(a, PackedMatrix<T>(b), c, accumulate);
}

template <class T>
void gemm_segments(MatrixView<const T> a, std::span<const PackedMatrix<T>> segments,
                   SumSink<T> sink) {
  std::vector<Part<T>> parts;
  std::int64_t col = 0;
  for (const PackedMatrix<T>& b : segments) {
    if (b.cols() != segments[0].cols()) {
      fail_internal("gemm_segments: widths {} and {}", segments[0].cols(), b.cols());
    }
    parts.push_back({&b, 0, words_in(b), col});
    col += b.rows();
  }
  if (a.cols != col) fail_internal("gemm_segments: {} columns for {} rows", a.cols, col);
  if (parts.empty() || a.rows == 0 || segments[0].cols() == 0) return;
  run_strips<T>(a, parts, sink);
}

template class PackedMatrix<float>;
template class PackedMatrix<double>;
template class PackedMatrix<std::int8_t>;
template void gemm<float>(MatrixView<const float>, const PackedMatrix<float>&, MatrixView<float>,
                          bool);
template void gemm<double>(MatrixView<const double>, const PackedMatrix<double>&,
                           MatrixView<double>, bool);
template void gemm<std::int8_t>(MatrixView<const std::int8_t>, const PackedMatrix<std::int8_t>&,
                                MatrixView<std::int32_t>, bool);
template void gemm<float>(MatrixView<const float>, MatrixView<const float>, MatrixView<float>,
                          bool);
template void gemm<double>(MatrixView<const double>, MatrixView<const double>, MatrixView<double>,
                           bool);
template void gemm<std::int8_t>(MatrixView<const std::int8_t>, MatrixView<const std::int8_t>,
                                MatrixView<std::int32_t>, bool);
template void gemm_segments<float>(MatrixView<const float>, std::span<const PackedMatrix<float>>,
                                   SumSink<float>);
template void gemm_segments<double>(MatrixView<const double>, std::span<const PackedMatrix<double>>,
                                    SumSink<double>);
template void gemm_segments<std::int8_t>(MatrixView<const std::int8_t>,
                                         std::span<const PackedMatrix<std::int8_t>>,
                                         SumSink<std::int8_t>);

}  // namespace jb
