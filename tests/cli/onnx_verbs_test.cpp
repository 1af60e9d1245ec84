// joulebench infer and conformance: files in and out, verdicts, exit codes.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "backends/core/tensor.h"
#include "models/onnx/tensor_file.h"
#include "tests/support/npy_bytes.h"
#include "tests/support/onnx_model.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

namespace fs = std::filesystem;

Tensor floats(const Dims& dims, const std::vector<float>& values) {
  return Tensor::of<float>(dims, values);
}

/// y = relu(x W + b) for one row of three.
OnnxModel small_model() {
  OnnxModel model;
  model.input("x", {1, 3}).floats("w", {3, 2}, {1, 2, 3, 4, 5, 6}).floats("b", {2}, {-30, 1});
  model.node("Gemm", "product", {"x", "w", "b"}, {"h"});
  model.node("Relu", "rectify", {"h"}, {"y"});
  model.output("y");
  return model;
}

class OnnxVerbs : public ::testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  /// A backend-test folder of the small model, expecting `wanted`.
  std::string make_case(const std::string& name, const std::vector<float>& wanted,
                        const OnnxModel& model = small_model()) {
    const fs::path set = folder_.path() / "cases" / name / "test_data_set_0";
    fs::create_directories(set);
    model.save(set.parent_path() / "model.onnx");
    models::write_tensor_proto(set / "input_0.pb", "x", floats({1, 3}, {1, 2, 3}));
    models::write_tensor_proto(set / "output_0.pb", "y",
                               floats({1, static_cast<std::int64_t>(wanted.size())}, wanted));
    return set.parent_path().string();
  }

 private:
  TempFolder folder_;
};

// x W = [22 28]; with the bias [-8 29], rectified [0 29].
const std::vector<float> kRight = {0, 29};

TEST_F(OnnxVerbs, InferWritesNpyAndPb) {
  small_model().save(file("model.onnx"));
  write_file(file("x.npy"), npy_bytes<float>(1, 3, {1, 2, 3}));
  for (const char* backend : {"reference", "onednn"}) {
    const CommandResult npy = joulebench({"infer", file("model.onnx"), "--input", file("x.npy"),
                                          "--backend", backend, "-o", file("out")});
    ASSERT_EQ(npy.exit_code, 0) << npy.err;
    EXPECT_EQ(npy_values<float>(bytes_of_file(file("out/output_0.npy")), 1, 2), kRight);
    const CommandResult pb =
        joulebench({"infer", file("model.onnx"), "--input", file("x.npy"), "--backend", backend,
                    "--format", "pb", "-o", file("out")});
    ASSERT_EQ(pb.exit_code, 0) << pb.err;
    const Tensor y = models::read_tensor_proto(file("out/output_0.pb"));
    EXPECT_EQ(std::vector<float>(y.as<float>().begin(), y.as<float>().end()), kRight);
  }
}

