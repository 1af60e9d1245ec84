#pragma once
// Tensors of networks: dense, row-major, with shared storage, so that reshaping and passing on
// copies nothing. Element types and sizes are known at run time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/core/data_type.h"
#include "backends/core/error.h"
#include "backends/core/matrix.h"

namespace jb {

/// Sizes of a tensor, outermost first; empty for a scalar.
using Dims = std::vector<std::int64_t>;

/// "2x3x4"; "scalar" for no dimension.
std::string to_string(const Dims& dims);

/// Product of the sizes. Usage error for a negative size and for more than 2^46 elements.
std::int64_t elements_of(const Dims& dims);

class Tensor {
 public:
  /// No elements, one dimension of size 0.
  Tensor() = default;
  /// Zeroed elements. Usage error when `dims` are negative or too many.
  Tensor(DataType type, Dims dims);
  /// Elements that the caller writes before anyone reads them.
  static Tensor unwritten(DataType type, Dims dims);

  /// Elements that stay where they are (a mapped file, a matrix, the input of a run), read only;
  /// `owner` is kept as long as the tensor and its copies live and may be null when the caller
  /// sees to that. Any mutable access copies first.
  static Tensor alias(DataType type, Dims dims, const void* data,
                      std::shared_ptr<const void> owner);
  /// A scalar or a vector of given values.
  template <class T>
  static Tensor of(const Dims& dims, std::span<const T> values);

  [[nodiscard]] DataType type() const noexcept { return type_; }
  [[nodiscard]] const Dims& dims() const noexcept { return dims_; }
  [[nodiscard]] std::size_t rank() const noexcept { return dims_.size(); }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return static_cast<std::size_t>(size_) * bytes_of(type_);
  }

  [[nodiscard]] const void* raw() const noexcept { return data_; }
  /// Writable elements; copies them first when they are shared or not ours.
  [[nodiscard]] void* mutable_raw();

  /// The elements; T must be the element type (internal error otherwise).
  template <class T>
  [[nodiscard]] std::span<const T> as() const {
    check_type(data_type_of<T>);
    return {static_cast<const T*>(data_), static_cast<std::size_t>(size_)};
  }
  template <class T>
  [[nodiscard]] std::span<T> as_mutable() {
    check_type(data_type_of<T>);
    return {static_cast<T*>(mutable_raw()), static_cast<std::size_t>(size_)};
  }

  /// The same elements under other sizes, sharing storage (internal error when the counts differ).
  [[nodiscard]] Tensor reshaped(Dims dims) const;

  /// f32 elements as a matrix of `rows` rows; the element count must be divisible.
  [[nodiscard]] MatrixView<const float> rows_f32(std::int64_t rows) const;

 private:
  void check_type(DataType asked) const {
    if (asked != type_) {
      fail_internal("tensor holds {}, not {}", name_of(type_), name_of(asked));
    }
  }

  DataType type_ = DataType::f32;
  Dims dims_ = {0};
  std::int64_t size_ = 0;
  const void* data_ = nullptr;
  std::shared_ptr<const void> owner_;  // of what data_ points to
  bool owned_ = false;                 // storage was allocated here and may be written
};

template <class T>
Tensor Tensor::of(const Dims& dims, std::span<const T> values) {
  Tensor tensor(data_type_of<T>, dims);
  if (static_cast<std::size_t>(tensor.size()) != values.size()) {
    fail_internal("{} values for a tensor of {}", values.size(), to_string(dims));
  }
  std::copy(values.begin(), values.end(), tensor.as_mutable<T>().begin());
  return tensor;
}

/// A matrix of f32 as a tensor of rows x cols, without a copy when its rows follow each other; the
/// matrix must then outlive the tensor.
Tensor tensor_of(MatrixView<const float> matrix);

}  // namespace jb
