// Networks on several machines: who runs what, what passes between them and what is refused.

#include "harness/network_map.h"

#include <gtest/gtest.h>

#include <memory>

#include "backends/core/text.h"
#include "backends/energy/machine_link.h"
#include "backends/host/machines.h"
#include "harness/accuracy.h"
#include "harness/runner.h"
#include "harness/workload_cache.h"
#include "results/validate.h"
#include "tests/support/temp_folder.h"

namespace jb::harness {
namespace {

using results::Record;
using results::Status;

TEST(Glob, StarsAndQuestionMarks) {
  EXPECT_TRUE(matches_glob("conv*", "conv1"));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("*.conv?", "layer1.0.conv2"));
  EXPECT_TRUE(matches_glob("a*b*c", "axxbyybc"));
  EXPECT_FALSE(matches_glob("conv?", "conv"));
  EXPECT_FALSE(matches_glob("conv", "conv1"));
  EXPECT_FALSE(matches_glob("a*b", "ac"));
}

TEST(NetworkMap, ReadsRulesInOrder) {
  const std::vector<MapRule> rules = map_rules_from("conv*=crossbar:pcm-hermes,*=photonic");
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0].pattern, "conv*");
  EXPECT_EQ(rules[0].backend, "crossbar");
  EXPECT_EQ(rules[0].device, "pcm-hermes");
  EXPECT_EQ(rules[1].device, "");
}

TEST(NetworkMap, RefusesWhatMakesNoSense) {
  for (const char* text : {"", "fc1", "=crossbar", "fc1=", "fc1=crossbar:", "fc1=crossbar,",
                           "fc1=nowhere", "*=crossbar,*=photonic"}) {
    EXPECT_THROW(map_rules_from(text), Error) << text;
  }
}

class HybridPoint : public testing::Test {
 protected:
  HybridPoint() {
    point_.op = Op::network;
    point_.network = "mlp-784-16-10";
    point_.dataset = "synthetic-digits";
    options_.cache_dir = folder_.path().string();
    options_.workloads = std::make_shared<WorkloadCache>();
    options_.layers = true;  // rows of layers apart
  }
  Record on(const std::string& backend) {
    PointSpec point = point_;
    point.backend = backend;
    return run_point(point, options_);
  }
  Record mapped(const std::string& map) {
    PointSpec point = point_;
    point.backend = kHybridBackend;
    point.map = map;
    return run_point(point, options_);
  }
  static double joules(const Record& record, const std::string& layer, bool links) {
    double sum = 0;
    for (const results::RecordRow& row : record.ledger) {
      if (row.layer == layer && (row.component == "machine link") == links) sum += row.energy_J;
    }
    return sum;
  }

  test::TempFolder folder_;
  PointSpec point_;
  RunOptions options_;
};

TEST_F(HybridPoint, EachLayerCostsWhatItCostsOnItsMachineAndTheTransferIsExtra) {
  const Record record = mapped("fc1=systolic,*=photonic");
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  for (const results::Violation& violation : results::validate(record)) {
    ADD_FAILURE() << violation.rule << ": " << violation.text;
  }
  EXPECT_EQ(record.point.at("map"), "fc1=systolic:tpu-v1,*=photonic:photonic-2025");
  EXPECT_EQ(record.measurement.at("placements").at("fc1"), "systolic");
  EXPECT_EQ(record.measurement.at("placements").at("relu1"), "digital");
  EXPECT_EQ(record.measurement.at("placements").at("fc2"), "photonic");

  // Counts of the first layer depend on sizes alone: the same joules as on the machine alone (1e-9:
  // sums in another order).
  const double alone = joules(on("systolic"), "fc1", false);
  EXPECT_NEAR(joules(record, "fc1", false), alone, 1e-9 * alone);
  // 2000 samples x 16 hidden values of 4 bytes cross before fc2; nothing crosses elsewhere.
  double bytes = 0;
  for (const results::RecordRow& row : record.ledger) {
    if (row.component != "machine link") continue;
    EXPECT_EQ(row.layer, "fc2");
    if (row.action == "transfer_byte") bytes += row.count;
    if (row.action == "rescale_value") {
      EXPECT_EQ(row.count, 2000.0 * 16);
      EXPECT_EQ(row.category, Category::conversion);
    }
  }
  EXPECT_EQ(bytes, 2000.0 * 16 * 4);
  // Device time: each layer's on its machine, and that of the bytes on the link.
  const auto time_of = [](const Record& r, std::size_t row) {
    return r.measurement.at("layers").at("rows")[row][6].get<double>();
  };
  const double parts =
      time_of(on("systolic"), 0) + time_of(on("photonic"), 1) + bytes / kLinkBytesPerSecond;
  EXPECT_NEAR(record.find("device_time_s")->value, parts, 1e-3 * parts);  // of four digits
  EXPECT_GT(time_of(record, 1), time_of(on("photonic"), 1));
}

TEST_F(HybridPoint, OneMachineUnderTwoPatternsSendsNothing) {
  const Record record = mapped("fc1=systolic,*=systolic");
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  const Record alone = on("systolic");
  EXPECT_EQ(record.find("energy_B1_J_per_mac")->value, alone.find("energy_B1_J_per_mac")->value);
  EXPECT_EQ(joules(record, "fc2", true), 0);
}

TEST_F(HybridPoint, RefusesPatternsWithoutNodesAndNodesWithoutMachines) {
  EXPECT_THROW(mapped("conv*=systolic,*=photonic"), Error);
  EXPECT_THROW(mapped("relu1=systolic,*=photonic"), Error);
  PointSpec point = point_;
  point.backend = kHybridBackend;
  point.map = "fc1=systolic";
  EXPECT_THROW(check_runnable(point), Error);
}

TEST_F(HybridPoint, LayersSayWhoAddsTheError) {
  const Record record = mapped("fc1=photonic:ideal,*=systolic");
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  const Json& rows = record.measurement.at("layers").at("rows");
  ASSERT_EQ(rows.size(), 3U);  // fc1, fc2 and the digital side
  // The ideal machine rounds to float32 (2^-24 an operation); s8 codes are 1/127 of a row's largest
  // element apart, so errors are near 1e-2 and never below 1e-4.
  EXPECT_LT(rows[0][8].get<double>(), 1e-5);
  EXPECT_GT(rows[1][8].get<double>(), 1e-4);
  // Little error comes in, so what fc2 adds is all there is.
  EXPECT_NEAR(rows[1][7].get<double>(), rows[1][8].get<double>(), 0.02 * rows[1][8].get<double>());
  EXPECT_EQ(rows[0][2].get<double>(), 2000.0 * 784 * 16);
}

TEST(McNemar, ExactValues) {
  EXPECT_EQ(mcnemar_p_value(0, 0), 1);
  EXPECT_EQ(mcnemar_p_value(5, 5), 1);
  // 2 (C(10,0) + C(10,1)) / 2^10 = 22 / 1024; lgamma is good to 1e-14.
  EXPECT_NEAR(mcnemar_p_value(1, 9), 22.0 / 1024, 1e-12);
  EXPECT_NEAR(mcnemar_p_value(9, 1), 22.0 / 1024, 1e-12);
  EXPECT_NEAR(mcnemar_p_value(0, 6), 2.0 / 64, 1e-12);
}

}  // namespace
}  // namespace jb::harness
