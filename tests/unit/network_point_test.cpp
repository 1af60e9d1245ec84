// Network and convolution points end to end, on small networks and layers.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>

#include "harness/runner.h"
#include "harness/workload_cache.h"
#include "results/record.h"
#include "results/validate.h"
#include "tests/support/temp_folder.h"

namespace jb::harness {
namespace {

using results::Record;
using results::Status;

void expect_valid(const Record& record) {
  for (const results::Violation& violation : results::validate(record)) {
    ADD_FAILURE() << record.point.dump() << "\n" << violation.rule << ": " << violation.text;
  }
}

PointSpec conv_on(const std::string& backend, const std::string& device) {
  PointSpec point;
  point.op = Op::conv2d;
  point.backend = backend;
  point.device = device;
  point.conv = {2, 4, 9, 7, 6, 3, 2, 2, 1, 1, 2};
  return point;
}

RunOptions quick() {
  RunOptions options;
  options.min_time_s = 0.002;
  return options;
}

TEST(ConvPoint, GroupsAndPaddingAgreeWithTheReference) {
  for (const auto& [backend, device] : std::vector<std::pair<std::string, std::string>>{
           {"systolic", "ideal"}, {"crossbar", "ideal"}, {"photonic", "ideal"}}) {
    const Record record = run_point(conv_on(backend, device), quick());
    ASSERT_EQ(record.status, Status::ok) << backend << ": " << record.reason;
    expect_valid(record);
    // out 5 x 4, per group m = 2 * 5 * 4, n = 3, k = 2 * 3 * 2.
    EXPECT_EQ(record.work.macs, 2.0 * 40 * 3 * 12);
    EXPECT_TRUE(record.verification.at("within_rounding_bound").get<bool>());
  }
}

TEST(ConvPoint, EstimateCountsWhatARunCounts) {
  for (const auto& [backend, device] : std::vector<std::pair<std::string, std::string>>{
           {"systolic", "tpu-v1"}, {"crossbar", "pcm-hermes"}, {"photonic", "photonic-2025"}}) {
    PointSpec point = conv_on(backend, device);
    const Record run = run_point(point, quick());
    ASSERT_EQ(run.status, Status::ok) << backend << ": " << run.reason;
    expect_valid(run);
    const GivenStatistics statistics = statistics_of(run);
    const Record estimate = estimate_point(point, quick(), &statistics);
    ASSERT_EQ(estimate.status, Status::ok) << estimate.reason;
    expect_valid(estimate);
    for (const char* name : {"energy_B1_J_per_mac", "device_time_s", "setup_energy_J"}) {
      const results::Quantity* counted = run.find(name);
      ASSERT_EQ(counted == nullptr, estimate.find(name) == nullptr) << backend << name;
      // Sums over two groups against one product twice: a rounding each.
      if (counted != nullptr) {
        EXPECT_NEAR(estimate.find(name)->value, counted->value, 1e-9 * counted->value)
            << backend << " " << name;
      }
    }
  }
}

class NetworkPoint : public testing::Test {
 protected:
  Record run(const std::string& backend, const std::string& device, std::int64_t batch = 64) {
    point_.op = Op::network;
    point_.network = "mlp-784-16-10";
    point_.dataset = "synthetic-digits";
    point_.backend = backend;
    point_.device = device;
    point_.batch = batch;
    options_.cache_dir = folder_.path().string();
    options_.min_time_s = 0.002;
    if (!options_.workloads) options_.workloads = std::make_shared<WorkloadCache>();
    return run_point(point_, options_);
  }

