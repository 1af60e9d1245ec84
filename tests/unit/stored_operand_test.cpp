// A plan's operand is held as it came, and told in float64 without loss.

#include <gtest/gtest.h>

#include "backends/core/stored_operand.h"

namespace jb {
namespace {

Matrix<float> thirds() {
  Matrix<float> matrix(2, 3);
  for (std::int64_t i = 0; i < matrix.size(); ++i) {
    matrix.data()[i] = static_cast<float>(i + 1) / 3.0F;
  }
  return matrix;
}

TEST(StoredOperand, HoldsTheTypeItWasGiven) {
  const Matrix<float> narrow = thirds();
  const StoredOperand turned(ConstMatrixRef(narrow.view()).transposed());
  EXPECT_EQ(turned.rows(), 3);
  EXPECT_EQ(turned.cols(), 2);
  ASSERT_EQ(turned.view().type, ElementType::f32);
  EXPECT_EQ(turned.view().as<float>()(2, 0), narrow(0, 2));
  const StoredOperand::Wide wide = turned.wide();
  EXPECT_EQ(wide.view()(2, 1), static_cast<double>(narrow(1, 2)));

  const Matrix<double> doubles = copy_as<double>(narrow.view());
  const StoredOperand held(doubles.view());
  ASSERT_EQ(held.view().type, ElementType::f64);
  EXPECT_EQ(held.wide().view().data, held.view().data) << "copied without need";
}

TEST(StoredOperand, AddsStepsThatF32WouldLose) {
  const Matrix<float> narrow = thirds();
  StoredOperand operand(narrow.view());
  Matrix<double> step(2, 3);
  step(1, 1) = 1e-12;
  for (int i = 0; i < 3; ++i) operand.add(step.view());
  ASSERT_EQ(operand.view().type, ElementType::f64);
  // Three sums near 5/3, each rounded by at most 2^-53 of 2.
  EXPECT_NEAR(operand.view().as<double>()(1, 1) - static_cast<double>(narrow(1, 1)), 3e-12, 1e-15);
  EXPECT_EQ(operand.view().as<double>()(0, 1), static_cast<double>(narrow(0, 1)));
}

}  // namespace
}  // namespace jb
