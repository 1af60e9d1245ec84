// joulebench train, as a user types it.

#include <gtest/gtest.h>

#include <cmath>

#include "models/onnx/onnx.h"
#include "tests/support/idx_bytes.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;

class Train : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(path("data"));
    write_file(path("data/train-images-idx3-ubyte"), idx_images(200, 8, 6));
    write_file(path("data/train-labels-idx1-ubyte"), idx_labels(200));
    write_file(path("data/t10k-images-idx3-ubyte"), idx_images(30, 8, 6));
    write_file(path("data/t10k-labels-idx1-ubyte"), idx_labels(30));
  }
  CommandResult train(std::vector<std::string> more, const std::string& network = "mlp-64-16-10") {
    std::vector<std::string> arguments = {"train", "--network", network, "--data", "data"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(arguments, options);
  }
  CommandResult validate(const std::string& record) {
    write_file(path("record.jsonl"), record);
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench({"validate", "record.jsonl"}, options);
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return folder_.path() / name;
  }

 private:
  TempFolder folder_;
};

double value_of(const json& record, const char* name) {
  return record.at("quantities").at(name).at("value");
}

TEST_F(Train, EveryBackendLearnsAndItsRecordKeepsTheRules) {
  // Products that are needed: forward and weight gradient of both layers, input gradient of the
  // second; four epochs of 200 images.
  const double macs = 4 * 200 * (2.0 * (64 * 16 + 16 * 10) + 16 * 10);
  for (const char* device :
       {"reference", "onednn", "tpu-v1", "pcm-hermes", "rpu-2016", "photonic-2025"}) {
    const std::string name = device;
    const std::string flag = name == "reference" || name == "onednn" ? "--backend" : "--device";
    const CommandResult result =
        train({flag, device, "--batch", "16", "--epochs", "4", "--learning-rate",
               name == "rpu-2016" ? "0.5" : "0.01", "--json"});
    ASSERT_EQ(result.exit_code, 0) << device << result.err << result.out;
    const json record = json_lines(result.out).at(0);
    if (record.at("status") == "unavailable") continue;
    EXPECT_EQ(record.at("point").at("op"), "training");
    EXPECT_EQ(record.at("point").at("dataset"), "mnist");
    EXPECT_EQ(record.at("point").at("epochs"), 4);
    EXPECT_EQ(record.at("work").at("macs"), macs) << device;
    EXPECT_EQ(record.at("verification").at("accuracy_by_epoch").size(), 4U);
    EXPECT_GT(value_of(record, "accuracy_top1_frac"), 0.7) << device;
    const CommandResult rules = validate(result.out);
    EXPECT_EQ(rules.exit_code, 0) << device << rules.out << rules.err;
    if (name == "reference") continue;
    double forward = 0;
    double update = 0;
    double all = 0;
    for (const json& row : record.at("measurement").at("layers").at("rows")) {
      const std::string layer = row.at(0);
      const double energy = row.at(4).empty() ? 0.0 : row.at(4).back().get<double>();
      if (layer == "fc1/forward") forward += energy;
      if (layer == "fc1/update") update += energy;
      all += energy;
    }
    EXPECT_GT(forward, 0) << device;
    EXPECT_GT(update, 0) << device;
    // Rows of the table have four digits.
    EXPECT_NEAR(all, value_of(record, "training_energy_J"), 1e-3 * all) << device;
    // "A few kB": the ledger has a row for each action of the machine and its periphery.
    EXPECT_LT(record.dump().size(), 20000U) << device;
    const double programming = value_of(record, "programming_energy_J");
    if (name == "pcm-hermes") {
      EXPECT_GT(programming, 0.5 * value_of(record, "training_energy_J"));
    }
    if (name == "photonic-2025") {
      EXPECT_EQ(programming, 0);
    }
    EXPECT_NEAR(value_of(record, "training_energy_J"),
                value_of(record, "forward_energy_J") + value_of(record, "input_gradient_energy_J") +
                    value_of(record, "weight_gradient_energy_J") +
                    value_of(record, "update_energy_J"),
                1e-9 * value_of(record, "training_energy_J"));
  }
}

TEST_F(Train, TheReproLineGivesTheSameRecord) {
  const std::vector<std::string> flags = {"--device",    "photonic-2025", "--set",
                                          "n_mac=200",   "--epochs",      "1",
                                          "--optimizer", "momentum",      "--json"};
  const json first = json_lines(train(flags).out).at(0);
  const std::string repro = first.at("repro");
  ASSERT_EQ(repro.rfind("joulebench train ", 0), 0U) << repro;
  std::vector<std::string> words;
  std::istringstream stream(repro);
  for (std::string word; stream >> word;) words.push_back(word);
  words.erase(words.begin());
  words.emplace_back("--json");
  CommandOptions options;
  options.folder = path("data").parent_path();
  const CommandResult again = joulebench(words, options);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const json second = json_lines(again.out).at(0);
  EXPECT_EQ(first.at("point_id"), second.at("point_id"));
  EXPECT_EQ(first.at("ledger"), second.at("ledger"));
  EXPECT_EQ(first.at("verification"), second.at("verification"));
}

