// Does every backend compute the product? All presets, shapes and views, against float64.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/conformance.h"

namespace jb::test {
namespace {

using harness::OperandRole;

class Product : public testing::TestWithParam<Machine> {
 protected:
  /// Executes on a fresh device; C starts as NaN so that elements never written show.
  template <class T>
  void execute(const GemmShape& shape, MatrixView<const T> a, MatrixView<const T> b,
               MatrixView<T> c) {
    for (std::int64_t i = 0; i < c.rows; ++i) {
      for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) = static_cast<T>(std::nan(""));
    }
    const auto device = GetParam().open();
    const Support support =
        device->supports(shape, OperandMode::stationary, GetParam().precision());
    ASSERT_TRUE(support) << support.reason;
    const auto plan = device->plan(shape, b, OperandMode::stationary, PlanOptions{});
    calibrate_now(*device);
    plan->execute(a, c, Draw{}, Direction::forward);
  }

  /// Exact machines: within what rounding explains. Others: finite, and of the right scale.
  template <class T>
  void compare(MatrixView<const T> a, MatrixView<const T> b, MatrixView<const T> c) {
    const Matrix<double> reference = plain_product<T>(a, b);
    double error2 = 0;
    double cross = 0;
    for (std::int64_t i = 0; i < c.rows; ++i) {
      for (std::int64_t j = 0; j < c.cols; ++j) {
        const auto value = static_cast<double>(c(i, j));
        ASSERT_TRUE(std::isfinite(value)) << i << "," << j;
        error2 += (value - reference(i, j)) * (value - reference(i, j));
        cross += value * reference(i, j);
      }
    }
    if (GetParam().exact()) {
      // Higham's gamma_k ||A|| ||B|| and the rounding of the result (harness/verification.h).
      const auto rounding = harness::rounding_of(element_type_of<T>, element_type_of<T>);
      const double bound = harness::relative_error_bound(*rounding, a.cols) * norm(a) * norm(b);
      EXPECT_LE(std::sqrt(error2), bound);
      return;
    }
    const double reference_norm = norm<double>(std::as_const(reference).view());
    const auto elements = static_cast<double>(c.rows * c.cols);
    if (elements < 1000) return;  // too few to tell the scale from the noise
    // Slope of C over the reference. Independent noise of relative size r moves it by r / sqrt(N)
    // (five of them allowed); 10 % for the systematic part, gain errors and clipping, which no
    // preset here has above 5 %.
    const double slope = cross / (reference_norm * reference_norm);
    const double noise = std::sqrt(error2) / reference_norm;
    EXPECT_NEAR(slope, 1, 0.1 + 5 * noise / std::sqrt(elements));
  }

  template <class T>
  void check(const GemmShape& shape) {
    SCOPED_TRACE(to_string(shape) + (sizeof(T) == 8 ? " f64" : " f32"));
    const Matrix<T> a = operand<T>(OperandRole::a, shape.m, shape.k);
    const Matrix<T> b = operand<T>(OperandRole::b, shape.k, shape.n);
    Matrix<T> c(shape.m, shape.n);
    execute<T>(shape, a.view(), b.view(), c.view());
    compare<T>(a.view(), b.view(), std::as_const(c).view());
  }
};

TEST_P(Product, ShapesOfAllKinds) {
  const std::vector<GemmShape> shapes = {{1, 1, 1},    {1, 100, 784}, {37, 1, 41},
                                         {41, 37, 1},  {1, 1, 513},   {13, 17, 19},
                                         {67, 61, 71}, {64, 64, 64},  {129, 33, 257}};
  for (const GemmShape& shape : shapes) {
    check<float>(shape);
    if (GetParam().takes(ElementType::f64)) check<double>(shape);
  }
}

TEST_P(Product, EmptySums) {
  const GemmShape shape{5, 7, 0};
  const Matrix<float> a(5, 0);
  const Matrix<float> b(0, 7);
  Matrix<float> c(5, 7);
  execute<float>(shape, a.view(), b.view(), c.view());
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 7; ++j) {
      if (GetParam().exact()) {
        EXPECT_EQ(c(i, j), 0.0F);
      } else {
        EXPECT_TRUE(std::isfinite(c(i, j)));
      }
    }
  }
}

TEST_P(Product, ZeroOperands) {
  const GemmShape shape{6, 9, 33};
  const Matrix<float> zero_a(6, 33);
  const Matrix<float> zero_b(33, 9);
  const Matrix<float> a = operand<float>(OperandRole::a, 6, 33);
  const Matrix<float> b = operand<float>(OperandRole::b, 33, 9);
  Matrix<float> c(6, 9);
  execute<float>(shape, zero_a.view(), b.view(), c.view());
  compare<float>(zero_a.view(), b.view(), std::as_const(c).view());
  execute<float>(shape, a.view(), zero_b.view(), c.view());
  compare<float>(a.view(), zero_b.view(), std::as_const(c).view());
}

