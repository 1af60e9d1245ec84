// Is the synthetic set the same everywhere, varied, and about as hard as it should be?

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "backends/core/threads.h"
#include "models/dataset.h"
#include "models/mlp.h"

namespace jb::models {
namespace {

const Dataset& digits() {
  static const Dataset kDigits = synthetic_digits();
  return kDigits;
}

TEST(SyntheticDigits, HaveTheirSizesAndAreBalanced) {
  const Dataset& data = digits();
  EXPECT_EQ(data.name, "synthetic-digits");
  EXPECT_EQ(data.train.images.rows(), 10000);
  EXPECT_EQ(data.test.images.rows(), 2000);
  for (const LabelledImages* part : {&data.train, &data.test}) {
    EXPECT_EQ(part->images.cols(), 784);
    EXPECT_EQ(part->height, 28);
    EXPECT_EQ(part->width, 28);
    ASSERT_EQ(static_cast<std::int64_t>(part->labels.size()), part->images.rows());
    std::vector<std::size_t> count(10);
    for (const std::uint8_t label : part->labels) ++count.at(label);
    for (const std::size_t c : count) EXPECT_EQ(c, part->labels.size() / 10);
  }
}

TEST(SyntheticDigits, AreTheSameBytesOnEveryMachineAndThreadCount) {
  // Made once and kept: records name the set, so its pixels may only change together with its name.
  EXPECT_EQ(digits().content_hash, "2981564b72ff828e");
  const int before = thread_count();
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    const Dataset again = synthetic_digits();
    EXPECT_EQ(std::memcmp(again.train.images.data(), digits().train.images.data(),
                          static_cast<std::size_t>(again.train.images.size()) * sizeof(float)),
              0)
        << threads;
  }
  set_thread_count(before);
}

TEST(SyntheticDigits, AreBytesScaledToOne) {
  const Matrix<float>& images = digits().train.images;
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const float value = images.data()[i];
    ASSERT_TRUE(value >= 0.0F && value <= 1.0F);
    ASSERT_EQ(value, std::round(value * 255.0F) / 255.0F);
  }
}

TEST(SyntheticDigits, AreWhiteOnBlackAndCentred) {
  const Matrix<float>& images = digits().test.images;
  for (std::int64_t i = 0; i < images.rows(); ++i) {
    double ink = 0, x = 0, y = 0;
    float brightest = 0;
    for (std::int64_t p = 0; p < 784; ++p) {
      const auto value = static_cast<double>(images(i, p));
      brightest = std::max(brightest, images(i, p));
      if (value < 0.2) continue;  // haze is below 0.12
      ink += value;
      x += value * static_cast<double>(p % 28);
      y += value * static_cast<double>(p / 28);
    }
    // The pen leaves at least 0.75 (1 - 0.25 grain) = 0.56 where it covers a pixel; 0.4 allows for
    // the thinnest strokes, which cover none wholly.
    EXPECT_GT(brightest, 0.4F) << i;
    // Mass lies within a quarter of the frame's side around its centre, 13.5.
    EXPECT_NEAR(x / ink, 13.5, 7) << i;
    EXPECT_NEAR(y / ink, 13.5, 7) << i;
  }
}

TEST(SyntheticDigits, NoImageOccursTwice) {
  std::set<std::string> seen;
  for (const LabelledImages* part : {&digits().train, &digits().test}) {
    for (std::int64_t i = 0; i < part->images.rows(); ++i) {
      const char* bytes = reinterpret_cast<const char*>(&part->images(i, 0));
      EXPECT_TRUE(seen.emplace(bytes, 784 * sizeof(float)).second) << i;
    }
  }
}

// A set on which float reaches 100 % shows no noise, and one near chance measures nothing.
TEST(SyntheticDigits, AreLearntByASmallNetworkButNotPerfectly) {
  Mlp network = build_mlp("mlp-784-100-10", 1);
  train(network, digits().train, TrainOptions{});
  const Matrix<float> logits = forward(network, digits().test.images.view());
  const double right = accuracy(argmax_rows(logits.view()), digits().test.labels);
  EXPECT_GT(right, 0.95);
  EXPECT_LT(right, 0.99);
}

}  // namespace
}  // namespace jb::models
