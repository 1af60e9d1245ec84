// Do the float networks reach on MNIST what is known for them?
// Needs the MNIST files: JOULEBENCH_TEST_DATA names the folder that holds mnist/.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "models/dataset.h"
#include "models/mlp.h"

namespace jb::models {
namespace {

std::optional<Dataset> mnist() {
  const char* root = std::getenv("JOULEBENCH_TEST_DATA");
  if (root == nullptr || !std::filesystem::is_directory(std::filesystem::path(root) / "mnist")) {
    return std::nullopt;
  }
  return load_dataset("mnist", std::filesystem::path(root) / "mnist");
}

constexpr const char* kNoMnist =
    "no MNIST: set JOULEBENCH_TEST_DATA to the folder that holds mnist/";

double trained_accuracy(const std::string& name, const Dataset& data) {
  Mlp network = build_mlp(name, 1);
  train(network, data.train, default_training(name));
  const Matrix<float> logits = forward(network, data.test.images.view());
  return accuracy(argmax_rows(logits.view()), data.test.labels);
}

TEST(MnistAccuracy, FilesHoldWhatIsKnownOfThem) {
  const std::optional<Dataset> data = mnist();
  if (!data) GTEST_SKIP() << kNoMnist;
  ASSERT_EQ(data->train.images.rows(), 60000);
  ASSERT_EQ(data->test.images.rows(), 10000);
  ASSERT_EQ(data->train.images.cols(), 784);
  const auto first = [](const LabelledImages& part) {
    return std::vector<int>(part.labels.begin(), part.labels.begin() + 10);
  };
  EXPECT_EQ(first(data->train), (std::vector<int>{5, 0, 4, 1, 9, 2, 1, 3, 1, 4}));
  EXPECT_EQ(first(data->test), (std::vector<int>{7, 2, 1, 0, 4, 1, 4, 9, 5, 9}));
  std::vector<int> counts(10);
  for (const std::uint8_t label : data->test.labels) ++counts.at(label);
  EXPECT_EQ(counts, (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
}

// Four seeds of this network gave 0.9775 to 0.9786 in another program, and 0.9772 to 0.9792 here;
// 0.975 is what the project promises. The standard error of an accuracy of 0.978 over 10,000 images
// is sqrt(0.978 0.022 / 10^4) = 0.0015.
TEST(MnistAccuracy, SmallNetworkReaches975) {
  const std::optional<Dataset> data = mnist();
  if (!data) GTEST_SKIP() << kNoMnist;
  EXPECT_GE(trained_accuracy("mlp-784-100-10", *data), 0.975);
}

// Three seeds gave 0.9857, 0.9865 and 0.9866 here; 0.984 is what the project promises.
TEST(MnistAccuracy, LargeNetworkReaches984) {
  const std::optional<Dataset> data = mnist();
  if (!data) GTEST_SKIP() << kNoMnist;
  EXPECT_GE(trained_accuracy("mlp-784-1000-1000-10", *data), 0.984);
}

}  // namespace
}  // namespace jb::models