TEST_F(Train, StopsAtTheTargetAndRecordsItsEnergy) {
  const CommandResult result =
      train({"--backend", "photonic", "--batch", "16", "--epochs", "40", "--learning-rate", "0.01",
             "--target-accuracy", "0.9", "--progress", "plain", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json record = json_lines(result.out).at(0);
  const std::size_t epochs = record.at("verification").at("accuracy_by_epoch").size();
  EXPECT_LT(epochs, 40U);
  EXPECT_EQ(record.at("verification").at("target_reached_in_epoch"), epochs);
  EXPECT_NEAR(value_of(record, "energy_to_target_J"),
              value_of(record, "training_energy_J") + value_of(record, "setup_energy_J"),
              1e-9 * value_of(record, "training_energy_J"));
  EXPECT_NE(result.err.find("epoch 1/40"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("left"), std::string::npos) << result.err;
}

// Counts do not depend on values where the laser is paid for a fixed ratio.
TEST_F(Train, AnEstimateCountsWhatTheTrainingCounts) {
  const std::vector<std::string> flags = {"--device", "photonic-2025", "--set", "papr=8", "--batch",
                                          "64",       "--epochs",      "2",     "--json"};
  std::vector<std::string> estimate = flags;
  estimate.emplace_back("--estimate");
  const json run = json_lines(train(flags).out).at(0);
  const json counted = json_lines(train(estimate).out).at(0);
  EXPECT_EQ(counted.at("point").at("estimate"), true);
  EXPECT_EQ(run.at("work").at("macs"), counted.at("work").at("macs"));
  EXPECT_NEAR(value_of(run, "training_energy_J"), value_of(counted, "training_energy_J"),
              1e-9 * value_of(run, "training_energy_J"));
  EXPECT_EQ(counted.at("quantities").count("accuracy_top1_frac"), 0U);
}

TEST_F(Train, NoiseAwareTrainingLeavesGradientsToTheDigitalSide) {
  const CommandResult result =
      train({"--device", "photonic-2025", "--epochs", "1", "--noise-aware", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json record = json_lines(result.out).at(0);
  EXPECT_EQ(record.at("point").at("noise_aware"), true);
  EXPECT_EQ(record.at("verification").at("trained_with_noise"), true);
  double digital_macs = 0;
  for (const json& row : record.at("ledger")) {
    if (row.at("action") == "mac_f32") digital_macs += row.at("count").get<double>();
  }
  for (const json& row : record.at("measurement").at("layers").at("rows")) {
    const bool gradient = row.at(0).get<std::string>().find("gradient") != std::string::npos;
    if (gradient) {
      EXPECT_EQ(row.at(3), 0) << row;  // no MAC on the machine
    }
  }
  EXPECT_EQ(digital_macs, 200.0 * (64 * 16 + 2 * 16 * 10));
}

TEST_F(Train, WritesTheTrainedNetwork) {
  const Support support = models::onnx_support();
  const CommandResult result = train({"--backend", "onednn", "--epochs", "1", "-o", "net.onnx"});
  if (!support) {
    EXPECT_EQ(result.exit_code, 2);
    return;
  }
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const models::Graph graph = models::load_onnx(path("net.onnx"));
  EXPECT_EQ(graph.bind(3).macs(), 3.0 * (64 * 16 + 16 * 10));
}

TEST_F(Train, RefusesWhatMakesNoSenseInOneSentence) {
  struct Case {
    std::vector<std::string> flags;
    std::string names;
    std::string network = "mlp-64-16-10";
  };
  const std::vector<Case> cases = {
      {{"--epochs", "0"}, "--epochs"},
      {{"--epochs", "many"}, "--epochs"},
      {{"--optimizer", "adma"}, "adam"},
      {{"--learning-rate", "-1"}, "--learning-rate"},
      {{"--learning-rate", "nan"}, "--learning-rate"},
      {{"--momentum", "0.5"}, "--momentum"},
      {{"--optimizer", "momentum", "--momentum", "1"}, "--momentum"},
      {{"--target-accuracy", "97.5"}, "--target-accuracy"},
      {{"--schedule", "linear"}, "--schedule"},
      {{"--batch", "0"}, "--batch"},
      {{"--backend", "photonic", "--update", "reprogram"}, "--update"},
      {{"--device", "pcm-hermes", "--update", "sideways"}, "--update"},
      {{"--device", "rpu-2016", "--optimizer", "adam"}, "outer products"},
      {{"--device", "rpu-2016", "--noise-aware"}, "outer products"},
      {{"--device", "pcm-hermes", "--update", "reprogram", "--set", "update.rule=reprogram"},
       "--update"},
      {{"--gemm", "2,3,4"}, "--gemm"},
      {{"-o", "nowhere/model.onnx"}, "nowhere"},
      {{"--backend", "photonic", "--learning-rate", "1e38"}, "learning rate"},
      {{}, "mlp-63-16-10", "mlp-63-16-10"},
      {{}, "resnet", "resnet"},
      {{}, "lenet5", "lenet5"},
      {{}, "resnet18", "resnet18"},
      {{"--estimate", "-o", "model.onnx"}, "-o"},
  };
  for (const Case& c : cases) {
    const CommandResult result = train(c.flags, c.network);
    EXPECT_EQ(result.exit_code, 2) << c.names << result.err << result.out;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
    EXPECT_NE(result.err.find(c.names), std::string::npos) << c.names << ": " << result.err;
  }
}

}  // namespace
}  // namespace jb::test
