// oneDNN's products and convolutions in bf16 and in 8 bits, against references written out here:
// integers to the last bit, bf16 to the rounding of f32 sums of rounded operands.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/core/number_conversion.h"
#include "backends/energy/ledger.h"
#include "backends/onednn/onednn_plan.h"

namespace jb {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// Values of `sign` 0: both signs; 1: none below zero, as after a ReLU.
Matrix<float> values(std::int64_t rows, std::int64_t cols, std::uint64_t what, bool negative) {
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

double nearest_even(double x) {
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

Codes signed_codes(const std::vector<double>& x, double largest, double most) {
  Codes out;
  if (largest > 0) out.scale = largest / most;
  for (const double v : x) {
    out.code.push_back(
        static_cast<std::int64_t>(std::min(most, std::max(-most, nearest_even(v / out.scale)))));
  }
  return out;
}

Codes unsigned_codes(const std::vector<double>& x, double low, double high) {
  Codes out;
  if (high > low) out.scale = (high - low) / 255;
  out.zero = static_cast<std::int64_t>(nearest_even(-low / out.scale));
  for (const double v : x) {
    const double code = nearest_even(v / out.scale) + static_cast<double>(out.zero);
    out.code.push_back(static_cast<std::int64_t>(std::min(255.0, std::max(0.0, code))));
  }
  return out;
}

double largest_of(const std::vector<double>& x) {
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

void expect_same(const Matrix<float>& x, const Matrix<float>& y, const std::string& what) {
  ASSERT_EQ(x.size(), y.size());
  for (std::int64_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(x.data()[i], y.data()[i]) << what << ", element " << i;
  }
}

Matrix<float> as_bf16(const Matrix<float>& x) {
  Matrix<float> y(x.rows(), x.cols());
  for (std::int64_t i = 0; i < x.size(); ++i) y.data()[i] = to_float(to_bfloat16(x.data()[i]));
  return y;
}

// f32 sums in any order (Higham 2002, Eq. 3.13).
void expect_product(const Matrix<float>& a, const Matrix<float>& b, const Matrix<float>& c,
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

class OnednnPrecisionTest : public ::testing::Test {
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

TEST_F(OnednnPrecisionTest, Bf16RoundsOperandsAndSumsInF32) {
  if (!can(ElementType::bf16)) GTEST_SKIP() << "this processor has no AVX-512";
  for (const char* primitive : {"matmul", "inner_product"}) {
    const auto device = open(ElementType::bf16, {{"primitive", primitive}});
    for (const auto& [m, n, k] : shapes_) {
      const Matrix<float> a = values(m, k, 1, true);
      const Matrix<float> b = values(k, n, 2, true);
      const Matrix<float> c = multiply(*device, a, b);
      expect_product(as_bf16(a), as_bf16(b), c, primitive);
    }
  }
}

TEST_F(OnednnPrecisionTest, EightBitProductsAreExact) {
  for (const ElementType precision : {ElementType::s8, ElementType::u8s8}) {
    for (const char* inputs : {"per_row", "per_tensor"}) {
      for (const char* weights : {"per_column", "per_tensor"}) {
        for (const char* primitive : {"matmul", "inner_product"}) {
          const auto device = open(precision, {{"quantisation.inputs", inputs},
                                               {"quantisation.weights", weights},
                                               {"primitive", primitive}});
          IntegerReference reference;
          reference.is_unsigned = precision == ElementType::u8s8;
          reference.input_per_tensor = std::string(inputs) == "per_tensor";
          reference.weights_per_tensor = std::string(weights) == "per_tensor";
          reference.largest_weight = largest_weight();
          for (const bool negative : {true, false}) {
            for (const auto& [m, n, k] : shapes_) {
              const Matrix<float> a = values(m, k, 1, negative);
              const Matrix<float> b = values(k, n, 2, true);
              expect_same(multiply(*device, a, b), reference(a, b),
                          std::string(name_of(precision)) + " " + inputs + " " + weights + " " +
                              primitive + " " + to_string(GemmShape{m, n, k}));
            }
          }
        }
      }
    }
  }
}

TEST_F(OnednnPrecisionTest, SignedEightBitEqualsTheSystolicArray) {
  if (largest_weight() != 127) GTEST_SKIP() << "weights have 7 bits on this processor";
  const Backend& systolic = find_backend("systolic");
  const auto array = systolic.open(load_device(systolic, "tpu-v1"), {});
  const Matrix<float> a = values(33, 200, 1, true);
  const Matrix<float> b = values(200, 40, 2, true);
  expect_same(multiply(*open(ElementType::s8), a, b), multiply(*array, a, b), "s8");
}

TEST_F(OnednnPrecisionTest, UnsignedCodesUseTheWholeRangeAfterAReLU) {
  // Without negative inputs u8 has twice as many codes as s8: half the error of the inputs.
  const Matrix<float> a = values(64, 256, 1, false);
  const Matrix<float> b = values(256, 64, 2, true);
  const auto error = [&](ElementType precision) {
    const Matrix<float> c = multiply(*open(precision), a, b);
    double squares = 0;
    for (std::int64_t i = 0; i < 64; ++i) {
      for (std::int64_t j = 0; j < 64; ++j) {
        double sum = 0;
        for (std::int64_t p = 0; p < 256; ++p) {
          sum += static_cast<double>(a(i, p)) * static_cast<double>(b(p, j));
        }
        squares += (static_cast<double>(c(i, j)) - sum) * (static_cast<double>(c(i, j)) - sum);
      }
    }
    return squares;
  };
  EXPECT_LT(error(ElementType::u8s8), error(ElementType::s8));
}

TEST_F(OnednnPrecisionTest, BothDirectionsAndUpdates) {
  for (const ElementType precision : {ElementType::s8, ElementType::u8s8}) {
    Matrix<float> b = values(23, 40, 2, true);
    const Matrix<float> delta = values(23, 40, 3, true);
    const Matrix<float> g = values(9, 40, 1, true);
    const auto device = open(precision);
    const auto plan = device->plan({9, 40, 23}, b.view(), OperandMode::stationary, {});
    IntegerReference reference;
    reference.is_unsigned = precision == ElementType::u8s8;
    reference.largest_weight = largest_weight();
    const auto transposed = [&] { return copy_as<float>(ConstMatrixRef(b.view()).transposed()); };
    Matrix<float> c(9, 23);
    plan->execute(g.view(), c.view(), {}, Direction::transposed);
    expect_same(c, reference(g, transposed()), "transposed");
    plan->update(delta.view());
    for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] += delta.data()[i];
    plan->execute(g.view(), c.view(), {}, Direction::transposed);
    expect_same(c, reference(g, transposed()), "updated, transposed");
  }
}

TEST_F(OnednnPrecisionTest, RowsMayChangeBetweenExecutions) {
  const Matrix<float> b = values(64, 48, 2, true);
  for (const ElementType precision : {ElementType::s8, ElementType::u8s8}) {
    IntegerReference reference;
    reference.is_unsigned = precision == ElementType::u8s8;
    reference.largest_weight = largest_weight();
    for (const char* primitive : {"matmul", "inner_product"}) {
      const auto device = open(precision, {{"primitive", primitive}});
      const auto plan = device->plan({64, 48, 64}, b.view(), OperandMode::stationary, {});
      for (const std::int64_t m : {64, 1, 2, 3, 7, 33, 64, 1, 100}) {
        const Matrix<float> a = values(m, 64, static_cast<std::uint64_t>(m), true);
        Matrix<float> c(m, 48);
        plan->execute(a.view(), c.view());
        expect_same(c, reference(a, b), "m = " + std::to_string(m));
      }
    }
  }
}

TEST_F(OnednnPrecisionTest, ACalibratedRangeSaturatesAndSaysSo) {
  const Matrix<float> a = values(8, 100, 1, true);
  const Matrix<float> b = values(100, 10, 2, true);
  PlanOptions options;
  options.input_range = 0.5;
  Matrix<float> c(8, 10);
  const auto device = open(ElementType::s8);
  const Execution run = device->plan({8, 10, 100}, b.view(), OperandMode::stationary, options)
                            ->execute(a.view(), c.view());
  ASSERT_EQ(run.lints.size(), 1U);
  EXPECT_EQ(run.lints[0].rfind("saturated", 0), 0U) << run.lints[0];
}

TEST_F(OnednnPrecisionTest, DepthThatCouldOverflowIsRefusedWithWhatWouldDo) {
  const Support s8 =
      open(ElementType::s8)->supports({1, 1, 133145}, OperandMode::stationary, ElementType::s8);
  EXPECT_FALSE(s8.ok);
  EXPECT_NE(s8.reason.find("133144"), std::string::npos) << s8.reason;
  const Support u8 =
      open(ElementType::u8s8)->supports({1, 1, 66312}, OperandMode::stationary, ElementType::u8s8);
  EXPECT_FALSE(u8.ok);
  EXPECT_NE(u8.reason.find("66311"), std::string::npos) << u8.reason;
  EXPECT_NE(u8.reason.find("--precision f32"), std::string::npos) << u8.reason;
}

TEST_F(OnednnPrecisionTest, FewerBitsCostLessInTheModel) {
  const DeviceSpec spec = load_device(backend_, "xeon-server");
  double last = std::numeric_limits<double>::infinity();
  for (const ElementType precision : {ElementType::f32, ElementType::bf16, ElementType::s8}) {
    const auto device = backend_.open(spec, DeviceInstance{1, 0, precision});
    const Activity activity = device->estimate({4096, 4096, 4096}, OperandMode::stationary, {});
    const double joules = price(activity, device->prices()).total_J();
    EXPECT_LT(joules, last) << name_of(precision);
    EXPECT_LE(std::pow(4096.0, 3) / activity.device_time_s, device->peak_mac_per_s());
    last = joules;
  }
}

TEST_F(OnednnPrecisionTest, ReferenceCodeOfTheLibraryIsReported) {
  EXPECT_EQ(onednn::slow_lint("brg:avx512_core"), "");
  EXPECT_EQ(onednn::slow_lint("jit_uni_int8:avx2"), "");
  EXPECT_EQ(onednn::slow_lint("ref:any").rfind("slow-implementation: ", 0), 0U);
  EXPECT_NE(onednn::slow_lint("ref_int8:any").find("ref_int8:any"), std::string::npos);
}

// Convolutions: the primitive's result against windows gathered here.
struct ConvCase {
  const char* name;
  ConvShape shape;
};

std::vector<ConvCase> conv_cases() {
  ConvShape plain;
  plain.images = 2;
  plain.in_channels = 3;
  plain.height = 9;
  plain.width = 11;
  plain.out_channels = 8;
  plain.kernel_h = plain.kernel_w = 3;
  ConvShape padded = plain;
  padded.pad = 1;
  padded.stride = 2;
  ConvShape grouped = padded;
  grouped.in_channels = 4;
  grouped.groups = 2;
  ConvShape dilated = plain;
  dilated.dilation = 2;
  dilated.pad = 2;
  ConvShape pointwise = plain;
  pointwise.kernel_h = pointwise.kernel_w = 1;
  pointwise.in_channels = 16;
  return {{"plain", plain},
          {"padded, stride 2", padded},
          {"groups", grouped},
          {"dilated", dilated},
          {"1 x 1", pointwise}};
}

/// Lowered products of each group of each image through `product`; N x K x P x Q.
template <class Product>
Matrix<float> lowered(const ConvShape& shape, const Matrix<float>& input,
                      const Matrix<float>& filters, Product product) {
  const GemmShape gemm = shape.gemm();
  const std::int64_t positions = shape.out_h() * shape.out_w();
  Matrix<float> out(shape.images * shape.out_channels, positions);
  for (std::int64_t g = 0; g < shape.groups; ++g) {
    const ConvLowering<float> windows(shape, input.data(), g);
    for (std::int64_t n = 0; n < shape.images; ++n) {
      Matrix<float> a(positions, gemm.k);
      windows.gather(n * positions, a.view());
      const Matrix<float> c = product(a, g, n);
      for (std::int64_t f = 0; f < gemm.n; ++f) {
        for (std::int64_t p = 0; p < positions; ++p) {
          out(n * shape.out_channels + g * gemm.n + f, p) = c(p, f);
        }
      }
    }
  }
  (void)filters;
  return out;
}

Matrix<float> convolve(Device& device, const ConvShape& shape, const Matrix<float>& input,
                       const Matrix<float>& filters, std::string* implementation = nullptr) {
  const auto plan = device.plan_conv(shape, filters.data(), {});
  EXPECT_NE(plan, nullptr);
  plan->load(input.data());
  (void)plan->execute();
  (void)plan->execute();  // what was loaded is still there
  Matrix<float> out(shape.images * shape.out_channels, shape.out_h() * shape.out_w());
  plan->store(out.data());
  if (implementation != nullptr) *implementation = plan->implementation();
  return out;
}

Matrix<float> group_filters(const ConvShape& shape, const Matrix<float>& filters, std::int64_t g) {
  const GemmShape gemm = shape.gemm();
  return copy_as<float>(
      ConstMatrixRef(filters.view().block(g * gemm.n, 0, gemm.n, gemm.k)).transposed());
}

TEST_F(OnednnPrecisionTest, ConvolutionsInF32AndBf16) {
  for (const ElementType precision : {ElementType::f32, ElementType::bf16}) {
    if (!can(precision)) continue;
    for (const ConvCase& test : conv_cases()) {
      const ConvShape& s = test.shape;
      const Matrix<float> input = values(s.images * s.in_channels * s.height, s.width, 1, true);
      const Matrix<float> filters = values(s.out_channels, s.gemm().k, 2, true);
      const auto device = open(precision);
      std::string implementation;
      const Matrix<float> got = convolve(*device, s, input, filters, &implementation);
      EXPECT_FALSE(implementation.empty());
      const bool rounds = precision == ElementType::bf16;
      const double u = std::numeric_limits<float>::epsilon() / 2;
      // Twice: sums, and sums of magnitudes for the tolerance (Higham 2002, Eq. 3.13).
      const auto sums = [&](bool magnitudes) {
        return lowered(s, input, filters, [&](const Matrix<float>& a, std::int64_t g, auto) {
          const Matrix<float> x = rounds ? as_bf16(a) : a;
          const Matrix<float> w0 = group_filters(s, filters, g);
          const Matrix<float> w = rounds ? as_bf16(w0) : w0;
          Matrix<float> c(x.rows(), w.cols());
          for (std::int64_t i = 0; i < c.rows(); ++i) {
            for (std::int64_t j = 0; j < c.cols(); ++j) {
              double sum = 0;
              for (std::int64_t p = 0; p < x.cols(); ++p) {
                const double term = static_cast<double>(x(i, p)) * static_cast<double>(w(p, j));
                sum += magnitudes ? std::abs(term) : term;
              }
              c(i, j) = static_cast<float>(sum);
            }
          }
          return c;
        });
      };
      const Matrix<float> expected = sums(false);
      const Matrix<float> magnitude = sums(true);
      for (std::int64_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(
            static_cast<double>(got.data()[i]), static_cast<double>(expected.data()[i]),
            static_cast<double>(s.gemm().k + 3) * u * static_cast<double>(magnitude.data()[i]))
            << test.name << " " << name_of(precision) << " " << i;
      }
    }
  }
}

TEST_F(OnednnPrecisionTest, ConvolutionsInEightBitsAreExact) {
  for (const ElementType precision : {ElementType::s8, ElementType::u8s8}) {
    for (const bool negative : {true, false}) {
      for (const ConvCase& test : conv_cases()) {
        const ConvShape& s = test.shape;
        const Matrix<float> input =
            values(s.images * s.in_channels * s.height, s.width, 1, negative);
        const Matrix<float> filters = values(s.out_channels, s.gemm().k, 2, true);
        const Matrix<float> got = convolve(*open(precision), s, input, filters);
        const std::int64_t each = s.in_channels * s.height * s.width;
        const Matrix<float> expected =
            lowered(s, input, filters, [&](const Matrix<float>& a, std::int64_t g, std::int64_t n) {
              // An image's scale is that of all its elements, not of a window's.
              std::vector<double> image;
              for (std::int64_t i = 0; i < each; ++i) {
                image.push_back(static_cast<double>(input.data()[n * each + i]));
              }
              const double low = std::min(0.0, *std::min_element(image.begin(), image.end()));
              const double high = std::max(0.0, *std::max_element(image.begin(), image.end()));
              const Matrix<float> w = group_filters(s, filters, g);
              Matrix<float> c(a.rows(), w.cols());
              for (std::int64_t j = 0; j < w.cols(); ++j) {
                std::vector<double> column;
                for (std::int64_t p = 0; p < w.rows(); ++p) {
                  column.push_back(static_cast<double>(w(p, j)));
                }
                const Codes weights = signed_codes(column, largest_of(column), largest_weight());
                for (std::int64_t i = 0; i < a.rows(); ++i) {
                  std::vector<double> window;
                  for (std::int64_t p = 0; p < a.cols(); ++p) {
                    window.push_back(static_cast<double>(a(i, p)));
                  }
                  const Codes codes = precision == ElementType::u8s8
                                          ? unsigned_codes(window, low, high)
                                          : signed_codes(window, largest_of(image), 127);
                  std::int64_t sum = 0;
                  for (std::size_t p = 0; p < column.size(); ++p) {
                    sum += (codes.code[p] - codes.zero) * weights.code[p];
                  }
                  c(i, j) =
                      static_cast<float>(static_cast<double>(sum) * codes.scale * weights.scale);
                }
              }
              return c;
            });
        expect_same(got, expected,
                    std::string(test.name) + " " + std::string(name_of(precision)) +
                        (negative ? "" : ", no negative inputs"));
      }
    }
  }
}

}  // namespace
}  // namespace jb
