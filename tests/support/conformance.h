#pragma once
// What every backend is put through: all presets of all available backends, products of seeded
// operands, and strided views of them.

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/core/gemm.h"
#include "harness/operands.h"
#include "harness/verification.h"

namespace jb::test {

struct Machine {
  const Backend* backend = nullptr;
  std::string preset;

  [[nodiscard]] bool simulated() const { return backend->info().simulated; }
  /// Results are right to rounding: real digital machines in float, and ideal presets.
  [[nodiscard]] bool exact() const {
    return !simulated() || preset == backend->info().ideal_device;
  }
  /// The same bytes are promised for any threads and any cut of A.
  [[nodiscard]] bool cut_invariant() const {
    return simulated() || backend->info().id == "reference";
  }
  [[nodiscard]] ElementType precision() const { return backend->info().precisions.front(); }
  [[nodiscard]] bool takes(ElementType host) const {
    return host == ElementType::f32 || simulated() || precision() == ElementType::f64;
  }
  [[nodiscard]] std::unique_ptr<Device> open(DeviceInstance instance = {}) const {
    return backend->open(load_device(*backend, preset), instance);
  }
};

/// Presets that describe another computer can be estimated, not run: they refuse any plan.
inline bool runs_here(const Machine& machine) {
  const Matrix<float> one(1, 1);
  try {
    return machine.open()->plan({1, 1, 1}, one.view(), OperandMode::stationary, PlanOptions{}) !=
           nullptr;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
    return false;
  }
}

inline std::vector<Machine> machines() {
  std::vector<Machine> all;
  for (const Backend* backend : backends()) {
    if (!backend->available()) continue;
    for (const std::string& preset : preset_names(backend->info().id)) {
      const Machine machine{backend, preset};
      if (runs_here(machine)) all.push_back(machine);
    }
  }
  return all;
}

inline std::string machine_name(const testing::TestParamInfo<Machine>& info) {
  std::string name = info.param.backend->info().id + "_" + info.param.preset;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

template <class T>
Matrix<T> operand(harness::OperandRole role, std::int64_t rows, std::int64_t cols,
                  std::uint64_t seed = 1) {
  const Matrix<float> values = harness::make_operand(role, rows, cols, {}, seed);
  return copy_as<T>(values.view());
}

/// A B in float64, sums in index order.
template <class T>
Matrix<double> plain_product(MatrixView<const T> a, MatrixView<const T> b) {
  Matrix<double> c(a.rows, b.cols);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t l = 0; l < a.cols; ++l) {
      const auto x = static_cast<double>(a(i, l));
      for (std::int64_t j = 0; j < b.cols; ++j) c(i, j) += x * static_cast<double>(b(l, j));
    }
  }
  return c;
}

template <class T>
double norm(MatrixView<const T> x) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) {
      sum += static_cast<double>(x(i, j)) * static_cast<double>(x(i, j));
    }
  }
  return std::sqrt(sum);
}

/// Brings a device to age 0, calibrated as it is by default. Plans must exist.
inline void calibrate_now(Device& device) {
  device.set_epoch({});
  if (device.default_calibration() != "none") device.calibrate(device.default_calibration());
}

}  // namespace jb::test
