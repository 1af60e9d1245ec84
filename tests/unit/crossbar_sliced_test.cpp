// The fast ways through sliced products against float64: bit for bit on ideal quantised cells, and
// on noisy ones but for conversions that lie at the edge of a code.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "backends/inspectable.h"
#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

TEST(CrossbarSliced, NoisyCellsGiveTheSameForAnyThreadsAndRowBlocks) {
  expect_same_for_threads_and_cuts(
      normal_matrix<float>(150, 300, 1), normal_matrix<float>(300, 70, 2), [] {
        auto device = crossbar_device("pcm-hermes", {{"weight.bits", "8"},
                                                     {"weight.slices", "4"},
                                                     {"tile.rows", "100"},
                                                     {"input.coding", "bit-serial"},
                                                     {"read.white", "0.02"},
                                                     {"adc.gain_error", "0.01"},
                                                     {"adc.offset_error", "1"}});
        device->set_epoch({.age_s = 3600});
        return device;
      });
}

TEST(CrossbarSliced, BytesGiveWhatFloat64GivesBitForBit) {
  // Ideal quantised cells: whole numbers up to the converter, on any way through the product.
  const Matrix<float> a = normal_matrix<float>(70, 300, 1);
  const Matrix<float> b = normal_matrix<float>(300, 45, 2);
  const Matrix<double> a64 = converted<double>(a);
  const Matrix<double> b64 = converted<double>(b);
  for (const char* mapping : {"differential", "offset", "offset-unit-column"}) {
    for (const char* coding : {"multi-bit", "bit-serial"}) {
      for (const char* style : {"sign-magnitude", "unsigned"}) {
        const auto device = crossbar_device("ideal", {{"weight.mapping", mapping},
                                                      {"weight.bits", "8"},
                                                      {"weight.slices", "4"},
                                                      {"cell.bits", "2"},
                                                      {"tile.rows", "128"},
                                                      {"tile.cols", "20"},
                                                      {"dac.bits", "7"},
                                                      {"dac.style", style},
                                                      {"input.coding", coding},
                                                      {"adc.bits", "7"},
                                                      {"adc.style", "quantizer"},
                                                      {"adc.gain_error", "0.01"},
                                                      {"adc.offset_error", "0.3"}});
        const Matrix<float> c = run(*make_plan(*device, 70, b), a, 45);
        const Matrix<double> expected = run(*make_plan(*device, 70, b64), a64, 45);
        std::int64_t different = 0;
        for (std::int64_t i = 0; i < c.size(); ++i) {
          different += c.data()[i] != static_cast<float>(expected.data()[i]) ? 1 : 0;
        }
        EXPECT_EQ(different, 0) << mapping << " " << coding << " " << style;
      }
    }
  }
}

constexpr std::int64_t kVectors = 70;
constexpr std::int64_t kInputs = 300;
constexpr std::int64_t kOutputs = 45;
constexpr int kSlices = 4;
constexpr double kLimit = 40;  // array units
constexpr double kCodes = 255;

/// Conversions of one output in float64, from the conductances that the machine shows: how far the
/// float32 sums of the fast way may move each of them, in steps, and what that may do to the
/// output.
class Edges {
 public:
  Edges(const Plan& plan, const Matrix<float>& a, bool pairs, bool is_unsigned, std::int64_t tile)
      : a_(a), unsigned_(is_unsigned), tile_(tile) {
    std::map<std::string, Matrix<double>> shown;
    dynamic_cast<const Inspectable&>(plan).inspect(
        [&](const std::string& name, MatrixView<const double> matrix) {
          Matrix<double>& kept = shown[name];
          kept = Matrix<double>(matrix.rows, matrix.cols);
          for (std::int64_t i = 0; i < kInputs; ++i) {
            for (std::int64_t j = 0; j < kOutputs; ++j) kept(i, j) = matrix(i, j);
          }
        });
    for (int slice = 0; slice < kSlices; ++slice) {
      const std::string name = fmt::format("conductances_slice{}", slice);
      seen_.push_back(shown.at(pairs ? name + "_positive" : name));
      for (std::int64_t i = 0; i < seen_.back().size() && pairs; ++i) {
        seen_.back().data()[i] -= shown.at(name + "_negative").data()[i];
      }
    }
  }

