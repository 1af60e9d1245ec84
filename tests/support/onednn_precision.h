#pragma once
// Products in bf16 and in 8 bits written out: codes, integer sums and their scales, f32 sums of
// rounded operands; and devices of oneDNN to hold against them.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/core/number_conversion.h"

namespace jb::test {

using Settings = std::vector<std::pair<std::string, std::string>>;

// Values of `sign` 0: both signs; 1: none below zero, as after a ReLU.
inline Matrix<float> values(std::int64_t rows, std::int64_t cols, std::uint64_t what,
                            bool negative) {
  Matrix<float> x(rows, cols);
  const RandomStream stream(17, 0, what, 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      const auto v = static_cast<float>(stream.normal(i, j, 0));
      x(i, j) = negative ? v : std::max(v, 0.0F);
    }
  }
  return x;
}

inline double nearest_even(double x) {
  const double below = std::floor(x);
  const double part = x - below;
  const bool up = part > 0.5 || (part == 0.5 && std::fmod(below, 2) != 0);
  return below + (up ? 1 : 0);
}

struct Codes {
  std::vector<std::int64_t> code;
  double scale = 1;
  std::int64_t zero = 0;
};

inline Codes signed_codes(const std::vector<double>& x, double largest, double most) {
  Codes out;
  if (largest > 0) out.scale = largest / most;
  for (const double v : x) {
    out.code.push_back(
        static_cast<std::int64_t>(std::min(most, std::max(-most, nearest_even(v / out.scale)))));
  }
  return out;
}

inline Codes unsigned_codes(const std::vector<double>& x, double low, double high) {
  Codes out;
  if (high > low) out.scale = (high - low) / 255;
  out.zero = static_cast<std::int64_t>(nearest_even(-low / out.scale));
  for (const double v : x) {
    const double code = nearest_even(v / out.scale) + static_cast<double>(out.zero);
    out.code.push_back(static_cast<std::int64_t>(std::min(255.0, std::max(0.0, code))));
  }
  return out;
}

inline double largest_of(const std::vector<double>& x) {
  double largest = 0;
  for (const double v : x) largest = std::max(largest, std::abs(v));
  return largest;
}

/// What 8-bit hardware makes of C = A B, in 64-bit integers.
class IntegerReference {
 public:
  bool is_unsigned = false;
  bool input_per_tensor = false;
  bool weights_per_tensor = false;
  double largest_weight = 127;

  [[nodiscard]] Matrix<float> operator()(const Matrix<float>& a, const Matrix<float>& b) const {
    std::vector<double> all_a;
    std::vector<double> all_b;
    for (std::int64_t i = 0; i < a.size(); ++i) all_a.push_back(static_cast<double>(a.data()[i]));
    for (std::int64_t i = 0; i < b.size(); ++i) all_b.push_back(static_cast<double>(b.data()[i]));
    std::vector<Codes> rows;
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      std::vector<double> row;
      for (std::int64_t p = 0; p < a.cols(); ++p) row.push_back(static_cast<double>(a(i, p)));
      const std::vector<double>& scope = input_per_tensor ? all_a : row;
      double low = 0;
      double high = 0;
      for (const double v : scope) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
      rows.push_back(is_unsigned ? unsigned_codes(row, low, high)
                                 : signed_codes(row, largest_of(scope), 127));
    }
    Matrix<float> c(a.rows(), b.cols());
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      std::vector<double> column;
      for (std::int64_t p = 0; p < b.rows(); ++p) column.push_back(static_cast<double>(b(p, j)));
      const Codes weights =
          signed_codes(column, largest_of(weights_per_tensor ? all_b : column), largest_weight);
      for (std::int64_t i = 0; i < a.rows(); ++i) {
        const Codes& row = rows[static_cast<std::size_t>(i)];
        std::int64_t sum = 0;
        for (std::size_t p = 0; p < column.size(); ++p) {
          sum += (row.code[p] - row.zero) * weights.code[p];
        }
        c(i, j) = static_cast<float>(static_cast<double>(sum) * row.scale * weights.scale);
      }
    }
    return c;
  }
};

inline void expect_same(const Matrix<float>& x, const Matrix<float>& y, const std::string& what) {
  ASSERT_EQ(x.size(), y.size());
  for (std::int64_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(x.data()[i], y.data()[i]) << what << ", element " << i;
  }
}

inline Matrix<float> as_bf16(const Matrix<float>& x) {
  Matrix<float> y(x.rows(), x.cols());
  for (std::int64_t i = 0; i < x.size(); ++i) y.data()[i] = to_float(to_bfloat16(x.data()[i]));
  return y;
}

// f32 sums in any order (Higham 2002, Eq. 3.13).
inline void expect_product(const Matrix<float>& a, const Matrix<float>& b, const Matrix<float>& c,
                           const std::string& what) {
  const double u = std::numeric_limits<float>::epsilon() / 2;
  for (std::int64_t i = 0; i < c.rows(); ++i) {
    for (std::int64_t j = 0; j < c.cols(); ++j) {
      double sum = 0;
      double magnitude = 0;
      for (std::int64_t p = 0; p < a.cols(); ++p) {
        const double term = static_cast<double>(a(i, p)) * static_cast<double>(b(p, j));
        sum += term;
        magnitude += std::abs(term);
      }
      ASSERT_NEAR(static_cast<double>(c(i, j)), sum,
                  static_cast<double>(a.cols() + 2) * u * magnitude)
          << what << " at " << i << ", " << j;
    }
  }
}

class OnednnPrecision : public ::testing::Test {
 protected:
  void SetUp() override {
    const Support support = backend_.available();
    if (!support) GTEST_SKIP() << support.reason;
  }
  std::unique_ptr<Device> open(ElementType precision, const Settings& settings = {}) const {
    DeviceSpec spec = load_device(backend_, "host");
    for (const auto& [key, value] : settings) spec.set(key, value);
    return backend_.open(spec, DeviceInstance{1, 0, precision});
  }
  static Matrix<float> multiply(Device& device, const Matrix<float>& a, const Matrix<float>& b) {
    Matrix<float> c(a.rows(), b.cols());
    device.plan({a.rows(), b.cols(), b.rows()}, b.view(), OperandMode::stationary, {})
        ->execute(a.view(), c.view());
    return c;
  }
  bool can(ElementType precision) const {
    return open(precision)->supports({1, 1, 1}, OperandMode::stationary, precision).ok;
  }
  // Without 8-bit dot products weights have 7 bits: the reference takes what this computer takes.
  static double largest_weight() { return __builtin_cpu_supports("avx512vnni") ? 127 : 63; }

  const Backend& backend_ = find_backend("onednn");
  const std::vector<std::tuple<int, int, int>> shapes_ = {
      {1, 1, 1}, {1, 100, 784}, {17, 31, 97}, {64, 10, 256}, {5, 64, 33}};
};

}  // namespace jb::test