  test::TempFolder folder_;
  PointSpec point_;
  RunOptions options_;
};

TEST_F(NetworkPoint, ReportsAccuracyOfAllTestImages) {
  const Record ideal = run("crossbar", "ideal");
  ASSERT_EQ(ideal.status, Status::ok) << ideal.reason;
  expect_valid(ideal);
  EXPECT_EQ(ideal.work.macs, 2000.0 * (784 * 16 + 16 * 10));
  EXPECT_EQ(ideal.verification.at("dataset").get<std::string>(), "synthetic-digits");
  EXPECT_FALSE(ideal.verification.at("trained_with_noise").get<bool>());
  const results::Quantity* accuracy = ideal.find("accuracy_top1_frac");
  ASSERT_NE(accuracy, nullptr);
  EXPECT_EQ(accuracy->n, 2000);
  EXPECT_GT(accuracy->value, 0.5);  // ten classes: chance is 0.1
  EXPECT_LT(*accuracy->ci_low, accuracy->value);
  EXPECT_GT(*accuracy->ci_high, accuracy->value);
  // Float32 host tensors round by 2^-24 a layer: labels may only differ where logits tie within it.
  EXPECT_GE(ideal.find("agreement_top1_frac")->value, 0.999);
  EXPECT_LT(ideal.find("relative_error_frobenius")->value, 1e-5);
  const double delta = ideal.find("accuracy_delta_frac")->value;
  EXPECT_NEAR(delta,
              accuracy->value - ideal.verification.at("float_accuracy_top1_frac").get<double>(),
              1e-12);

  // The noise of a sample does not depend on how the test set is cut into batches.
  const Record noisy = run("crossbar", "pcm-hermes");
  ASSERT_EQ(noisy.status, Status::ok) << noisy.reason;
  expect_valid(noisy);
  EXPECT_GT(noisy.find("relative_error_frobenius")->value, 1e-3);
  const Record other = run("crossbar", "pcm-hermes", 2000);
  EXPECT_EQ(noisy.find("relative_error_frobenius")->value,
            other.find("relative_error_frobenius")->value);
  EXPECT_NE(noisy.point_id, other.point_id);

  const Record estimate = [&] {
    point_.batch = 64;
    return estimate_point(point_, options_);
  }();
  ASSERT_EQ(estimate.status, Status::ok) << estimate.reason;
  expect_valid(estimate);
  EXPECT_NEAR(estimate.find("energy_B1_J_per_mac")->value, noisy.find("energy_B1_J_per_mac")->value,
              1e-9 * noisy.find("energy_B1_J_per_mac")->value);
}

/// Joules of the rows that depend on sizes alone.
std::map<std::string, double> joules_by_row(const Record& record) {
  std::map<std::string, double> joules;
  for (const results::RecordRow& row : record.ledger) {
    if (row.data_dependent) continue;
    joules[row.layer + "/" + row.component + "/" + row.action + "/" + row.constant] += row.energy_J;
  }
  return joules;
}

// Rows whose counts do not depend on data are the same in an estimate, layer by layer.
TEST_F(NetworkPoint, EstimatesHaveTheLedgerOfARun) {
  options_.layers = true;  // rows of layers apart
  options_.workloads = std::make_shared<WorkloadCache>();
  point_.op = Op::network;
  for (const char* network : {"mlp-784-100-10", "lenet5"}) {
    for (const auto& [backend, device] : std::vector<std::pair<std::string, std::string>>{
             {"systolic", "tpu-v1"}, {"crossbar", "pcm-hermes"}, {"photonic", "photonic-2025"}}) {
      point_.network = network;
      point_.backend = backend;
      point_.device = device;
      point_.batch = 3;
      const Record run = run_point(point_, options_);
      const Record estimate = estimate_point(point_, options_);
      ASSERT_EQ(run.status, Status::ok) << run.reason;
      ASSERT_EQ(estimate.status, Status::ok) << estimate.reason;
      const std::map<std::string, double> counted = joules_by_row(run);
      const std::map<std::string, double> estimated = joules_by_row(estimate);
      EXPECT_GE(counted.size(), 4U) << network << " " << backend;
      ASSERT_EQ(estimated.size(), counted.size()) << network << " " << backend;
      for (const auto& [row, joules] : counted) {
        ASSERT_EQ(estimated.count(row), 1U) << row;
        // Counts are sums of whole numbers; joules round once.
        EXPECT_NEAR(estimated.at(row), joules, 1e-12 * joules)
            << network << " " << backend << " " << row;
      }
      EXPECT_EQ(run.work.macs, estimate.work.macs);
    }
  }
}

TEST_F(NetworkPoint, RecordsOfNetworksStaySmallAndTellTheirLayers) {
  options_.workloads = std::make_shared<WorkloadCache>();
  options_.directory = folder_.path().string();
  point_.op = Op::network;
  point_.network = "lenet5";
  point_.backend = "photonic";
  point_.device = "photonic-2025";
  point_.batch = 1;
  const Record record = run_point(point_, options_);
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  expect_valid(record);  // sums included
  EXPECT_EQ(record.measurement.at("ledger_layers"), "merged");
  EXPECT_LT(results::to_json(record).dump().size(), 16384U);
  EXPECT_EQ(record.measurement.at("layers").at("rows").size(), 6U);  // five products, digital

  RunOptions by_layer = options_;
  by_layer.layers = true;
  const Record whole = run_point(point_, by_layer);
  expect_valid(whole);
  EXPECT_GT(whole.ledger.size(), 3 * record.ledger.size());
  const double joules = whole.find("energy_B2_J_per_mac")->value;
  EXPECT_NEAR(record.find("energy_B2_J_per_mac")->value, joules, 1e-12 * joules);
}

TEST_F(NetworkPoint, InstancesKeepTheirAccuraciesAndPredictions) {
  point_.instances = 3;
  const Record record = run("crossbar", "pcm-hermes", 2000);
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  expect_valid(record);
  const Json& accuracies = record.verification.at("accuracy_top1_by_instance");
  ASSERT_EQ(accuracies.size(), 3U);
  double sum = 0;
  for (const Json& accuracy : accuracies) sum += accuracy.get<double>();
  const results::Quantity* mean = record.find("accuracy_top1_frac");
  EXPECT_NEAR(mean->value, sum / 3, 1e-12);
  EXPECT_EQ(mean->interval_kind, "instances");
  EXPECT_FALSE(accuracies[0] == accuracies[1] && accuracies[1] == accuracies[2]);
}

TEST_F(NetworkPoint, LayersThatErrByMoreThanTheirOutputAreTold) {
  point_.op = Op::network;
  point_.network = "mlp-784-100-10";
  point_.backend = "photonic";
  point_.device = "hamerly2019-sql";  // one photon per MAC
  point_.batch = 4;
  point_.set["n_mac"] = "0.01";
  const Record record = run_point(point_, options_);
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  const auto told = [](const Record& r) {
    return std::any_of(r.lints.begin(), r.lints.end(),
                       [](const results::Lint& lint) { return lint.id == "noisy-layers"; });
  };
  EXPECT_TRUE(told(record));
  point_.set["n_mac"] = "1000000";
  EXPECT_FALSE(told(run_point(point_, options_)));
}

TEST_F(NetworkPoint, MeasuredBackendsTimeTheWholeTestSet) {
  const Record record = run("reference", "");
  if (record.status == Status::unavailable) GTEST_SKIP() << record.reason;
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  expect_valid(record);
  EXPECT_EQ(record.find("device_time_s")->provenance, Provenance::measured);
  EXPECT_EQ(record.find("accuracy_top1_frac")->provenance, Provenance::measured);
}

TEST_F(NetworkPoint, RefusesNetworksThatDoNotFitTheData) {
  point_.op = Op::network;
  point_.backend = "reference";
  point_.network = "mlp-783-16-10";
  point_.dataset = "synthetic-digits";
  EXPECT_THROW(run_point(point_, options_), Error);
}

}  // namespace
}  // namespace jb::harness
