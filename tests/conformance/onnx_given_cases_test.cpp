// The given ONNX backend tests and the small trained model on the backends that
// must pass them all. Needs the test data: JOULEBENCH_TEST_DATA names the
// folder that holds onnx-node-tests/.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "harness/conformance.h"

namespace jb::harness {
namespace {

class GivenCases : public ::testing::TestWithParam<const char*> {};

TEST_P(GivenCases, AllPass) {
  const char* data = std::getenv("JOULEBENCH_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "JOULEBENCH_TEST_DATA is not set";
  PointSpec point;
  point.backend = GetParam();
  if (const Support available = find_backend(point.backend).available(); !available) {
    GTEST_SKIP() << available.reason;
  }
  InferenceMachine machine(point);
  int passed = 0;
  for (const char* tree : {"onnx-node-tests", "onnx-models"}) {
    for (const auto& folder : find_cases(std::filesystem::path(data) / tree)) {
      const CaseResult result = run_case(machine, folder, Tolerance{});
      EXPECT_EQ(result.verdict, Verdict::pass) << result.name << ": " << result.reason;
      passed += result.verdict == Verdict::pass ? 1 : 0;
    }
  }
  EXPECT_EQ(passed, 131);
}

INSTANTIATE_TEST_SUITE_P(All, GivenCases, ::testing::Values("reference", "onednn"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace jb::harness
