// Do rows of converters, vectorised, do what one converter does to one value?
#include "backends/analog/rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backends/core/random.h"

namespace jb::analog {
namespace {

std::vector<float> normals(std::size_t count, std::int64_t row) {
  std::vector<float> x(count);
  RandomStream(5, 0, tag_of("analog_rows_test"), 0).normals(x, row, 0, 0);
  return x;
}

TEST(AnalogRows, CodesAreThoseOfTheExactQuotient) {
  const Dac dac{8};
  std::vector<float> x = normals(517, 0);
  // Ties: half of an even full scale is the code 63.5, which a rounded reciprocal may miss.
  for (const float full_scale : {14.0F, 46.0F, 3.7F, 1e-30F}) {
    x[3] = full_scale / 2;
    x[4] = -full_scale / 2;
    x[5] = 2 * full_scale;
    std::vector<float> codes(x.size());
    encode(dac, x.data(), static_cast<std::int64_t>(x.size()), static_cast<double>(full_scale),
           codes.data());
    for (std::size_t j = 0; j < x.size(); ++j) {
      ASSERT_EQ(codes[j], dac.code(static_cast<double>(x[j]) / static_cast<double>(full_scale)))
          << x[j] << " of " << full_scale;
    }
  }
  std::vector<float> codes(4, 9.0F);
  encode(dac, x.data(), 4, 0.0, codes.data());
  EXPECT_EQ(codes, std::vector<float>(4, 0.0F));  // nothing drives the lines
}

TEST(AnalogRows, LargestMagnitudeOfAnyLength) {
  for (const std::int64_t n : {0, 1, 31, 32, 33, 100}) {
    std::vector<float> x = normals(static_cast<std::size_t>(n), 1);
    if (n > 0) x.back() = -50.0F;
    EXPECT_EQ(largest_magnitude(x.data(), n), n > 0 ? 50.0 : 0.0) << n;
  }
}

// Columns of a whole strip and others; with and without noise, static errors and a converter.
TEST(AnalogRows, SumsAreReadAsOneConverterReadsThem) {
  for (const std::int64_t cols : {64, 37}) {
    constexpr std::int64_t kRows = 3;
    const auto width = static_cast<std::size_t>(cols);
    std::vector<float> sums = normals(kRows * width, 2);
    for (float& s : sums) s *= 40.0F;
    const std::vector<float> gain(width, 0.01F);
    const std::vector<float> offset(width, -0.25F);
    const std::vector<double> noise(kRows * width, 0.125);
    for (const AdcStyle style : {AdcStyle::quantizer, AdcStyle::sign_magnitude}) {
      for (const int bits : {0, 6}) {
        const Adc adc = bits > 0 ? Adc(bits, style, 64.0) : Adc();
        for (const int which : {0, 1, 2, 3}) {
          SumReadout readout{0.75, 0.75 / adc.lsb(), nullptr, nullptr, nullptr};
          if ((which & 1) != 0) readout.noise = noise.data();
          if ((which & 2) != 0) {
            readout.gain = gain.data();
            readout.offset = offset.data();
          }
          std::vector<double> total(kRows * width, 1.0);
          const std::int64_t clipped =
              read_sums<float>(adc, readout, {sums.data(), kRows, cols, cols, 1},
                               {total.data(), kRows, cols, cols, 1});
          std::int64_t expected_clipped = 0;
          for (std::size_t i = 0; i < total.size(); ++i) {
            double z = static_cast<double>(sums[i]) * (bits > 0 ? 0.75 / adc.lsb() : 0.75);
            if (readout.noise != nullptr) z += 0.125 * (1.0 / adc.lsb());
            if (readout.gain != nullptr) {
              z = z * (1.0 + static_cast<double>(0.01F)) + static_cast<double>(-0.25F);
            }
            if (bits > 0) {
              expected_clipped += adc.clips(z) ? 1 : 0;
              z = adc.convert(z) * adc.lsb();
            }
            ASSERT_EQ(total[i], 1.0 + z) << cols << " " << bits << " " << which << " " << i;
          }
          EXPECT_EQ(clipped, expected_clipped);
          EXPECT_EQ(clipped > 0, bits > 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace jb::analog
