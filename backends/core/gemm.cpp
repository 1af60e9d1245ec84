#include "backends/core/gemm.h"

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>

#include "backends/core/gemm_packing.h"
#include "backends/core/gemm_tiles.h"
#include "backends/core/kernels.h"
#include "backends/core/threads.h"

namespace jb {
namespace tiles {
namespace {

template <class T>
const kernels::GemmKernel<T>& choose(const kernels::GemmKernel<T>& baseline,
                                     const kernels::GemmKernel<T>& avx2,
                                     const kernels::GemmKernel<T>& avx512) {
  const int level = kernels::isa_level();
  return level == 2 ? avx512 : (level == 1 ? avx2 : baseline);
}

}  // namespace

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

}  // namespace tiles

using namespace tiles;

namespace {

/// Lines of nr words that one panel of b takes.
template <class T>
std::int64_t packed_lines(MatrixView<const T> b) {
  const std::int64_t words = ceil_div(b.rows, kernel<T>().group);
  return words + ceil_div(words, kDepth) * start_rows<T>();
}

/// Packs one column panel of b: depth block after depth block, zeros beyond its last column.
template <class T>
void pack_panel(MatrixView<const T> b, std::int64_t panel, WordOf<T>* target) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t nr = micro.nr;
  const std::int64_t group = micro.group;
  const std::int64_t words = ceil_div(b.rows, group);
  const std::int64_t width = std::min(nr, b.cols - panel * nr);
  for (std::int64_t p = 0; p < words; p += kDepth) {
    const std::int64_t end = std::min(words, p + kDepth);
    if constexpr (start_rows<T>() == 1) {
      const MatrixView<const T> block =
          b.block(p * group, panel * nr, std::min(end * group, b.rows) - p * group, width);
      packing::fill_start(block, micro.offset, target);
      std::fill(target + width, target + nr, WordOf<T>{0});
      target += nr;
    }
    for (std::int64_t q = p; q < end; ++q, target += nr) {
      const std::int64_t count = std::min(group, b.rows - q * group);
      for (std::int64_t j = 0; j < width; ++j) {
        target[j] =
            packing::word_of(&b(q * group, panel * nr + j), b.row_stride, count, micro.group, 0);
      }
      std::fill(target + width, target + nr, WordOf<T>{0});
    }
  }
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

/// Adds or stores a tile of sums.
template <class T>
void store_sums(MatrixView<const T> sums, MatrixView<T> c, bool add) {
  for (std::int64_t i = 0; i < sums.rows; ++i) {
    const T* const row = sums.data + i * sums.row_stride;
    for (std::int64_t j = 0; j < sums.cols; ++j) {
      T& element = c(i, j);
      element = add ? sum_of(element, row[j]) : row[j];
    }
  }
}

/// C's elements of one piece.
template <class T>
void multiply_piece(MatrixView<const T> a, const PackedMatrix<T>& b, MatrixView<SumOf<T>> c,
                    bool accumulate, const Piece& piece) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t words = words_in(b);
  thread_local std::vector<WordOf<T>> storage;
  WordOf<T>* const packed =
      aligned_start(storage, static_cast<std::size_t>(piece.rows * std::min(words, kDepth)));
  alignas(kAlign) SumOf<T> tile[kernels::kMostTileRows * kStripCols];
  for (std::int64_t p = 0; p < words; p += kDepth) {
    const Part<T> part{&b, p, std::min(words, p + kDepth), 0};
    pack_parts<T>(a.block(piece.row, 0, piece.rows, a.cols), {&part, 1}, packed);
    const bool add = accumulate || p > 0;
    for (std::int64_t panel = piece.first_panel; panel < piece.last_panel; ++panel) {
      const WordOf<T>* const block = Panel<T>(b, panel).block(p);
      const bool last = panel + 1 == piece.last_panel;
      const TileWork<T> work{part.last - p, packed, block,
                             last ? block : Panel<T>(b, panel + 1).block(p)};
      const std::int64_t col = panel * micro.nr;
      const std::int64_t width = std::min<std::int64_t>(micro.nr, b.cols() - col);
      const bool direct = c.col_stride == 1 && width == micro.nr;
      for (std::int64_t row = 0; row < piece.rows; row += micro.mr) {
        const std::int64_t height = std::min<std::int64_t>(micro.mr, piece.rows - row);
        if (direct) {
          work.run(row, height, &c(piece.row + row, col), c.row_stride, add);
          continue;
        }
        work.run(row, height, tile, micro.nr, false);
        store_sums<SumOf<T>>({tile, height, width, micro.nr, 1},
                             c.block(piece.row + row, col, height, width), add);
      }
    }
  }
}

template <class T>
void clear(MatrixView<T> c) {
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) = T{0};
  }
}

}  // namespace

