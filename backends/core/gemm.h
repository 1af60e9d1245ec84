#pragma once
// The one product routine of the simulators. It never splits k by thread count, and an element's
// sum is formed in the same order whatever m, n, the thread count or the cut of A into row blocks:
// same bytes on one machine and instruction set. Vectorised with run-time dispatch.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "backends/core/matrix.h"

namespace jb {

/// B packed once into column panels; T is float or double.
template <class T>
class PackedMatrix {
 public:
  PackedMatrix() = default;
  explicit PackedMatrix(MatrixView<const T> b);
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  [[nodiscard]] const T* data() const noexcept { return storage_.data() + offset_; }

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::vector<T> storage_;
  std::size_t offset_ = 0;  // of the first 64-byte aligned element; copies may lose the alignment
};

/// C = A B, or C += A B when `accumulate`. C is zero when k = 0 and not accumulating. Any strides.
template <class T>
void gemm(MatrixView<const T> a, const PackedMatrix<T>& b, MatrixView<T> c,
          bool accumulate = false);
template <class T>
void gemm(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c, bool accumulate = false);

/// C = A B exactly, over signed 8-bit integers with 32-bit accumulators that wrap (two's
/// complement).
void gemm_s8(MatrixView<const std::int8_t> a, MatrixView<const std::int8_t> b,
             MatrixView<std::int32_t> c);

/// Instruction set chosen at run time: "avx512", "avx2" or "baseline".
std::string_view dispatched_isa();

}  // namespace jb
