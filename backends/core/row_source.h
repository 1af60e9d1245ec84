#pragma once
// The driven side of a product as rows: of a matrix, or made as they are read (windows of a
// convolution, which would take more memory than the image and more time to write than to use).

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backends/core/matrix.h"
#include "backends/core/operand_statistics.h"

namespace jb {

/// Rows of a matrix that exist only when they are asked for.
template <class T>
class RowSource {
 public:
  virtual ~RowSource() = default;
  [[nodiscard]] virtual std::int64_t rows() const noexcept = 0;
  [[nodiscard]] virtual std::int64_t cols() const noexcept = 0;
  /// Writes rows [first, first + count), one behind the other. Called from several threads.
  virtual void read(std::int64_t first, std::int64_t count, T* to) const = 0;
};

/// The driven side of a product.
struct DrivenSide {
  ConstMatrixRef matrix;                     ///< sizes and type alone where there is a source
  const RowSource<float>* source = nullptr;  ///< where the rows come from instead
  RowwiseMoments* moments = nullptr;         ///< of the source: taken as its rows are read

  DrivenSide(const ConstMatrixRef& a) : matrix(a) {}  // NOLINT(google-explicit-constructor)
  DrivenSide(const RowSource<float>& a, RowwiseMoments& taken) : source(&a), moments(&taken) {
    matrix.rows = a.rows();
    matrix.cols = a.cols();
  }
};

/// Reads rows of a driven side in ascending order, each as adjacent elements. T is its type. For
/// one thread; rows of a source are made a few at a time, so that they lie in the first-level
/// cache, and their moments are taken there.
template <class T>
class RowReader {
 public:
  /// Rows up to `end` will be asked for.
  RowReader(const DrivenSide& a, std::int64_t end) : side_(a), end_(end) {
    if (a.source == nullptr) view_ = a.matrix.as<T>();
  }

  const T* row(std::int64_t i) {
    if constexpr (std::is_same_v<T, float>) {
      if (side_.source != nullptr) return made_row(i);
    }
    if (view_.col_stride == 1) return view_.data + i * view_.row_stride;
    buffer_.resize(static_cast<std::size_t>(view_.cols));
    for (std::int64_t j = 0; j < view_.cols; ++j)
      buffer_[static_cast<std::size_t>(j)] = view_(i, j);
    return buffer_.data();
  }

 private:
  const T* made_row(std::int64_t i) {
    constexpr std::int64_t kCached = 4096;  // elements
    const std::int64_t cols = side_.matrix.cols;
    if (i >= first_ + count_) {
      first_ = i;
      count_ =
          std::min(end_ - i, std::max<std::int64_t>(1, kCached / std::max<std::int64_t>(1, cols)));
      buffer_.resize(static_cast<std::size_t>(count_ * cols));
      side_.source->read(first_, count_, buffer_.data());
    }
    const T* const made = buffer_.data() + (i - first_) * cols;
    side_.moments->take(i, made);
    return made;
  }

  const DrivenSide& side_;
  MatrixView<const T> view_;
  std::int64_t end_;
  std::int64_t first_ = 0;
  std::int64_t count_ = 0;
  std::vector<T> buffer_;
};

}  // namespace jb
