#pragma once
// Crossbar devices and operands for tests.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/core/threads.h"

namespace jb {
const Backend& crossbar_backend();
}

namespace jb::test {

/// A preset's device file with `settings` (key, value) applied.
inline DeviceSpec crossbar_spec(
    const std::string& preset,
    std::initializer_list<std::pair<const char*, const char*>> settings = {}) {
  DeviceSpec spec = load_device(crossbar_backend().parameters(), "crossbar", preset);
  for (const auto& [key, value] : settings) spec.set(key, value);
  return spec;
}

inline std::unique_ptr<Device> crossbar_device(
    const std::string& preset,
    std::initializer_list<std::pair<const char*, const char*>> settings = {},
    DeviceInstance instance = {}) {
  return crossbar_backend().open(crossbar_spec(preset, settings), instance);
}

/// Seeded standard normal elements, clipped at +-`clip` deviations when that is above 0.
template <class T>
Matrix<T> normal_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed, float clip = 0) {
  Matrix<T> out(rows, cols);
  const RandomStream stream(seed, 0, tag_of("test.operand"), 0);
  std::vector<float> row(static_cast<std::size_t>(cols));
  for (std::int64_t i = 0; i < rows; ++i) {
    stream.normals(row, i, 0, 0);
    for (std::int64_t j = 0; j < cols; ++j) {
      float x = row[static_cast<std::size_t>(j)];
      if (clip > 0) x = std::clamp(x, -clip, clip);
      out(i, j) = static_cast<T>(x);
    }
  }
  return out;
}

/// A B (or A B^T when `transposed`) in float64, sums in index order.
template <class T>
Matrix<double> plain_product(const Matrix<T>& a, const Matrix<T>& b, bool transposed = false) {
  const std::int64_t n = transposed ? b.rows() : b.cols();
  Matrix<double> c(a.rows(), n);
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    for (std::int64_t k = 0; k < a.cols(); ++k) {
      const auto x = static_cast<double>(a(i, k));
      for (std::int64_t j = 0; j < n; ++j) {
        c(i, j) += x * static_cast<double>(transposed ? b(j, k) : b(k, j));
      }
    }
  }
  return c;
}

/// ||x - y||_F / ||y||_F.
template <class T, class U>
double relative_error(const Matrix<T>& x, const Matrix<U>& y) {
  double difference = 0;
  double size = 0;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const double d = static_cast<double>(x.data()[i]) - static_cast<double>(y.data()[i]);
    difference += d * d;
    size += static_cast<double>(y.data()[i]) * static_cast<double>(y.data()[i]);
  }
  return std::sqrt(difference / size);
}

template <class T>
std::unique_ptr<Plan> make_plan(Device& device, std::int64_t m, const Matrix<T>& b,
                                OperandMode mode = OperandMode::stationary,
                                std::uint64_t scope = 0) {
  return device.plan({m, b.cols(), b.rows()}, b.view(), mode, {.scope = scope});
}

template <class T>
Matrix<T> run(Plan& plan, const Matrix<T>& a, std::int64_t outputs, Draw draw = {},
              Direction direction = Direction::forward) {
  Matrix<T> c(a.rows(), outputs);
  (void)plan.execute(a.view(), c.view(), draw, direction);
  return c;
}

template <class T>
bool same_bytes(const Matrix<T>& x, const Matrix<T>& y) {
  return x.rows() == y.rows() && x.cols() == y.cols() &&
         std::equal(x.data(), x.data() + x.size(), y.data());
}

template <class To, class From>
Matrix<To> converted(const Matrix<From>& x) {
  Matrix<To> out(x.rows(), x.cols());
  std::transform(x.data(), x.data() + x.size(), out.data(),
                 [](From v) { return static_cast<To>(v); });
  return out;
}

/// The product of a machine calibrated by "column" is the same, byte for byte, on any number of
/// threads and for any cut of A into blocks of rows. `make_device` gives a fresh machine each time.
template <class MakeDevice>
void expect_same_for_threads_and_cuts(const Matrix<float>& a, const Matrix<float>& b,
                                      MakeDevice make_device) {
  const auto calibrated = [&](Device& device) {
    auto plan = make_plan(device, a.rows(), b);
    (void)device.calibrate("column");
    return plan;
  };
  const int threads = thread_count();
  std::vector<Matrix<float>> results;
  for (const int count : {1, 2, 3}) {
    set_thread_count(count);
    const auto device = make_device();
    results.push_back(run(*calibrated(*device), a, b.cols(), {.call = 5}));
  }
  set_thread_count(threads);
  EXPECT_TRUE(same_bytes(results[0], results[1]));
  EXPECT_TRUE(same_bytes(results[0], results[2]));
  const auto device = make_device();
  const auto plan = calibrated(*device);
  for (const std::int64_t step : {1, 7, 64}) {
    Matrix<float> c(a.rows(), b.cols());
    for (std::int64_t row = 0; row < a.rows(); row += step) {
      const std::int64_t rows = std::min<std::int64_t>(step, a.rows() - row);
      (void)plan->execute(a.view().block(row, 0, rows, a.cols()),
                          c.view().block(row, 0, rows, c.cols()), {.call = 5, .row_offset = row},
                          Direction::forward);
    }
    EXPECT_TRUE(same_bytes(results[0], c)) << "blocks of " << step;
  }
}

}  // namespace jb::test
