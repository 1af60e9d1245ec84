// Suite files: what they expand to and what they refuse.

#include "harness/suite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "backends/backend.h"

namespace jb::harness {
namespace {

Suite parse(const std::string& text) { return suite_from_json(parse_json(text, "test"), "test"); }

std::string with_points(const std::string& points) {
  return R"({"schema": "joulebench/suite/1", "name": "t", "points": [)" + points + "]}";
}

TEST(Suite, ExpandsWorkloadsTimesTargets) {
  const Suite suite = parse(with_points(
      R"({"op": "gemm", "gemm": [[1, 2, 3], [4, 5, 6]], "seed": 9, "age_s": 5,
          "targets": [{"backend": "reference"},
                      {"backend": "crossbar", "device": "ideal", "age_s": 7,
                       "set": {"tile.rows": 64, "x": true, "y": "z", "w": 0.5}}]})"));
  ASSERT_EQ(suite.points.size(), 4U);
  EXPECT_EQ(suite.points[0].gemm, (GemmShape{1, 2, 3}));
  EXPECT_EQ(suite.points[0].backend, "reference");
  EXPECT_EQ(suite.points[0].age_s, 5);
  EXPECT_EQ(suite.points[1].device, "ideal");
  EXPECT_EQ(suite.points[1].age_s, 7);
  EXPECT_EQ(suite.points[1].seed, 9U);
  const std::map<std::string, std::string> set = {
      {"tile.rows", "64"}, {"x", "true"}, {"y", "z"}, {"w", "0.5"}};
  EXPECT_EQ(suite.points[1].set, set);
  EXPECT_EQ(suite.points[3].gemm, (GemmShape{4, 5, 6}));
}

TEST(Suite, AStarStandsForEveryPreset) {
  const Suite suite = parse(with_points(
      R"({"op": "gemm", "gemm": [[1, 2, 3]], "targets": [{"backend": "photonic", "device": "*"}]})"));
  std::vector<std::string> devices;
  for (const PointSpec& point : suite.points) devices.push_back(point.device);
  EXPECT_EQ(devices, preset_names("photonic"));
}

TEST(Suite, RefusesMalformedFilesNamingTheFault) {
  const std::string target = R"("targets": [{"backend": "reference"}])";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"schema": "joulebench/suite/2", "name": "t", "points": []})", "joulebench/suite/1"},
      {R"({"schema": "joulebench/suite/1", "name": "t", "points": []})", "not empty"},
      {R"({"schema": "joulebench/suite/1", "points": [1]})", "'name'"},
      {with_points("3"), "points[0]"},
      {with_points(R"({"op": "gemm", "gemn": [[1,1,1]], )" + target + "}"), "'gemm'"},
      {with_points(R"({"op": "gem", "gemm": [[1,1,1]], )" + target + "}"), "unknown op"},
      {with_points(R"({"op": "gemm", "gemm": [[1,1]], )" + target + "}"), "[m, n, k]"},
      {with_points(R"({"op": "gemm", "gemm": [[1,1,1.5]], )" + target + "}"), "whole numbers"},
      {with_points(R"({"op": "gemm", "gemm": [[1,1,0]], )" + target + "}"), "--gemm"},
      {with_points(R"({"op": "gemm", )" + target + "}"), "no workload"},
      {with_points(R"({"op": "gemm", "gemm": [[1,1,1]]})"), "'targets'"},
      {with_points(R"({"op": "gemm", "gemm": [[1,1,1]], "targets": [{"device": "x"}]})"),
       "'backend'"},
      {with_points(R"({"op": "gemm", "gemm": [[1,1,1]], "seed": -1, )" + target + "}"), "'seed'"},
      {with_points(R"({"op": "gemm", "gemm": [[1,1,1]], "precision": "f31", )" + target + "}"),
       "precision"},
      {with_points(R"({"op": "gemm", "shapes": ["alexnet-conv1"], )" + target + "}"), "op"},
      {with_points(R"({"op": "network", "networks": ["mlp-784-100-10"], )" + target + "}"),
       "'dataset'"},
      {with_points(R"({"op": "gemm", "gemm": [[1,1,1]], "batch": 3, )" + target + "}"), "'batch'"},
  };
  for (const auto& [text, fault] : cases) {
    try {
      parse(text);
      ADD_FAILURE() << "taken: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find(fault), std::string::npos) << error.what();
    }
  }
}

TEST(Suite, ThoseThatComeWithTheProgramNameWhatThereIs) {
  const std::vector<std::string> names = suite_names();
  ASSERT_EQ(names, (std::vector<std::string>{"default", "gate", "quantum-limit"}));
  std::set<std::string> backends_used;
  for (const std::string& name : names) {
    const Suite suite = load_suite(name);
    EXPECT_EQ(suite.name, name);
    EXPECT_FALSE(suite.description.empty());
    for (const PointSpec& point : suite.points) {
      const Backend& backend = find_backend(point.backend);
      if (!point.device.empty()) load_device(backend, point.device);
      if (name == "default") backends_used.insert(point.backend);
    }
  }
  EXPECT_EQ(backends_used, (std::set<std::string>{"reference", "onednn", "cublas", "systolic",
                                                  "crossbar", "photonic"}));
  EXPECT_THROW(load_suite("defualt"), Error);
  EXPECT_THROW(load_suite("no/such/file.json"), Error);
}

TEST(Suite, TheGateHoldsModelledPointsOnly) {
  for (const PointSpec& point : load_suite("gate").points) {
    EXPECT_TRUE(point.estimate || find_backend(point.backend).info().simulated) << point.backend;
  }
}

}  // namespace
}  // namespace jb::harness
