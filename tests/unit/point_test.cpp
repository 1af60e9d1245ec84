// Points: what is refused, what identifies a point, and the line that runs it again.

#include "harness/point.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "harness/point_identity.h"
#include "results/record.h"

namespace jb::harness {
namespace {

PointSpec gemm_point(std::int64_t m, std::int64_t n, std::int64_t k) {
  PointSpec point;
  point.gemm = {m, n, k};
  return point;
}

std::string refusal(const PointSpec& point) {
  try {
    check_point(point);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return {};
}

TEST(Point, RefusesWhatMakesNoSense) {
  struct Case {
    std::function<void(PointSpec&)> spoil;
    std::string names;
  };
  const std::vector<Case> cases = {
      {[](PointSpec& p) { p.gemm.m = 0; }, "--gemm"},
      {[](PointSpec& p) { p.gemm.n = -3; }, "--gemm"},
      {[](PointSpec& p) {
         p.gemm = {1LL << 40, 1LL << 40, 1};
       },
       "--gemm"},
      {[](PointSpec& p) { p.age_s = -1; }, "--age"},
      {[](PointSpec& p) { p.age_s = std::nan(""); }, "--age"},
      {[](PointSpec& p) { p.since_calibration_s = 5; }, "--since-calibration"},
      {[](PointSpec& p) { p.temperature_C = -300; }, "--temperature"},
      {[](PointSpec& p) { p.instances = 0; }, "--instances"},
      {[](PointSpec& p) { p.threads = -1; }, "--threads"},
      {[](PointSpec& p) { p.op = Op::network; }, "network"},
      {[](PointSpec& p) {
         p.op = Op::network;
         p.network = "mlp-784-100-10";
         p.dataset = "synthetic-digits";
         p.batch = 0;
       },
       "--batch"},
      {[](PointSpec& p) {
         p.op = Op::conv2d;
         p.conv.kernel_h = 3;
       },
       "--conv"},
  };
  ASSERT_EQ(refusal(gemm_point(4, 5, 6)), "");
  for (const Case& c : cases) {
    PointSpec point = gemm_point(4, 5, 6);
    c.spoil(point);
    EXPECT_NE(refusal(point).find(c.names), std::string::npos) << c.names << ": " << refusal(point);
  }
}

TEST(Point, EstimatesTakeSizesThatNobodyCouldCompute) {
  PointSpec point = gemm_point(1LL << 40, 1LL << 40, 1LL << 40);
  EXPECT_NE(refusal(point), "");
  point.estimate = true;
  EXPECT_EQ(refusal(point), "");
  point.gemm.k = 0;
  EXPECT_NE(refusal(point), "");
}

TEST(Point, NamedShapesHoldThePublishedCounts) {
  // AlexNet with two towers: Eyeriss and Timeloop count 665,784,864 MACs in its convolutions.
  double convolutions = 0;
  for (int layer = 1; layer <= 5; ++layer) {
    PointSpec point;
    apply_named_shape(point, "alexnet-conv" + std::to_string(layer));
    EXPECT_EQ(point.op, Op::conv2d);
    convolutions += point.conv.macs();
  }
  EXPECT_EQ(convolutions, 665784864.0);
  double connected = 0;
  for (const char* name : {"alexnet-fc6", "alexnet-fc7", "alexnet-fc8"}) {
    PointSpec point;
    apply_named_shape(point, name);
    EXPECT_EQ(point.op, Op::gemm);
    connected += point.gemm.macs();
  }
  EXPECT_EQ(connected, 37748736.0 + 16777216.0 + 4096000.0);
  PointSpec point;
  apply_named_shape(point, "gemm-1024");
  EXPECT_EQ(point.gemm, (GemmShape{1024, 1024, 1024}));
  try {
    apply_named_shape(point, "gemm-1023");
    FAIL() << "an unknown shape was taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("gemm-1024"), std::string::npos) << error.what();
  }
}

TEST(Point, DistributionsReadWhatTheyWrite) {
  for (const char* text : {"normal", "uniform", "relu", "zeros", "bits", "sparse:0.1"}) {
    EXPECT_EQ(distribution_from(text).text(), text);
  }
  for (const char* text :
       {"", "gauss", "sparse", "sparse:", "sparse:2", "sparse:nan", "normal:1"}) {
    EXPECT_THROW(distribution_from(text), Error) << text;
  }
}

TEST(Point, ReproLineIsSafeInAShell) {
  PointSpec point = gemm_point(1, 100, 784);
  point.backend = "crossbar";
  point.device = "it's; rm -rf $HOME.json";
  point.set = {{"dac.bits", "4"}};
  point.age_s = 86400;
  const std::string line = repro_line(point);
  EXPECT_NE(line.find("joulebench run --backend crossbar --device 'it'\\''s; rm -rf $HOME.json'"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find("--set dac.bits=4 --gemm 1,100,784 --dist normal --seed 1 --age 86400"),
            std::string::npos)
      << line;
  point.estimate = true;
  EXPECT_EQ(repro_line(point).rfind("joulebench estimate ", 0), 0U);
}

std::string id_of(const PointSpec& point, const BackendInfo& info) {
  return results::point_id_of(identity_json(point, info, {"d", "h", "none", "impl", false}));
}

TEST(Point, IdentityFollowsWhatWasAskedForAndNothingElse) {
  BackendInfo simulator;
  simulator.id = "crossbar";
  simulator.precisions = {ElementType::f32, ElementType::f64};
  const PointSpec base = gemm_point(64, 100, 784);
  const std::string id = id_of(base, simulator);

  PointSpec other = base;
  other.threads = 3;  // what a simulator computes does not depend on threads
  EXPECT_EQ(id_of(other, simulator), id);
  other = base;
  other.precision = ElementType::f32;  // the default, said aloud
  EXPECT_EQ(id_of(other, simulator), id);
  other = base;
  other.shape_name = "a label";
  EXPECT_EQ(id_of(other, simulator), id);

  const std::vector<std::function<void(PointSpec&)>> changes = {
      [](PointSpec& p) { p.gemm.m = 65; },
      [](PointSpec& p) { p.seed = 2; },
      [](PointSpec& p) { p.set["tile.rows"] = "8"; },
      [](PointSpec& p) { p.age_s = 1; },
      [](PointSpec& p) { p.temperature_C = 30; },
      [](PointSpec& p) { p.instances = 2; },
      [](PointSpec& p) { p.dynamic = DynamicPolicy::backend; },
      [](PointSpec& p) { p.estimate = true; },
      [](PointSpec& p) { p.dist = distribution_from("relu"); },
      [](PointSpec& p) { p.precision = ElementType::f64; }};
  for (const auto& change : changes) {
    PointSpec changed = base;
    change(changed);
    EXPECT_NE(id_of(changed, simulator), id);
  }

  BackendInfo machine = simulator;
  machine.simulated = false;
  PointSpec one = base;
  one.threads = 1;
  PointSpec two = base;
  two.threads = 2;
  EXPECT_NE(id_of(one, machine), id_of(two, machine));
}

TEST(Point, CalibrationClockRunsFromTheStartWhenNeverCalibrated) {
  PointSpec point = gemm_point(1, 1, 1);
  point.age_s = 100;
  EXPECT_EQ(calibrated_ago_s(point, "gdc"), 0);
  EXPECT_EQ(calibrated_ago_s(point, "none"), 100);
  point.since_calibration_s = 40;
  EXPECT_EQ(calibrated_ago_s(point, "gdc"), 40);
}

}  // namespace
}  // namespace jb::harness
