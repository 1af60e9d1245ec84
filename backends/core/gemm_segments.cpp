#include <algorithm>
#include <span>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/gemm.h"
#include "backends/core/gemm_tiles.h"

namespace jb {

using namespace tiles;

namespace {

/// The strips of one piece. Panels [first, last) of every part begin at multiples of a strip's
/// width.
template <class T>
void multiply_strips(MatrixView<const T> a, std::span<const Part<T>> parts, const Piece& piece,
                     SumSink<T> sink) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t cols = parts[0].b->cols();
  const std::int64_t group = kStripCols / micro.nr;
  thread_local std::vector<WordOf<T>> storage;
  WordOf<T>* const packed =
      aligned_start(storage, static_cast<std::size_t>(piece.rows * words_of_all(parts)));
  pack_parts(a.block(piece.row, 0, piece.rows, a.cols), parts, packed);
  static_assert(kStripRows >= kernels::kMostTileRows);
  alignas(kAlign) SumOf<T> strip[kStripRows * kStripCols];
  for (std::int64_t first = piece.first_panel; first < piece.last_panel; first += group) {
    const std::int64_t last = std::min(first + group, piece.last_panel);
    const std::int64_t col = first * micro.nr;
    const std::int64_t width = std::min(kStripCols, cols - col);
    for (std::int64_t row = 0; row < piece.rows; row += micro.mr) {
      const std::int64_t height = std::min<std::int64_t>(micro.mr, piece.rows - row);
      const WordOf<T>* a_block = packed;
      for (std::size_t s = 0; s < parts.size(); ++s) {
        const Part<T>& part = parts[s];
        if (part.first == part.last) std::fill_n(strip, height * kStripCols, SumOf<T>{0});
        for_blocks(part, [&](std::int64_t p, std::int64_t depth) {
          for (std::int64_t panel = first; panel < last; ++panel) {
            const WordOf<T>* const block = Panel<T>(*part.b, panel).block(p);
            const bool end = panel + group >= piece.last_panel;
            const TileWork<T> work{depth, a_block, block,
                                   end ? block : Panel<T>(*part.b, panel + group).block(p)};
            work.run(row, height, strip + (panel - first) * micro.nr, kStripCols, p > part.first);
          }
          a_block += piece.rows * depth;
        });
        sink({static_cast<std::int64_t>(s),
              piece.row + row,
              col,
              {strip, height, width, kStripCols, 1}});
      }
    }
  }
}

}  // namespace

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
  const std::int64_t n = segments[0].cols();
  for_pieces<T>(a.rows, n, words_of_all<T>(parts), macs_of(a, n),
                [&](const Piece& piece) { multiply_strips<T>(a, parts, piece, sink); });
}

template void gemm_segments<float>(MatrixView<const float>, std::span<const PackedMatrix<float>>,
                                   SumSink<float>);
template void gemm_segments<double>(MatrixView<const double>, std::span<const PackedMatrix<double>>,
                                    SumSink<double>);
template void gemm_segments<std::int8_t>(MatrixView<const std::int8_t>,
                                         std::span<const PackedMatrix<std::int8_t>>,
                                         SumSink<std::int8_t>);

}  // namespace jb
