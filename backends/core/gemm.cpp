#include "backends/core/gemm.h"

#include <algorithm>
#include <type_traits>

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