TEST_P(Product, StridedTransposedAndReversedViews) {
  const GemmShape shape{23, 29, 31};
  // A is stored transposed with its rows in reverse, B transposed inside a wider matrix, and C is
  // every second column of a matrix whose other columns must stay as they are.
  const Matrix<float> a_store = operand<float>(OperandRole::a, shape.k, shape.m);
  const MatrixView<const float> a{a_store.data() + (shape.m - 1), shape.m, shape.k, -1, shape.m};
  const Matrix<float> b_store = operand<float>(OperandRole::b, shape.n, shape.k + 5);
  const MatrixView<const float> b = b_store.view().block(0, 2, shape.n, shape.k).transposed();
  Matrix<float> c_store(shape.m, 2 * shape.n);
  for (std::int64_t i = 0; i < c_store.rows(); ++i) {
    for (std::int64_t j = 0; j < c_store.cols(); ++j) c_store(i, j) = 77;
  }
  const MatrixView<float> c{c_store.data(), shape.m, shape.n, 2 * shape.n, 2};
  execute<float>(shape, a, b, c);
  compare<float>(a, b, c);
  for (std::int64_t i = 0; i < shape.m; ++i) {
    for (std::int64_t j = 1; j < c_store.cols(); j += 2) ASSERT_EQ(c_store(i, j), 77.0F);
  }
  // The same values in plain storage give the same bytes.
  Matrix<float> plain(shape.m, shape.n);
  const Matrix<float> plain_a = copy_as<float>(a);
  const Matrix<float> plain_b = copy_as<float>(b);
  execute<float>(shape, plain_a.view(), plain_b.view(), plain.view());
  for (std::int64_t i = 0; i < shape.m; ++i) {
    for (std::int64_t j = 0; j < shape.n; ++j) ASSERT_EQ(plain(i, j), c(i, j)) << i << "," << j;
  }
}

TEST_P(Product, StoredOperandUsedTransposed) {
  const GemmShape shape{21, 35, 27};  // B is 27 x 35; the product with B^T has k = 35
  const Matrix<float> a = operand<float>(OperandRole::a, shape.m, shape.n);
  const Matrix<float> b = operand<float>(OperandRole::b, shape.k, shape.n);
  Matrix<float> c(shape.m, shape.k);
  const auto device = GetParam().open();
  const auto plan = device->plan(shape, b.view(), OperandMode::stationary, PlanOptions{});
  calibrate_now(*device);
  try {
    plan->execute(ConstMatrixRef(a.view()), MatrixRef(c.view()), Draw{}, Direction::transposed);
  } catch (const Error& error) {
    // Columns that hold complements cannot be driven as rows; the refusal names the key that can.
    EXPECT_NE(std::string(error.what()).find("weight.flip"), std::string::npos) << error.what();
    return;
  }
  compare<float>(a.view(), b.view().transposed(), std::as_const(c).view());
}

TEST_P(Product, RefusesOperandsThatDoNotFit) {
  const GemmShape shape{4, 5, 6};
  const Matrix<float> a = operand<float>(OperandRole::a, 4, 7);
  const Matrix<float> b = operand<float>(OperandRole::b, 6, 5);
  Matrix<float> c(4, 5);
  const auto device = GetParam().open();
  const auto plan = device->plan(shape, b.view(), OperandMode::stationary, PlanOptions{});
  EXPECT_THROW(plan->execute(ConstMatrixRef(a.view()), MatrixRef(c.view())), Error);
  EXPECT_THROW(device->plan({4, 5, 7}, b.view(), OperandMode::stationary, PlanOptions{}), Error);
}

TEST(Machines, DefaultAndIdealDevicesOfAvailableBackendsAreTested) {
  const std::vector<Machine> tested = machines();
  for (const Backend* backend : backends()) {
    if (!backend->available()) continue;
    for (const std::string& preset :
         {backend->info().default_device, backend->info().ideal_device}) {
      const bool found = std::any_of(tested.begin(), tested.end(), [&](const Machine& machine) {
        return machine.backend == backend && machine.preset == preset;
      });
      EXPECT_TRUE(found || preset.empty()) << backend->info().id << " " << preset;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, Product, testing::ValuesIn(machines()), machine_name);

}  // namespace
}  // namespace jb::test
