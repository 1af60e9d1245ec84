#pragma once
// The one product routine of the simulators. It never splits k by thread count, and an element's
// sum is formed in the same order whatever m, n, the thread count or the cut of A into row blocks:
// same bytes on one machine and instruction set. Vectorised with run-time dispatch.
//
// T is float, double or std::int8_t; bytes are summed exactly in 32 bits that wrap (two's
// complement), on every instruction set alike.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "backends/core/function_ref.h"
#include "backends/core/matrix.h"

namespace jb {

/// Type of the sums of products of T.
template <class T>
using SumOf = std::conditional_t<std::is_same_v<T, std::int8_t>, std::int32_t, T>;

/// B packed once into column panels. Immutable; copies share the panels.
template <class T>
class PackedMatrix {
 public:
  /// What panels are made of: T, or four bytes.
  using Word = std::conditional_t<std::is_same_v<T, std::int8_t>, std::uint32_t, T>;

  PackedMatrix() = default;
  explicit PackedMatrix(MatrixView<const T> b);
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  /// The first panel, and how many words further the next one starts.
  [[nodiscard]] const Word* data() const noexcept { return data_; }
  [[nodiscard]] std::int64_t panel_stride() const noexcept { return panel_stride_; }

 private:
  template <class U>
  friend std::vector<PackedMatrix<U>> pack_segments(std::span<const MatrixView<const U>> segments);

  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::shared_ptr<const std::vector<Word>> storage_;
  const Word* data_ = nullptr;
  std::int64_t panel_stride_ = 0;
};

/// Packs matrices of equal width for gemm_segments, each panel's segments one behind the other: the
/// product then reads one stream, where panels of matrices packed alone may fall on one place in
/// the cache.
template <class T>
std::vector<PackedMatrix<T>> pack_segments(std::span<const MatrixView<const T>> segments);
/// Packs stretches of rows of one matrix; the lengths add up to its rows.
template <class T>
std::vector<PackedMatrix<T>> pack_segments(MatrixView<const T> b,
                                           std::span<const std::int64_t> lengths);

/// C = A B, or C += A B when `accumulate`. C is zero when k = 0 and not accumulating. Any strides.
template <class T>
void gemm(MatrixView<const T> a, const PackedMatrix<T>& b, MatrixView<SumOf<T>> c,
          bool accumulate = false);
template <class T>
void gemm(MatrixView<const T> a, MatrixView<const T> b, MatrixView<SumOf<T>> c,
          bool accumulate = false);

/// Finished sums of one segment: rows [row, row + sums.rows) and columns [col, col + sums.cols) of
/// the product, col a multiple of kStripCols. They lie in the first-level cache and are gone after
/// the call.
template <class T>
struct SumStrip {
  std::int64_t segment = 0;
  std::int64_t row = 0;
  std::int64_t col = 0;
  MatrixView<const SumOf<T>> sums;  ///< at most kStripRows x kStripCols, its rows contiguous
};
inline constexpr std::int64_t kStripRows = 14;
inline constexpr std::int64_t kStripCols = 64;  // a block of the random generator
template <class T>
using SumSink = FunctionRef<void(const SumStrip<T>&)>;

/// Multiplies consecutive segments of A's columns by one packed matrix each (all of equal width)
/// and hands the sums of each segment to `sink`, as gemm() would form them: a consumer of sums runs
/// while they are in cache. Strips are disjoint and together cover the product; the segments of one
/// strip follow each other in order on one thread, different strips run on several. The sink must
/// not call gemm.
template <class T>
void gemm_segments(MatrixView<const T> a, std::span<const PackedMatrix<T>> segments,
                   SumSink<T> sink);

/// Instruction set chosen at run time: "avx512", "avx2" or "baseline".
std::string_view dispatched_isa();

}  // namespace jb
