#include "backends/core/tensor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <utility>

#include "backends/core/tensor_storage.h"

namespace jb {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 46U;

/// Memory of this computer; what is larger is refused before it is asked for.
std::size_t host_memory_bytes() noexcept {
  static const std::size_t bytes = [] {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page = ::sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(page)
                                 : std::numeric_limits<std::size_t>::max();
  }();
  return bytes;
}

}  // namespace

std::string to_string(const Dims& dims) {
  return dims.empty() ? "scalar" : fmt::format("{}", fmt::join(dims, "x"));
}

std::int64_t elements_of(const Dims& dims) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t size : dims) {
    if (size < 0) fail_usage("a tensor of {} has a negative size", to_string(dims));
    if (size == 0) {
      empty = true;  // but the other sizes are still checked
      continue;
    }
    if (count > kMaxElements / size) {
      fail_usage("a tensor of {} has more than 2^46 elements", to_string(dims));
    }
    count *= size;
  }
  return empty ? 0 : count;
}

Tensor Tensor::unwritten(DataType type, Dims dims) {
  Tensor tensor;
  tensor.type_ = type;
  tensor.size_ = elements_of(dims);
  tensor.dims_ = std::move(dims);
  tensor.owned_ = true;
  if (tensor.bytes() > host_memory_bytes()) {
    fail_usage("a {} tensor of {} takes {} bytes, more than this computer's memory of {}",
               name_of(type), to_string(tensor.dims_), tensor.bytes(), host_memory_bytes());
  }
  const std::shared_ptr<void> storage = allocate_storage(tensor.bytes());
  tensor.data_ = storage.get();
  tensor.owner_ = storage;
  return tensor;
}

Tensor::Tensor(DataType type, Dims dims) : Tensor(unwritten(type, std::move(dims))) {
  if (size_ > 0) std::memset(mutable_raw(), 0, bytes());
}

Tensor Tensor::alias(DataType type, Dims dims, const void* data,
                     std::shared_ptr<const void> owner) {
  Tensor tensor;
  tensor.type_ = type;
  tensor.size_ = elements_of(dims);
  tensor.dims_ = std::move(dims);
  tensor.data_ = data;
  tensor.owner_ = std::move(owner);
  return tensor;
}

void* Tensor::mutable_raw() {
  if (!owned_ || owner_.use_count() > 1) {
    const std::shared_ptr<void> storage = allocate_storage(bytes());
    if (size_ > 0) std::memcpy(storage.get(), data_, bytes());
    data_ = storage.get();
    owner_ = storage;
    owned_ = true;
  }
  // The storage was allocated here as writable and nobody else holds it.
  return const_cast<void*>(data_);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

Tensor Tensor::reshaped(Dims dims) const {
  if (elements_of(dims) != size_) {
    fail_internal("a tensor of {} cannot be read as {}", to_string(dims_), to_string(dims));
  }
  Tensor tensor = *this;
  tensor.dims_ = std::move(dims);
  return tensor;
}

MatrixView<const float> Tensor::rows_f32(std::int64_t rows) const {
  const std::int64_t cols = rows > 0 ? size_ / rows : 0;
  if (rows * cols != size_) {
    fail_internal("a tensor of {} has no {} equal rows", to_string(dims_), rows);
  }
  return {as<float>().data(), rows, cols, cols, 1};
}

Tensor tensor_of(MatrixView<const float> matrix) {
  const Dims dims = {matrix.rows, matrix.cols};
  if (matrix.col_stride == 1 && matrix.row_stride == matrix.cols) {
    return Tensor::alias(DataType::f32, dims, matrix.data, nullptr);
  }
  Tensor tensor(DataType::f32, dims);
  float* out = tensor.as_mutable<float>().data();
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) out[i * matrix.cols + j] = matrix(i, j);
  }
  return tensor;
}

}  // namespace jb
