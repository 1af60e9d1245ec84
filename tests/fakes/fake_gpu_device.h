#pragma once
// Devices of the backend 'cublas' on a fake GPU, and what a result may differ by.

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/cublas/cublas_device.h"
#include "backends/cublas/device_buffer.h"
#include "tests/fakes/fake_gpu.h"

namespace jb {
const Backend& cublas_backend();
}

namespace jb::test {

/// A fake GPU and the device `host-gpu` on it.
struct FakeMachine {
  explicit FakeMachine(ElementType precision = ElementType::f32)
      : gpu(std::make_shared<FakeGpu>()),
        device(cublas::make_device(load_device(cublas_backend(), "host-gpu"), precision, gpu)) {}

  std::shared_ptr<FakeGpu> gpu;
  std::unique_ptr<Device> device;
};

inline const std::vector<ElementType>& cublas_precisions() {
  return cublas_backend().info().precisions;
}

inline Matrix<float> random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t what) {
  Matrix<float> x(rows, cols);
  const RandomStream stream(29, 0, what, 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    stream.normals({&x(i, 0), static_cast<std::size_t>(cols)}, i, 0, 0);
  }
  return x;
}

/// Unit roundoff of a format, and half of its smallest step in units of the scale: what rounding x
/// may change is u |x| + h scale.
struct FormatError {
  double u = 0;
  double h = 0;
};

inline FormatError error_of(ElementType type) {
  switch (type) {
    case ElementType::tf32:
    case ElementType::f16:
      return {std::ldexp(1.0, -11), 0};  // 10 fraction bits; f16's smallest step is 6e-8
    case ElementType::bf16:
      return {std::ldexp(1.0, -8), 0};
    case ElementType::f8e4m3:
      return {std::ldexp(1.0, -4), std::ldexp(1.0, -10)};  // smallest step 2^-9
    case ElementType::f8e5m2:
      return {std::ldexp(1.0, -3), std::ldexp(1.0, -17)};  // smallest step 2^-16
    case ElementType::s8:
      return {0, 0.5};
    default:
      return {0, 0};
  }
}

/// Largest error of C(i, j) that rounding explains. With |da| <= u |a| + h s and the same of b, the
/// product of two rounded factors is off by at most |da| |b| + |a| |db| + |da| |db|; sums of k
/// terms in f32 add (k + 4) 2^-24 of the magnitudes, rescaling included (Higham 2002, Eq. 3.13).
/// f16 values below its normal range are off by at most 2^-25 each.
inline double allowed_error(ElementType precision, MatrixView<const float> a,
                            MatrixView<const float> b, std::int64_t i, std::int64_t j) {
  const FormatError of_a = error_of(precision);
  const ElementType weights = cublas::weight_type(precision);
  const FormatError of_b = error_of(weights);
  const double tiny = precision == ElementType::f16 ? std::ldexp(1.0, -25) : 0;
  double a_max = 0;
  double b_max = 0;
  for (std::int64_t p = 0; p < a.cols; ++p) {
    a_max = std::max(a_max, std::abs(static_cast<double>(a(i, p))));
    b_max = std::max(b_max, std::abs(static_cast<double>(b(p, j))));
  }
  const double a_step = of_a.h * a_max / static_cast<double>(cublas::largest_of(precision)) + tiny;
  const double b_step = of_b.h * b_max / static_cast<double>(cublas::largest_of(weights)) + tiny;
  const double u32 = std::numeric_limits<float>::epsilon() / 2;
  double error = 0;
  for (std::int64_t p = 0; p < a.cols; ++p) {
    const double x = std::abs(static_cast<double>(a(i, p)));
    const double y = std::abs(static_cast<double>(b(p, j)));
    // Scales and quotients are rounded to f32 before they are encoded: one ulp of the code.
    const double dx = of_a.u * x + a_step + 2 * u32 * x;
    const double dy = of_b.u * y + b_step + 2 * u32 * y;
    const double product = dx * y + x * dy + dx * dy;
    error += product + static_cast<double>(a.cols + 4) * u32 * (x * y + product);
  }
  return error;
}

/// Expects C = A B within allowed_error; returns the first sentence that says otherwise, or "".
inline std::string product_mismatch(ElementType precision, MatrixView<const float> a,
                                    MatrixView<const float> b, MatrixView<const float> c) {
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t j = 0; j < c.cols; ++j) {
      double sum = 0;
      for (std::int64_t p = 0; p < a.cols; ++p) {
        sum += static_cast<double>(a(i, p)) * static_cast<double>(b(p, j));
      }
      const double allowed = allowed_error(precision, a, b, i, j);
      if (std::abs(static_cast<double>(c(i, j)) - sum) <= allowed) continue;
      return fmt::format("C({}, {}) in {} is {}, not {} within {}", i, j, name_of(precision),
                         c(i, j), sum, allowed);
    }
  }
  return {};
}

}  // namespace jb::test