TEST_F(OnnxVerbs, InferTakesPbAndShowsValuesWithoutAFolder) {
  small_model().save(file("model.onnx"));
  models::write_tensor_proto(file("x.pb"), "x", floats({1, 3}, {1, 2, 3}));
  const CommandResult result =
      joulebench({"infer", file("model.onnx"), "--input", file("x.pb"), "--backend", "reference"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("y (float32 1x2): 0 29"), std::string::npos) << result.out;
}

TEST_F(OnnxVerbs, InferGivesTheRecordOfANetworkPoint) {
  small_model().save(file("model.onnx"));
  write_file(file("x.npy"), npy_bytes<float>(1, 3, {1, 2, 3}));
  const CommandResult result = joulebench({"infer", file("model.onnx"), "--input", file("x.npy"),
                                           "--backend", "crossbar", "--device", "ideal", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json record = json_lines(result.out).at(0);
  EXPECT_EQ(record["status"], "ok");
  EXPECT_EQ(record["point"]["op"], "network");
  EXPECT_EQ(record["point"]["backend"], "crossbar");
  EXPECT_EQ(record["work"]["macs"], 6);  // 1 x 3 times 3 x 2
  EXPECT_EQ(record["point"]["data"]["dist"], "given");
  EXPECT_EQ(record["repro"], "joulebench infer " + file("model.onnx") + " --input " +
                                 file("x.npy") + " --backend crossbar --device ideal --seed 1");
}

TEST_F(OnnxVerbs, InferTimesMeasuredMachines) {
  small_model().save(file("model.onnx"));
  write_file(file("x.npy"), npy_bytes<float>(1, 3, {1, 2, 3}));
  const CommandResult result = joulebench(
      {"infer", file("model.onnx"), "--input", file("x.npy"), "--backend", "reference", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json record = json_lines(result.out).at(0);
  const nlohmann::json& time = record["quantities"]["device_time_s"];
  EXPECT_EQ(time["provenance"], "measured");
  EXPECT_GE(time["n"], 6);  // repetitions
  EXPECT_GT(time["value"], 0);
}

TEST_F(OnnxVerbs, InferOpensSymbolicSizesByTheInputGiven) {
  OnnxModel model;
  model.input("x", {1, 1});
  auto& shape =
      *model.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.mutable_dim(0)->set_dim_param("rows");
  shape.mutable_dim(1)->set_dim_param("length");
  model.node("Relu", "rectify", {"x"}, {"y"});
  model.output("y").save(file("model.onnx"));
  write_file(file("x.npy"), npy_bytes<float>(2, 2, {-1, 2, -3, 4}));
  const CommandResult result = joulebench({"infer", file("model.onnx"), "--input", file("x.npy"),
                                           "--backend", "reference", "-o", file("out")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(npy_values<float>(bytes_of_file(file("out/output_0.npy")), 2, 2),
            (std::vector<float>{0, 2, 0, 4}));
}

TEST_F(OnnxVerbs, InferRefusesInputsThatDoNotFit) {
  small_model().save(file("model.onnx"));
  write_file(file("x.npy"), npy_bytes<float>(1, 4, {1, 2, 3, 4}));
  write_file(file("d.npy"), npy_bytes<double>(1, 3, {1, 2, 3}));
  const auto refused = [&](const std::vector<std::string>& inputs, const std::string& words) {
    std::vector<std::string> command = {"infer", file("model.onnx"), "--backend", "reference"};
    for (const std::string& input : inputs) command.insert(command.end(), {"--input", input});
    const CommandResult result = joulebench(command);
    EXPECT_EQ(result.exit_code, 2) << words;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
  };
  refused({file("x.npy")}, "takes sizes 1x3, and 1x4 were given");
  refused({file("d.npy")}, "takes float32, and float64 was given");
  refused({}, "takes 1 inputs, and 0 were given");
  refused({file("x.npy"), file("x.npy")}, "");
  refused({file("x.txt")}, "ends neither in .npy nor in .pb");
}

TEST_F(OnnxVerbs, ConformanceTellsPassFromFailFromSkip) {
  make_case("a_right", kRight);
  make_case("b_wrong", {0, 29.5F});
  OnnxModel unsupported = small_model();
  unsupported.graph().mutable_node(1)->set_op_type("Hardmax");
  make_case("c_unsupported", kRight, unsupported);
  const CommandResult result = joulebench({"conformance", file("cases"), "--backend", "reference"});
  EXPECT_EQ(result.exit_code, 1);
  const std::vector<std::string> lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 4U) << result.out;
  EXPECT_EQ(lines[0], "PASS a_right");
  EXPECT_EQ(lines[1].rfind("FAIL b_wrong: ", 0), 0U) << lines[1];
  EXPECT_EQ(lines[2].rfind("SKIP c_unsupported: ", 0), 0U) << lines[2];
  EXPECT_EQ(lines[3], "1 passed, 1 failed, 1 skipped");
}

TEST_F(OnnxVerbs, ConformanceTakesToleranceAndSimulators) {
  const std::string folder = make_case("near", {0, 29.02F});  // off by 7e-4
  for (const char* device : {"crossbar", "photonic", "systolic"}) {
    const CommandResult result =
        joulebench({"conformance", folder, "--backend", device, "--device", "ideal"});
    EXPECT_EQ(result.exit_code, 0) << device << ": " << result.out << result.err;
  }
  EXPECT_EQ(
      joulebench({"conformance", folder, "--backend", "reference", "--rtol", "1e-4"}).exit_code, 1);
}

TEST_F(OnnxVerbs, ConformanceChecksEveryDataSet) {
  const fs::path folder = make_case("two", kRight);
  fs::copy(folder / "test_data_set_0", folder / "test_data_set_1", fs::copy_options::recursive);
  models::write_tensor_proto(folder / "test_data_set_1" / "output_0.pb", "y",
                             floats({1, 2}, {0, 1}));
  const CommandResult result =
      joulebench({"conformance", folder.string(), "--backend", "reference"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.out.find("test_data_set_1"), std::string::npos) << result.out;
}

TEST_F(OnnxVerbs, ConformanceSkipsWhatRanOnTheHost) {
  // No backend but reference multiplies 64-bit integers; the result is right
  // and not the machine's.
  OnnxModel model;
  model.input("x", {1, 2}, ::onnx::TensorProto::INT64)
      .input("w", {2, 1}, ::onnx::TensorProto::INT64);
  model.node("MatMul", "product", {"x", "w"}, {"y"});
  model.output("y");
  const fs::path set = fs::path(file("cases")) / "integers" / "test_data_set_0";
  fs::create_directories(set);
  model.save(set.parent_path() / "model.onnx");
  const auto put = [&](const char* name, const Dims& dims, const std::vector<std::int64_t>& v) {
    models::write_tensor_proto(set / name, "t", Tensor::of<std::int64_t>(dims, v));
  };
  put("input_0.pb", {1, 2}, {2, 3});
  put("input_1.pb", {2, 1}, {10, 100});
  put("output_0.pb", {1, 1}, {320});
  const CommandResult right = joulebench({"conformance", file("cases"), "--backend", "onednn"});
  EXPECT_EQ(lines_of(right.out).at(0), "SKIP integers: ran on host") << right.out;
  EXPECT_EQ(right.exit_code, 0);
  put("output_0.pb", {1, 1}, {321 + 1});  // a wrong result is never a skip
  const CommandResult wrong = joulebench({"conformance", file("cases"), "--backend", "onednn"});
  EXPECT_EQ(lines_of(wrong.out).at(0).rfind("FAIL integers: ", 0), 0U) << wrong.out;
}

TEST_F(OnnxVerbs, ConformanceRefusesFoldersWithoutCases) {
  for (const std::string& folder : {file("nothing"), file("")}) {
    const CommandResult result = joulebench({"conformance", folder, "--backend", "reference"});
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
  }
}

}  // namespace
}  // namespace jb::test
