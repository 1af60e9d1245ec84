#include "backends/core/gemm.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "backends/core/kernels.h"
#include "backends/core/threads.h"

namespace jb {
namespace {

// Depth of a packed block. The order of an element's sum is: over k inside a block in registers,
// then over blocks in C; it depends on this constant alone.
constexpr std::int64_t kDepth = 256;
// Row panels of A that are packed together (they stay in L2 while B's panels pass through L1).
constexpr std::int64_t kRowPanels = 12;
// Column panels of one piece of work when there are too few row blocks to share among threads.
constexpr std::int64_t kColPanels = 8;
constexpr std::size_t kAlign = 64;
// Below this many MACs a product takes less time than waking other threads.
constexpr double kSerialMacs = 1e6;

template <class T>
const kernels::GemmKernel<T>& kernel() {
  static const kernels::GemmKernel<T>* const chosen = [] {
    if constexpr (std::is_same_v<T, float>) {
      switch (kernels::isa_level()) {
        case 2:
          return &kernels::avx512::kGemmFloat;
        case 1:
          return &kernels::avx2::kGemmFloat;
        default:
          return &kernels::baseline::kGemmFloat;
      }
    } else {
      switch (kernels::isa_level()) {
        case 2:
          return &kernels::avx512::kGemmDouble;
        case 1:
          return &kernels::avx2::kGemmDouble;
        default:
          return &kernels::baseline::kGemmDouble;
      }
    }
  }();
  return *chosen;
}

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class T>
T* aligned_start(std::vector<T>& storage, std::size_t count) {
  storage.resize(count + kAlign / sizeof(T));
  const auto address = reinterpret_cast<std::uintptr_t>(storage.data());
  return storage.data() + (kAlign - address % kAlign) % kAlign / sizeof(T);
}

/// Copies rows x depth of `a` into panels of `mr` rows, k-major, padded with zeros.
template <class T>
void pack_rows(MatrixView<const T> a, int mr, T* out) {
  for (std::int64_t first = 0; first < a.rows; first += mr) {
    const std::int64_t height = std::min<std::int64_t>(mr, a.rows - first);
    for (std::int64_t i = 0; i < mr; ++i) {
      T* target = out + i;
      if (i >= height) {
        for (std::int64_t p = 0; p < a.cols; ++p) target[p * mr] = T{0};
        continue;
      }
      const T* source = a.data + (first + i) * a.row_stride;
      for (std::int64_t p = 0; p < a.cols; ++p) target[p * mr] = source[p * a.col_stride];
    }
    out += mr * a.cols;
  }
}

/// Adds or stores the valid part of a register tile.
template <class T>
void store_tile(const T* tile, int nr, MatrixView<T> c, bool add) {
  for (std::int64_t i = 0; i < c.rows; ++i) {
    const T* row = tile + i * nr;
    T* target = c.data + i * c.row_stride;
    if (c.col_stride == 1) {
      if (add) {
        for (std::int64_t j = 0; j < c.cols; ++j) target[j] += row[j];
      } else {
        std::copy_n(row, c.cols, target);
      }
    } else {
      for (std::int64_t j = 0; j < c.cols; ++j) {
        T& element = target[j * c.col_stride];
        element = add ? element + row[j] : row[j];
      }
    }
  }
}

/// One piece: rows of `a` against panels [first_panel, last_panel) of B, over all of k.
template <class T>
void multiply_piece(MatrixView<const T> a, const PackedMatrix<T>& b, MatrixView<T> c,
                    std::int64_t first_panel, std::int64_t last_panel, bool accumulate) {
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t panels = ceil_div(b.cols(), micro.nr);
  thread_local std::vector<T> storage;
  T* const packed = aligned_start(
      storage, static_cast<std::size_t>(ceil_div(a.rows, micro.mr) * micro.mr * kDepth));
  alignas(kAlign) T tile[14 * 32];
  for (std::int64_t p = 0; p < a.cols; p += kDepth) {
    const std::int64_t depth = std::min(kDepth, a.cols - p);
    pack_rows(a.block(0, p, a.rows, depth), micro.mr, packed);
    for (std::int64_t panel = first_panel; panel < last_panel; ++panel) {
      const T* const b_panel = b.data() + p * panels * micro.nr + panel * micro.nr * depth;
      const std::int64_t col = panel * micro.nr;
      const std::int64_t width = std::min<std::int64_t>(micro.nr, b.cols() - col);
      for (std::int64_t row = 0; row < a.rows; row += micro.mr) {
        micro.run(depth, packed + row * depth, b_panel, tile);
        const std::int64_t height = std::min<std::int64_t>(micro.mr, a.rows - row);
        store_tile(tile, micro.nr, c.block(row, col, height, width), accumulate || p > 0);
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
  const int nr = kernel<T>().nr;
  const std::int64_t panels = ceil_div(cols_, nr);
  T* const start = aligned_start(storage_, static_cast<std::size_t>(rows_ * panels * nr));
  offset_ = static_cast<std::size_t>(start - storage_.data());
  for (std::int64_t p = 0; p < rows_; p += kDepth) {
    const std::int64_t depth = std::min(kDepth, rows_ - p);
    T* const block = start + p * panels * nr;
    parallel_for(panels, 4, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t panel = first; panel < last; ++panel) {
        T* target = block + panel * nr * depth;
        const std::int64_t width = std::min<std::int64_t>(nr, cols_ - panel * nr);
        for (std::int64_t q = 0; q < depth; ++q, target += nr) {
          for (std::int64_t j = 0; j < nr; ++j) {
            target[j] = j < width ? b(p + q, panel * nr + j) : T{0};
          }
        }
      }
    });
  }
}

template <class T>
void gemm(MatrixView<const T> a, const PackedMatrix<T>& b, MatrixView<T> c, bool accumulate) {
  if (a.cols != b.rows() || c.rows != a.rows || c.cols != b.cols()) {
    fail_internal("gemm: {} x {} times {} x {} into {} x {}", a.rows, a.cols, b.rows(), b.cols(),
                  c.rows, c.cols);
  }
  if (c.empty()) return;
  if (a.cols == 0) {
    if (!accumulate) clear(c);
    return;
  }
  const kernels::GemmKernel<T>& micro = kernel<T>();
  const std::int64_t panels = ceil_div(c.cols, micro.nr);
  const std::int64_t row_block = kRowPanels * micro.mr;
  const std::int64_t row_blocks = ceil_div(c.rows, row_block);
  const bool share_columns = row_blocks < 4 * thread_count();
  const std::int64_t col_block = share_columns ? std::min(kColPanels, panels) : panels;
  const std::int64_t col_blocks = ceil_div(panels, col_block);
  const double macs =
      static_cast<double>(c.rows) * static_cast<double>(c.cols) * static_cast<double>(a.cols);
  const std::int64_t pieces = row_blocks * col_blocks;
  parallel_for(pieces, macs < kSerialMacs ? pieces : 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t piece = first; piece < last; ++piece) {
      const std::int64_t row = piece / col_blocks * row_block;
      const std::int64_t panel = piece % col_blocks * col_block;
      const std::int64_t height = std::min(row_block, c.rows - row);
      multiply_piece(a.block(row, 0, height, a.cols), b, c.block(row, 0, height, c.cols), panel,
                     std::min(panel + col_block, panels), accumulate);
    }
  });
}

template <class T>
void gemm(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c, bool accumulate) {
  gemm(a, PackedMatrix<T>(b), c, accumulate);
}

void gemm_s8(MatrixView<const std::int8_t> a, MatrixView<const std::int8_t> b,
             MatrixView<std::int32_t> c) {
  // Float sums of products of 8-bit integers are exact up to 2^24 = 1024 * 128 * 128.
  constexpr std::int64_t kExactDepth = 1024;
  const auto as_float = [](MatrixView<const std::int8_t> x) {
    Matrix<float> copy(x.rows, x.cols);
    for (std::int64_t i = 0; i < x.rows; ++i) {
      for (std::int64_t j = 0; j < x.cols; ++j) copy(i, j) = x(i, j);
    }
    return copy;
  };
  if (a.cols != b.rows || c.rows != a.rows || c.cols != b.cols) {
    fail_internal("gemm_s8: {} x {} times {} x {} into {} x {}", a.rows, a.cols, b.rows, b.cols,
                  c.rows, c.cols);
  }
  clear(c);
  Matrix<float> part(c.rows, c.cols);
  for (std::int64_t p = 0; p < a.cols; p += kExactDepth) {
    const std::int64_t depth = std::min(kExactDepth, a.cols - p);
    const Matrix<float> a_part = as_float(a.block(0, p, a.rows, depth));
    const Matrix<float> b_part = as_float(b.block(p, 0, depth, b.cols));
    gemm(a_part.view(), b_part.view(), part.view());
    for (std::int64_t i = 0; i < c.rows; ++i) {
      for (std::int64_t j = 0; j < c.cols; ++j) {
        const auto sum = static_cast<std::uint32_t>(c(i, j)) +
                         static_cast<std::uint32_t>(static_cast<std::int32_t>(part(i, j)));
        c(i, j) = static_cast<std::int32_t>(sum);
      }
    }
  }
}

template class PackedMatrix<float>;
template class PackedMatrix<double>;
template void gemm<float>(MatrixView<const float>, const PackedMatrix<float>&, MatrixView<float>,
                          bool);
template void gemm<double>(MatrixView<const double>, const PackedMatrix<double>&,
                           MatrixView<double>, bool);
template void gemm<float>(MatrixView<const float>, MatrixView<const float>, MatrixView<float>,
                          bool);
template void gemm<double>(MatrixView<const double>, MatrixView<const double>, MatrixView<double>,
                           bool);

}  // namespace jb
