#pragma once
// What the photonic tests share: devices with overrides, keyed test matrices, products.

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/core/matrix.h"
#include "backends/core/random.h"
#include "backends/energy/ledger.h"

namespace jb {

const Backend& photonic_backend();

namespace photonic_test {

using Overrides = std::vector<std::pair<std::string, std::string>>;

inline DeviceSpec spec_of(const std::string& preset, const Overrides& overrides = {}) {
  const Backend& backend = photonic_backend();
  DeviceSpec spec = load_device(backend.parameters(), "photonic", preset);
  for (const auto& entry : overrides) spec.set(entry.first, entry.second);
  return spec;
}

inline std::unique_ptr<Device> open_device(const std::string& preset,
                                           const Overrides& overrides = {},
                                           const DeviceInstance& instance = {}) {
  return photonic_backend().open(spec_of(preset, overrides), instance);
}

/// Standard normal elements, different for each `tag`.
template <class T>
Matrix<T> normal_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t tag) {
  const RandomStream stream(42, 0, tag_of("test.operand"), tag);
  Matrix<T> x(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) x(i, j) = static_cast<T>(stream.normal(i, j, 0));
  }
  return x;
}

/// A B in float64 with one fixed order of sums.
template <class T>
Matrix<double> product(const Matrix<T>& a, const Matrix<T>& b) {
  Matrix<double> c(a.rows(), b.cols());
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    for (std::int64_t l = 0; l < a.cols(); ++l) {
      const auto x = static_cast<double>(a(i, l));
      for (std::int64_t j = 0; j < b.cols(); ++j) c(i, j) += x * static_cast<double>(b(l, j));
    }
  }
  return c;
}

template <class T>
Matrix<T> transpose(const Matrix<T>& x) {
  Matrix<T> y(x.cols(), x.rows());
  for (std::int64_t i = 0; i < x.rows(); ++i) {
    for (std::int64_t j = 0; j < x.cols(); ++j) y(j, i) = x(i, j);
  }
  return y;
}

/// C of one execute on a fresh plan; the execution's counts and lints into `execution` if given.
template <class T>
Matrix<T> multiply(Device& device, const Matrix<T>& a, const Matrix<T>& b, const Draw& draw = {},
                   std::uint64_t scope = 0, Execution* execution = nullptr) {
  const auto plan = device.plan({a.rows(), b.cols(), a.cols()}, b.view(), OperandMode::stationary,
                                PlanOptions{scope});
  Matrix<T> c(a.rows(), b.cols());
  Execution done = plan->execute(a.view(), c.view(), draw, Direction::forward);
  if (execution != nullptr) *execution = std::move(done);
  return c;
}

template <class T>
double relative_error(const Matrix<T>& c, const Matrix<double>& reference) {
  double error = 0;
  double norm = 0;
  for (std::int64_t i = 0; i < c.rows(); ++i) {
    for (std::int64_t j = 0; j < c.cols(); ++j) {
      const double d = static_cast<double>(c(i, j)) - reference(i, j);
      error += d * d;
      norm += reference(i, j) * reference(i, j);
    }
  }
  return std::sqrt(error / norm);
}

/// Joules of the rows of that component (and action, when given) in a priced activity.
inline double energy_of(const Ledger& ledger, const std::string& component,
                        const std::string& action = "") {
  double sum = 0;
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->component != component) continue;
    if (action.empty() || row.price->action == action) sum += row.energy_J;
  }
  return sum;
}

}  // namespace photonic_test
}  // namespace jb
