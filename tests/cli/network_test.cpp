// Networks on a user's own IDX files, from the command line.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/idx_bytes.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;

class Network : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(path("data"));
    write_file(path("data/train-images-idx3-ubyte"), idx_images(200, 28, 70));
    write_file(path("data/train-labels-idx1-ubyte"), idx_labels(200));
    write_file(path("data/t10k-images-idx3-ubyte"), idx_images(30, 28, 70));
    write_file(path("data/t10k-labels-idx1-ubyte"), idx_labels(30));
  }
  CommandResult run(std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "run",     "--network", "mlp-784-16-10", "--dataset", "mnist", "--data", "data",
        "--batch", "8",         "--cache",       "cache",     "-o",    "out"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(arguments, options);
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return folder_.path() / name;
  }

 private:
  TempFolder folder_;
};

TEST_F(Network, RunsOnUsersDataAndNamesIt) {
  const CommandResult result = run({"--backend", "reference,photonic", "--filter", ".", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<json> records = json_lines(result.out);
  ASSERT_EQ(records.size(), 2U);
  for (const json& record : records) {
    EXPECT_EQ(record.at("status"), "ok") << record.at("reason");
    EXPECT_EQ(record.at("point").at("op"), "network");
    EXPECT_EQ(record.at("point").at("dataset"), "mnist");
    EXPECT_EQ(record.at("point").at("batch"), 8);
    EXPECT_EQ(record.at("work").at("macs"), 30 * (784 * 16 + 16 * 10));
    const double accuracy = record.at("quantities").at("accuracy_top1_frac").at("value");
    EXPECT_GE(accuracy, 0);
    EXPECT_LE(accuracy, 1);
    // Of 30 images: a multiple of 1/30, to the rounding of one division.
    EXPECT_NEAR(accuracy * 30, std::round(accuracy * 30), 1e-12);
  }
  EXPECT_FALSE(std::filesystem::is_empty(path("cache")));
}

TEST_F(Network, ExplainShowsEachLayer) {
  ASSERT_EQ(run({"--backend", "photonic", "-q"}).exit_code, 0);
  const CommandResult result = joulebench({"explain", path("out").string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<std::string> lines = lines_of(result.out);
  const auto header = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.rfind("layer ", 0) == 0;
  });
  ASSERT_NE(header, lines.end()) << result.out;
  // Joules, utilisation, data movement and the layer's own error, at the width of a pipe too.
  for (const char* column : {"machine", "util", "B3", "move", "added"}) {
    EXPECT_NE(header->find(column), std::string::npos) << column << " in " << *header;
  }
  ASSERT_GE(lines.end() - header, 4);
  EXPECT_EQ(header[1].rfind("fc1", 0), 0U) << header[1];
  EXPECT_EQ(header[2].rfind("fc2", 0), 0U) << header[2];
  EXPECT_EQ(header[3].rfind("(digital)", 0), 0U) << header[3];
}

TEST_F(Network, MalformedDataIsRefusedBeforeAnythingIsWritten) {
  const std::string whole = idx_images(200, 28, 70);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"train-images-idx3-ubyte", whole.substr(0, whole.size() - 1)},
      {"train-images-idx3-ubyte", whole.substr(0, 7)},
      {"train-images-idx3-ubyte", idx_labels(200)},
      {"t10k-labels-idx1-ubyte", idx_labels(29)},
      {"t10k-labels-idx1-ubyte", ""},
  };
  for (const auto& [name, bytes] : cases) {
    const std::string good = bytes_of_file(path("data/" + name));
    write_file(path("data/" + name), bytes);
    const CommandResult result = run({"--backend", "photonic"});
    EXPECT_EQ(result.exit_code, 2) << name << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
    EXPECT_NE(result.err.find("idx"), std::string::npos) << result.err;
    EXPECT_FALSE(std::filesystem::exists(path("out"))) << name;
    write_file(path("data/" + name), good);
  }
}

}  // namespace
}  // namespace jb::test
