#pragma once
// One stationary operand on a GPU and the products with it, operands and results in device memory.
// Used by plans (one product) and by networks (many in a row).

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "backends/core/matrix.h"
#include "backends/cublas/device_buffer.h"

namespace jb::cublas {

/// Scratch that products of one device may share, because the stream runs them one after another.
struct ProductScratch {
  DeviceBuffer operand;  ///< A in the number format of the product
  DeviceBuffer scales;   ///< one per row of A
  DeviceBuffer sums;     ///< C before it is rescaled
};

/// B (k x n, both at least 1), uploaded once in the number format of the product.
class GpuProduct {
 public:
  /// Rounds `b` to `precision` and uploads it. Usage error when it holds values that the format
  /// cannot hold.
  GpuProduct(std::shared_ptr<Gpu> gpu, ElementType precision, Matrix<float> b,
             std::shared_ptr<ProductScratch> scratch);

  [[nodiscard]] std::int64_t rows() const noexcept { return values_.rows(); }
  [[nodiscard]] std::int64_t cols() const noexcept { return values_.cols(); }
  /// B as given, before rounding.
  [[nodiscard]] const Matrix<float>& values() const noexcept { return values_; }
  /// Another B of the same size.
  void replace(Matrix<float> b);

  /// Brings A (rows x k, or rows x n when transposed; f32 on the device, contiguous) into the
  /// number format of the product. `a` must stay as it is until the last multiply() with it.
  void load(const float* a, std::int64_t rows, bool transposed);
  /// C = A B (f32 on the device, contiguous) with the A that load() brought in, as often as wanted.
  void multiply(float* c);

  /// The library's algorithm for that many rows.
  const std::string& algorithm(std::int64_t rows, bool transposed);

 private:
  // B as one direction needs it.
  struct Stored {
    DeviceBuffer codes;
    DeviceBuffer scales;  // of scaled formats: one per output column
  };
  struct Kernel {
    std::int64_t rows = 0;
    bool transposed = false;
    std::unique_ptr<PreparedGemm> gemm;
    std::string algorithm;
  };

  [[nodiscard]] std::int64_t width_in(bool transposed) const noexcept;
  [[nodiscard]] std::int64_t width_out(bool transposed) const noexcept;
  [[nodiscard]] GemmDescription describe(std::int64_t rows, bool transposed) const;
  Stored& stored(bool transposed);
  void upload_plain(Stored& out) const;
  void upload_scaled(bool transposed, Stored& out) const;
  Kernel& kernel_for(std::int64_t rows, bool transposed);

  std::shared_ptr<Gpu> gpu_;
  ElementType precision_;
  Matrix<float> values_;
  std::shared_ptr<ProductScratch> scratch_;
  std::array<Stored, 2> stored_;  // forward; transposed (used by scaled formats alone)
  std::list<Kernel> kernels_;     // most recently used first

  const void* loaded_ = nullptr;  // A as multiply() takes it
  std::int64_t loaded_rows_ = 0;
  bool loaded_transposed_ = false;
};

}  // namespace jb::cublas