  struct Output {
    double largest_change = 0;  ///< of the sum of codes over slices and planes, in steps
    double changes = 0;         ///< conversions that may fall on the other side
  };
  [[nodiscard]] Output of(std::int64_t vector, std::int64_t output) const {
    double full = 0;
    for (std::int64_t j = 0; j < kInputs; ++j) {
      full = std::max(full, std::abs(static_cast<double>(a_(vector, j))));
    }
    const int magnitude = unsigned_ ? 8 : 7;
    Output out;
    for (std::int64_t first = 0; first < kInputs; first += tile_) {
      const std::int64_t last = std::min(first + tile_, kInputs);
      for (int slice = 0; slice < kSlices; ++slice) {
        for (int plane = 0; plane < magnitude; ++plane) {
          double sum = 0;
          double absolute = 0;
          for (std::int64_t j = first; j < last; ++j) {
            const double x = static_cast<double>(a_(vector, j)) / full;
            const auto code = static_cast<int>(std::nearbyint(
                std::clamp(x, unsigned_ ? 0.0 : -1.0, 1.0) * (std::ldexp(1, magnitude) - 1)));
            const double g = seen_[static_cast<std::size_t>(slice)](j, output);
            absolute += std::abs(g);
            if (((std::abs(code) >> plane) & 1) != 0) sum += code < 0 ? -g : g;
          }
          const double per_lsb = kCodes / (2 * kLimit);
          // Two sums of +-g, halved: tables add six numbers, then a group after the other is added.
          const double roundings = 6 + static_cast<double>((last - first + 5) / 6) + 4;
          const double error = (roundings * absolute * per_lsb + kCodes) * std::ldexp(1, -24);
          const double place = sum * per_lsb + kCodes / 2;
          const double edge = std::abs(place - std::floor(place) - 0.5);
          if (edge > error) continue;
          out.changes += 1;
          out.largest_change += std::ldexp(1, 2 * slice + plane);
        }
      }
    }
    return out;
  }

 private:
  const Matrix<float>& a_;
  bool unsigned_;
  std::int64_t tile_;
  std::vector<Matrix<double>> seen_;  // by columns, of each slice
};

TEST(CrossbarSliced, LookUpsDifferFromFloat64AtEdgesOfCodesAlone) {
  // Whatever float32 does to a sum is below the bound that its roundings allow, so that an output
  // may differ where a conversion lies that near an edge, and by no more than such conversions'
  // steps.
  const Matrix<float> a = normal_matrix<float>(kVectors, kInputs, 1);
  const Matrix<float> b = normal_matrix<float>(kInputs, kOutputs, 2);
  double weight = 0;
  for (std::int64_t i = 0; i < b.size(); ++i) {
    weight = std::max(weight, std::abs(static_cast<double>(b.data()[i])));
  }
  for (const bool pairs : {true, false}) {
    for (const bool is_unsigned : {true, false}) {
      for (const std::int64_t tile : {kInputs, std::int64_t{128}}) {
        const auto device = crossbar_device(
            "pcm-hermes", {{"weight.mapping", pairs ? "differential" : "offset"},
                           {"weight.bits", "8"},
                           {"weight.slices", "4"},
                           {"tile.rows", tile == kInputs ? "0" : "128"},
                           {"dac.bits", "8"},
                           {"dac.style", is_unsigned ? "unsigned" : "sign-magnitude"},
                           {"input.coding", "bit-serial"},
                           {"adc.style", "quantizer"},
                           {"adc.range", "given"},
                           {"adc.limit", "40"},
                           {"adc.gain_error", "0"},
                           {"adc.offset_error", "0"}});
        const auto plan = make_plan(*device, kVectors, b);
        const Matrix<float> c = run(*plan, a, kOutputs);
        const Matrix<double> expected = run(*make_plan(*device, kVectors, converted<double>(b)),
                                            converted<double>(a), kOutputs);
        const Edges edges(*plan, a, pairs, is_unsigned, tile);
        std::int64_t may = 0;
        std::int64_t different = 0;
        for (std::int64_t v = 0; v < kVectors; ++v) {
          double full = 0;
          for (std::int64_t j = 0; j < kInputs; ++j) {
            full = std::max(full, std::abs(static_cast<double>(a(v, j))));
          }
          // acc = 3 sum_s 4^s y_s, y_s = sum_p 2^p code lsb / (2^m - 1), over 127 (section 1.3).
          const double step =
              3 * (2 * kLimit / kCodes) / (is_unsigned ? 255.0 : 127.0) / 127 * weight * full;
          for (std::int64_t j = 0; j < kOutputs; ++j) {
            const Edges::Output at = edges.of(v, j);
            may += at.changes > 0 ? 1 : 0;
            const double difference = std::abs(static_cast<double>(c(v, j)) - expected(v, j));
            // A result is rounded to float32 once.
            const double rounding = 1e-6 * std::abs(expected(v, j)) + 1e-6 * step;
            different += difference > rounding ? 1 : 0;
            ASSERT_LE(difference, at.largest_change * step * (1 + 1e-6) + rounding)
                << pairs << is_unsigned << tile << ": " << v << ", " << j << ", near an edge "
                << at.changes;
          }
        }
        RecordProperty(fmt::format("pairs{}_unsigned{}_tile{}", pairs, is_unsigned, tile),
                       fmt::format("{} differ, {} may, of {}", different, may, c.size()));
        // The bound tells something: most outputs have no conversion near an edge.
        EXPECT_LT(may, c.size() / 4);
      }
    }
  }
}

