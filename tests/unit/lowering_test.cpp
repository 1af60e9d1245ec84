// Rows that convolutions lower, and planes that they store, element by element.

#include "backends/host/linear/lowering.h"

#include <gtest/gtest.h>

#include <vector>

#include "backends/core/data_type.h"
#include "tests/support/nodes.h"

namespace jb::host {
namespace {

using inference::Window;

Window window(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
              std::int64_t pad) {
  Window w{input, 1, kernel, stride, dilation, pad, pad};
  w.output = (input + 2 * pad - w.reach()) / stride + 1;
  return w;
}

ConvGeometry geometry(const Window& y, const Window& x, std::int64_t channels, std::int64_t groups,
                      std::int64_t images) {
  ConvGeometry g;
  g.w[1] = y;
  g.w[2] = x;
  g.in_channels = channels;
  g.out_channels = channels;
  g.groups = groups;
  g.images = images;
  return g;
}

std::vector<ConvGeometry> geometries() {
  return {geometry(window(6, 3, 1, 1, 1), window(7, 3, 1, 1, 1), 4, 1, 2),
          geometry(window(9, 3, 2, 1, 0), window(8, 3, 2, 1, 1), 6, 3, 2),
          geometry(window(11, 5, 1, 1, 2), window(9, 5, 1, 1, 2), 2, 2, 3),
          geometry(window(16, 7, 2, 1, 3), window(15, 7, 2, 1, 3), 3, 1, 1),
          geometry(window(13, 2, 1, 3, 1), window(12, 3, 1, 2, 2), 2, 1, 2),
          geometry(window(12, 11, 4, 1, 2), window(12, 11, 4, 1, 2), 3, 1, 1),
          geometry(window(8, 1, 1, 1, 0), window(9, 1, 1, 1, 0), 40, 1, 2),  // the image turned
          geometry(window(8, 1, 2, 1, 0), window(9, 1, 2, 1, 0), 5, 1, 2),
          geometry(window(64, 3, 1, 1, 1), window(64, 3, 1, 1, 1), 1, 1, 1),  // several pieces
          // Padding that nobody should write out.
          geometry(window(3, 2, 100000, 1, 100000), window(3, 2, 100000, 1, 100000), 2, 1, 1)};
}

/// Element `column` of lowered row `row` of a group by the definition of a window.
float defined(const ConvGeometry& g, const Tensor& x, std::int64_t group, std::int64_t row,
              std::int64_t column) {
  const std::int64_t channels = g.in_channels / g.groups;
  const std::int64_t positions = g.w[1].output * g.w[2].output;
  const std::int64_t image = row / positions;
  const std::int64_t taps = g.w[1].kernel * g.w[2].kernel;
  const std::int64_t tap = column % taps;
  const std::int64_t c = group * channels + column / taps;
  const std::int64_t i = row % positions / g.w[2].output * g.w[1].stride - g.w[1].pad_begin +
                         tap / g.w[2].kernel * g.w[1].dilation;
  const std::int64_t j = row % g.w[2].output * g.w[2].stride - g.w[2].pad_begin +
                         tap % g.w[2].kernel * g.w[2].dilation;
  if (i < 0 || i >= g.w[1].input || j < 0 || j >= g.w[2].input) return 0;
  return x.as<float>()[static_cast<std::size_t>(
      ((image * g.in_channels + c) * g.w[1].input + i) * g.w[2].input + j)];
}

TEST(Lowering, RowsAreTheWindows) {
  int which = 0;
  for (const ConvGeometry& g : geometries()) {
    const Tensor x = test::normal({g.images, g.in_channels, g.w[1].input, g.w[2].input}, 1);
    ConvGeometry padded = g;
    const Tensor whole = with_padding(padded, x);
    EXPECT_LT(whole.size(), 8 * x.size() + 8192);
    const std::int64_t k = g.in_channels / g.groups * g.area(&Window::kernel);
    const std::int64_t all = g.images * g.area(&Window::output);
    for (std::int64_t group = 0; group < g.groups; ++group) {
      // In two pieces that cut an image, with a guard behind each.
      const std::int64_t cut = all / 2 + 1;
      for (const auto& [first, count] :
           {std::pair{std::int64_t{0}, cut}, std::pair{cut, all - cut}}) {
        std::vector<float> rows(static_cast<std::size_t>(count * k + 1), 7);
        const LoweredRows<float> lowered(padded, whole.as<float>().data(), group, first, count);
        ASSERT_EQ(lowered.rows(), count);
        ASSERT_EQ(lowered.cols(), k);
        // A few at a time and the rest at once.
        const std::int64_t few = std::min<std::int64_t>(count, 3);
        lowered.read(0, few, rows.data());
        lowered.read(few, count - few, rows.data() + few * k);
        for (std::int64_t r = 0; r < count; ++r) {
          for (std::int64_t c = 0; c < k; ++c) {
            ASSERT_EQ(rows[static_cast<std::size_t>(r * k + c)], defined(g, x, group, first + r, c))
                << "geometry " << which << ", row " << first + r << ", column " << c;
          }
        }
        EXPECT_EQ(rows.back(), 7) << "geometry " << which;
      }
    }
    ++which;
  }
}

}  // namespace
}  // namespace jb::host
