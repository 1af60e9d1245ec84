// Opens two installed machines, multiplies on them, prices what they did. Exit 0 when the exact one
// is exact, the analog one is near, and executing cost what estimating said.

#include <cmath>
#include <cstdint>
#include <cstdio>

#include "backends/backend.h"
#include "backends/core/matrix.h"
#include "backends/core/paths.h"
#include "backends/energy/ledger.h"

namespace {

constexpr std::int64_t kRows = 16, kInner = 64, kCols = 32;

/// Small whole numbers: products and sums are exact in float32 (64 terms of at most 49).
jb::Matrix<float> whole_numbers(std::int64_t rows, std::int64_t cols, std::int64_t step) {
  jb::Matrix<float> matrix(rows, cols);
  for (std::int64_t i = 0; i < matrix.size(); ++i) {
    matrix.data()[i] = static_cast<float>(i * step % 15 - 7);
  }
  return matrix;
}

struct Outcome {
  double relative_error = 0;  ///< Frobenius, against plain sums in double
  double executed_J = 0;
  double estimated_J = 0;
};

Outcome multiply(const char* backend_id, const char* preset) {
  const jb::Matrix<float> a = whole_numbers(kRows, kInner, 7);
  const jb::Matrix<float> b = whole_numbers(kInner, kCols, 11);
  jb::Matrix<float> c(kRows, kCols);

  const jb::Backend& backend = jb::find_backend(backend_id);
  const auto device = backend.open(jb::load_device(backend, preset), {});
  const jb::GemmShape shape{kRows, kCols, kInner};
  const auto plan = device->plan(shape, b.view(), jb::OperandMode::stationary, {});
  const jb::Execution execution = plan->execute(a.view(), c.view());

  Outcome outcome;
  outcome.executed_J = jb::price(execution.activity, device->prices()).total_J();
  const jb::Activity expected =
      device->estimate(shape, jb::OperandMode::stationary, execution.statistics);
  outcome.estimated_J = jb::price(expected, device->prices()).total_J();

  double error = 0, norm = 0;
  for (std::int64_t i = 0; i < kRows; ++i) {
    for (std::int64_t j = 0; j < kCols; ++j) {
      double sum = 0;
      for (std::int64_t p = 0; p < kInner; ++p) sum += double{a(i, p)} * double{b(p, j)};
      error += (sum - double{c(i, j)}) * (sum - double{c(i, j)});
      norm += sum * sum;
    }
  }
  outcome.relative_error = std::sqrt(error / norm);
  return outcome;
}

}  // namespace

int main() {
  jb::set_data_dir(DATA_DIR);
  const Outcome exact = multiply("reference", "host");
  const Outcome analog = multiply("crossbar", "pcm-hermes");
  std::printf(
      "reference: relative error %g\ncrossbar: relative error %g, %g J executed, %g J estimated\n",
      exact.relative_error, analog.relative_error, analog.executed_J, analog.estimated_J);
  const bool right = exact.relative_error == 0;
  // Noise must show, and stay below the signal.
  const bool analog_right = analog.relative_error > 0 && analog.relative_error < 1;
  // One function counts for both (backends/backend.h, Device::estimate): the same numbers.
  const bool priced = analog.executed_J > 0 && analog.executed_J == analog.estimated_J;
  return right && analog_right && priced ? 0 : 1;
}