TEST(CrossbarSliced, LookUpsFollowFloat64WithGainErrorsAndNoisePerProduct) {
  // The same with what the bound above does not follow: errors of converters, unit columns and
  // noise, whose deviation is summed in float32 too. As there (at most 3 of 3150 outputs), few have
  // a conversion so near an edge that it falls to the other side; one code of a high slice and
  // plane is a few per cent of the largest output.
  const Matrix<float> a = normal_matrix<float>(70, 300, 1);
  const Matrix<float> b = normal_matrix<float>(300, 45, 2);
  const Matrix<double> a64 = converted<double>(a);
  const Matrix<double> b64 = converted<double>(b);
  for (const char* mapping : {"differential", "offset", "offset-unit-column"}) {
    for (const char* style : {"sign-magnitude", "unsigned"}) {
      for (const char* rows : {"0", "128"}) {
        for (const char* white : {"0", "0.02"}) {
          const auto device = crossbar_device("pcm-hermes", {{"weight.mapping", mapping},
                                                             {"weight.bits", "8"},
                                                             {"weight.slices", "4"},
                                                             {"tile.rows", rows},
                                                             {"tile.cols", "20"},
                                                             {"dac.bits", "8"},
                                                             {"dac.style", style},
                                                             {"input.coding", "bit-serial"},
                                                             {"adc.style", "quantizer"},
                                                             {"adc.limit", "40"},
                                                             {"adc.gain_error", "0.01"},
                                                             {"read.white", white}});
          const Matrix<float> c = run(*make_plan(*device, 70, b), a, 45);
          const Matrix<double> expected = run(*make_plan(*device, 70, b64), a64, 45);
          double largest = 0;
          for (std::int64_t i = 0; i < c.size(); ++i) {
            largest = std::max(largest, std::abs(expected.data()[i]));
          }
          std::int64_t different = 0;
          for (std::int64_t i = 0; i < c.size(); ++i) {
            const double d = std::abs(static_cast<double>(c.data()[i]) - expected.data()[i]);
            different += d > 1e-6 * largest ? 1 : 0;
          }
          RecordProperty(fmt::format("{} {} {} {}", mapping, style, rows, white),
                         fmt::format("{} of {}", different, c.size()));
          EXPECT_LE(different, c.size() / 200)
              << mapping << " " << style << " " << rows << " " << white;
          EXPECT_LT(relative_error(c, expected), 0.03);
        }
      }
    }
  }
}

}  // namespace
}  // namespace jb::test