template <class T>
std::vector<PackedMatrix<T>> pack_segments(std::span<const MatrixView<const T>> segments) {
  using Word = typename PackedMatrix<T>::Word;
  if (segments.empty()) return {};
  const std::int64_t nr = kernel<T>().nr;
  const std::int64_t cols = segments[0].cols;
  const std::int64_t panels = ceil_div(cols, nr);
  std::vector<std::int64_t> offsets;  // of each segment in a panel
  std::int64_t stride = 0;
  for (const MatrixView<const T>& b : segments) {
    if (b.cols != cols) fail_internal("pack_segments: widths {} and {}", cols, b.cols);
    offsets.push_back(stride);
    stride += packed_lines(b) * nr;
  }
  const auto storage = std::make_shared<std::vector<Word>>();
  Word* const start = aligned_start(*storage, static_cast<std::size_t>(stride * panels));
  parallel_for(panels, 4, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t panel = first; panel < last; ++panel) {
      for (std::size_t s = 0; s < segments.size(); ++s) {
        pack_panel(segments[s], panel, start + panel * stride + offsets[s]);
      }
    }
  });
  std::vector<PackedMatrix<T>> packed(segments.size());
  for (std::size_t s = 0; s < segments.size(); ++s) {
    packed[s].rows_ = segments[s].rows;
    packed[s].cols_ = cols;
    packed[s].storage_ = storage;
    packed[s].data_ = start + offsets[s];
    packed[s].panel_stride_ = stride;
  }
  return packed;
}

template <class T>
std::vector<PackedMatrix<T>> pack_segments(MatrixView<const T> b,
                                           std::span<const std::int64_t> lengths) {
  std::vector<MatrixView<const T>> segments;
  std::int64_t row = 0;
  for (const std::int64_t length : lengths) {
    segments.push_back(b.block(row, 0, length, b.cols));
    row += length;
  }
  if (row != b.rows) fail_internal("pack_segments: lengths of {} for {} rows", row, b.rows);
  return pack_segments<T>(segments);
}

template <class T>
PackedMatrix<T>::PackedMatrix(MatrixView<const T> b)
    : PackedMatrix(std::move(pack_segments<T>(std::span(&b, 1))[0])) {}

template <class T>
void gemm(MatrixView<const T> a, const PackedMatrix<T>& b, MatrixView<SumOf<T>> c,
          bool accumulate) {
  if (a.cols != b.rows() || c.rows != a.rows || c.cols != b.cols()) {
    fail_internal("gemm: {} x {} times {} x {} into {} x {}", a.rows, a.cols, b.rows(), b.cols(),
                  c.rows, c.cols);
  }
  if (c.empty()) return;
  if (a.cols == 0) {
    if (!accumulate) clear(c);
    return;
  }
  for_pieces<T>(c.rows, c.cols, std::min(words_in(b), kDepth), macs_of(a, c.cols),
                [&](const Piece& piece) { multiply_piece(a, b, c, accumulate, piece); });
}

template <class T>
void gemm(MatrixView<const T> a, MatrixView<const T> b, MatrixView<SumOf<T>> c, bool accumulate) {
  gemm(a, PackedMatrix<T>(b), c, accumulate);
}

template std::vector<PackedMatrix<float>> pack_segments(std::span<const MatrixView<const float>>);
template std::vector<PackedMatrix<float>> pack_segments(MatrixView<const float>,
                                                        std::span<const std::int64_t>);
template std::vector<PackedMatrix<double>> pack_segments(std::span<const MatrixView<const double>>);
template std::vector<PackedMatrix<double>> pack_segments(MatrixView<const double>,
                                                         std::span<const std::int64_t>);
template std::vector<PackedMatrix<std::int8_t>> pack_segments(
    std::span<const MatrixView<const std::int8_t>>);
template std::vector<PackedMatrix<std::int8_t>> pack_segments(MatrixView<const std::int8_t>,
                                                              std::span<const std::int64_t>);
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
}  // namespace jb
