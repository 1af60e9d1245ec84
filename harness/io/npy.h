#pragma once
// Matrices in NumPy's .npy files, format versions 1.0, 2.0 and 3.0 (numpy.lib.format, "Format
// Version 1.0" and following).

#include <cstdint>
#include <filesystem>

#include "backends/core/element_type.h"
#include "backends/core/matrix.h"

namespace jb::harness {

/// A matrix of float32 or float64; the member of the other type is empty.
struct NpyMatrix {
  ElementType type = ElementType::f32;  ///< f32 or f64
  std::int64_t rows = 0, cols = 0;
  Matrix<float> f32;
  Matrix<double> f64;

  /// View of the matrix that is there; this object must outlive it.
  [[nodiscard]] ConstMatrixRef ref() const;
};

/// Reads a two-dimensional array of '<f4' or '<f8' in C or Fortran order, no size zero. The shape
/// is checked against the file's size before anything of that size is allocated. Usage error naming
/// file and defect otherwise. NaN and infinities are returned as they are: the caller decides.
NpyMatrix read_npy(const std::filesystem::path& path);

/// Writes the matrix (any strides) in C order as version 1.0, whole or not at all. Usage error when
/// the place cannot be written or a value is NaN or infinite.
void write_npy(const std::filesystem::path& path, MatrixView<const float> matrix);
void write_npy(const std::filesystem::path& path, MatrixView<const double> matrix);

}  // namespace jb::harness
