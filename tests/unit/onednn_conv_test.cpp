// oneDNN's own convolutions against windows gathered here: f32 and bf16 to the rounding of f32
// sums, integers to the last bit.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/onednn_precision.h"

namespace jb {
namespace {

using namespace test;
using OnednnConvTest = test::OnednnPrecision;

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

TEST_F(OnednnConvTest, ConvolutionsInF32AndBf16) {
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

TEST_F(OnednnConvTest, ConvolutionsInEightBitsAreExact) {
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
