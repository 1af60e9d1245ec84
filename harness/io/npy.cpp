#include "harness/io/npy.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "harness/io/npy_header.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

// Payloads are copied as they lie in memory; .npy dtypes '<f4' and '<f8' are little-endian.
static_assert(std::endian::native == std::endian::little);

constexpr std::int64_t kTransposeBlock = 32;

ElementType element_type(const NpyFile& file) {
  if (file.header.descr == "<f4") return ElementType::f32;
  if (file.header.descr == "<f8") return ElementType::f64;
  fail_usage(
      "'{}' has dtype '{}': '<f4' (float32) and '<f8' (float64) are accepted, use a.astype('<f4')",
      file.name, file.header.descr);
}

/// Rows and columns, after comparing them with what the file really holds.
void check_sizes(const NpyFile& file, ElementType type) {
  const std::vector<std::int64_t>& shape = file.header.shape;
  if (shape.size() != 2) {
    std::string text;
    for (const std::int64_t size : shape)
      text += fmt::format("{}{}", text.empty() ? "" : ", ", size);
    fail_usage("'{}' has shape ({}{}): a matrix has two dimensions, use a.reshape(rows, columns)",
               file.name, text, shape.size() == 1 ? "," : "");
  }
  if (shape[0] < 1 || shape[1] < 1) {
    fail_usage("'{}' has shape ({}, {}): sizes of at least 1 are accepted", file.name, shape[0],
               shape[1]);
  }
  const std::uint64_t held = file.file_bytes - file.header_bytes;
  const auto item = static_cast<std::uint64_t>(bytes_of(type));
  const auto rows = static_cast<std::uint64_t>(shape[0]);
  const auto cols = static_cast<std::uint64_t>(shape[1]);
  // Divisions first: the product of two sizes may be anything.
  if (rows > held / item || cols > held / item / rows) {
    fail_usage(
        "'{}' is truncated: shape ({}, {}) of '{}' needs more than the {} bytes after its header",
        file.name, rows, cols, file.header.descr, held);
  }
  if (rows * cols * item != held) {
    fail_usage("'{}' is too long: shape ({}, {}) of '{}' is {} bytes and {} follow its header",
               file.name, rows, cols, file.header.descr, rows * cols * item, held);
  }
}

template <class T>
Matrix<T> read_payload(NpyFile& file) {
  const std::int64_t rows = file.header.shape[0];
  const std::int64_t cols = file.header.shape[1];
  const std::size_t bytes =
      static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols) * sizeof(T);
  try {
    Matrix<T> stored(file.header.fortran_order ? cols : rows,
                     file.header.fortran_order ? rows : cols);
    read_exactly(file, reinterpret_cast<char*>(stored.data()), bytes, "data");
    if (!file.header.fortran_order) return stored;
    Matrix<T> matrix(rows, cols);
    for (std::int64_t i0 = 0; i0 < rows; i0 += kTransposeBlock) {
      for (std::int64_t j0 = 0; j0 < cols; j0 += kTransposeBlock) {
        for (std::int64_t i = i0; i < std::min(i0 + kTransposeBlock, rows); ++i) {
          for (std::int64_t j = j0; j < std::min(j0 + kTransposeBlock, cols); ++j) {
            matrix(i, j) = stored(j, i);
          }
        }
      }
    }
    return matrix;
  } catch (const std::bad_alloc&) {
    fail_usage("'{}' holds {} bytes, more than the memory of this machine takes", file.name, bytes);
  }
}

template <class T>
void write_matrix(const fs::path& path, MatrixView<const T> matrix, std::string_view descr) {
  std::string text = npy_header(descr, {matrix.rows, matrix.cols});
  const std::size_t whole = text.size();
  const auto count = static_cast<std::size_t>(matrix.rows) * static_cast<std::size_t>(matrix.cols);
  text.resize(whole + count * sizeof(T));
  char* out = text.data() + whole;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      const T value = matrix(i, j);
      if (!std::isfinite(value)) {
        fail_usage("'{}' is not written: the value in row {}, column {} is {}", path.string(), i, j,
                   static_cast<double>(value));
      }
      std::memcpy(out, &value, sizeof(T));
      out += sizeof(T);
    }
  }
  write_file_atomically(path, text);
}

}  // namespace

ConstMatrixRef NpyMatrix::ref() const {
  return type == ElementType::f64 ? ConstMatrixRef(f64.view()) : ConstMatrixRef(f32.view());
}

NpyMatrix read_npy(const fs::path& path) {
  NpyFile file = open_npy(path);
  NpyMatrix result;
  result.type = element_type(file);
  check_sizes(file, result.type);
  result.rows = file.header.shape[0];
  result.cols = file.header.shape[1];
  if (result.type == ElementType::f64) {
    result.f64 = read_payload<double>(file);
  } else {
    result.f32 = read_payload<float>(file);
  }
  return result;
}

void write_npy(const fs::path& path, MatrixView<const float> matrix) {
  write_matrix(path, matrix, "<f4");
}

void write_npy(const fs::path& path, MatrixView<const double> matrix) {
  write_matrix(path, matrix, "<f8");
}

}  // namespace jb::harness
