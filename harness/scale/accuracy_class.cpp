#include "harness/scale/accuracy_class.h"

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"
#include "harness/operands.h"

namespace jb::harness::scale {
namespace {

constexpr std::int64_t kRows = 16, kColumns = 32, kMostTerms = 256;
constexpr double kSixteenBits = 5e-3;

/// Half a unit in the last place of numbers about 1.
double unit_roundoff(ElementType type) {
  switch (type) {
    case ElementType::f64:
      return std::ldexp(1.0, -53);
    case ElementType::f32:
      return std::ldexp(1.0, -24);
    case ElementType::tf32:
    case ElementType::f16:
      return std::ldexp(1.0, -11);
    case ElementType::bf16:
      return std::ldexp(1.0, -8);
    case ElementType::f8e4m3:
      return std::ldexp(1.0, -4);
    case ElementType::f8e5m2:
      return std::ldexp(1.0, -3);
    case ElementType::s32:  // sums, no operands
      return 0;
    case ElementType::s8:
    case ElementType::u8s8:
      // Codes to +-127 of a full scale of four deviations: 4/127/sqrt(12) of the deviation.
      return 4.0 / 127 / std::sqrt(12.0);
  }
  return 1;
}

std::string class_name(double error) {
  if (error <= 1e-5) return "32-bit";
  if (error <= kSixteenBits) return "16-bit";
  if (error <= 3e-2) return "8-bit";
  if (error <= 0.3) return "analog, coarse";
  return "no digits";
}

/// One product on a machine of its own, against float64.
double error_of_product(const Machine& machine, std::int64_t k) {
  const Matrix<float> a = make_operand(OperandRole::a, kRows, k, {}, 1);
  const Matrix<float> b = make_operand(OperandRole::b, k, kColumns, {}, 1);
  Matrix<float> c(kRows, kColumns);
  const auto device = machine.backend().open(machine.spec(), {1, 0, machine.precision()});
  const auto plan = device->plan({kRows, kColumns, k}, ConstMatrixRef(b.view()),
                                 OperandMode::stationary, PlanOptions{});
  plan->execute(ConstMatrixRef(a.view()), MatrixRef(c.view()));
  double error = 0;
  double size = 0;
  for (std::int64_t i = 0; i < kRows; ++i) {
    for (std::int64_t j = 0; j < kColumns; ++j) {
      double sum = 0;
      for (std::int64_t l = 0; l < k; ++l) {
        sum += static_cast<double>(a(i, l)) * static_cast<double>(b(l, j));
      }
      const double difference = static_cast<double>(c(i, j)) - sum;
      error += difference * difference;
      size += sum * sum;
    }
  }
  return std::sqrt(error / size);
}

}  // namespace

AccuracyClass accuracy_of(const Machine& machine, std::int64_t k) {
  AccuracyClass accuracy;
  const std::int64_t terms = std::clamp<std::int64_t>(k, 1, kMostTerms);
  if (machine.backend().info().simulated) {
    accuracy.error = error_of_product(machine, terms);
    accuracy.method =
        fmt::format("one simulated product of {} x {} x {}, normal data", kRows, kColumns, terms);
  } else {
    // Both operands are rounded, with errors uniform up to the roundoff; sums are wider.
    accuracy.error = std::sqrt(2.0 / 3) * unit_roundoff(machine.precision());
    accuracy.method = "rounding of both operands to the machine's precision";
  }
  accuracy.name = class_name(accuracy.error);
  return accuracy;
}

bool trains(const AccuracyClass& accuracy) { return accuracy.error <= kSixteenBits; }

}  // namespace jb::harness::scale
