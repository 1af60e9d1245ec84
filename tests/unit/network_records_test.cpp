// Records of the networks of the literature on every kind of machine: the published MACs, and
// layers that account for all of the whole.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "harness/network_map.h"
#include "harness/runner.h"
#include "harness/workload_cache.h"
#include "models/networks/registry.h"
#include "results/record.h"
#include "results/validate.h"
#include "tests/support/network_counts.h"

namespace jb::harness {
namespace {

using results::Record;
using results::Status;

constexpr std::int64_t kBatch = 2;

// Columns of a layer table (harness/layer_table.h).
constexpr std::size_t kMacs = 2, kExecuted = 3, kEnergy = 4, kMovement = 5, kTime = 6, kError = 7,
                      kAdded = 8;

PointSpec point_of(const std::string& network, const char* backend, const char* device) {
  PointSpec point;
  point.op = Op::network;
  point.network = network;
  point.backend = backend;
  point.device = device;
  point.batch = kBatch;
  return point;
}

double sum_of(const Json& rows, std::size_t column) {
  double sum = 0;
  for (const Json& row : rows) sum += row[column].get<double>();
  return sum;
}

void expect_layers_make_the_whole(const Record& record) {
  const Json& layers = record.measurement.at("layers");
  const Json& rows = layers.at("rows");
  EXPECT_EQ(sum_of(rows, kMacs), record.work.macs);
  // Columns are rounded to four digits, so that each is within 5e-4 of its value.
  EXPECT_NEAR(sum_of(rows, kExecuted), record.work.executed_macs, 5e-4 * record.work.executed_macs);
  if (const auto* time = record.find("device_time_s")) {
    EXPECT_NEAR(sum_of(rows, kTime), time->value, 5e-4 * time->value);
  }
  const Json& boundaries = layers.at("boundaries");
  for (std::size_t b = 0; b < boundaries.size(); ++b) {
    const std::string name = "energy_" + boundaries[b].get<std::string>() + "_J_per_mac";
    const results::Quantity* const energy = record.find(name);
    ASSERT_NE(energy, nullptr) << name;
    double joules = 0;
    for (const Json& row : rows) {
      if (!row[kEnergy].empty()) joules += row[kEnergy][b].get<double>();
    }
    EXPECT_NEAR(joules / record.work.macs, energy->value, 5e-4 * energy->value) << name;
  }
  if (const auto* movement = record.find("data_movement_J_per_mac")) {
    EXPECT_NEAR(sum_of(rows, kMovement) / record.work.macs, movement->value,
                5e-4 * movement->value);
  }
}

struct Target {
  const char* backend;
  const char* device;
};

class NetworkRecords : public testing::TestWithParam<Target> {};

TEST_P(NetworkRecords, CountThePublishedMacsAndAllOfThemByLayer) {
  RunOptions options;
  options.layers = true;
  for (const test::NetworkCounts& counts : test::kNetworkCounts) {
    SCOPED_TRACE(counts.name);
    options.workloads = std::make_shared<WorkloadCache>();
    const Record record =
        estimate_point(point_of(counts.name, GetParam().backend, GetParam().device), options);
    ASSERT_EQ(record.status, Status::ok) << record.reason;
    for (const results::Violation& violation : results::validate(record)) {
      ADD_FAILURE() << violation.rule << ": " << violation.text;
    }
    EXPECT_EQ(record.work.macs, counts.macs * kBatch);
    expect_layers_make_the_whole(record);
    for (const Json& row : record.measurement.at("layers").at("rows")) {
      if (row[kMacs].get<double>() > 0 && row[0] != "(others)") {
        EXPECT_EQ(row[1].get<std::string>(), GetParam().backend) << row[0];
        EXPECT_GT(row[kExecuted].get<double>(), 0) << row[0];
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, NetworkRecords,
                         testing::Values(Target{"systolic", "tpu-v1"},
                                         Target{"crossbar", "pcm-hermes"},
                                         Target{"photonic", "photonic-2025"}),
                         [](const auto& tested) { return std::string(tested.param.backend); });

/// A run tells the errors as well, on each backend that is here.
TEST(NetworkRecord, OfARunHasErrorsOfAllLayers) {
  for (const Backend* backend : backends()) {
    const std::string& id = backend->info().id;
    if (!backend->available()) continue;
    SCOPED_TRACE(id);
    RunOptions options;
    options.workloads = std::make_shared<WorkloadCache>();
    options.min_time_s = 0.002;
    PointSpec point = point_of("lenet5", id.c_str(), "");
    const Record record = run_point(point, options);
    if (record.status == Status::unavailable) continue;
    ASSERT_EQ(record.status, Status::ok) << record.reason;
    EXPECT_EQ(record.work.macs, 416520.0 * kBatch);
    const Json& rows = record.measurement.at("layers").at("rows");
    ASSERT_EQ(rows.size(), 6U);  // five products and the digital side
    EXPECT_EQ(sum_of(rows, kMacs), record.work.macs);
    for (std::size_t l = 0; l + 1 < rows.size(); ++l) {
      EXPECT_GT(rows[l][kError].get<double>(), 0) << rows[l][0];
      EXPECT_GT(rows[l][kAdded].get<double>(), 0) << rows[l][0];
      EXPECT_GT(rows[l][kExecuted].get<double>(), 0) << rows[l][0];
    }
  }
}

/// conv* on one machine, fc* on another: what crosses is the flattened feature map alone.
TEST(NetworkRecord, OfAHybridHasTheBytesThatCross) {
  RunOptions options;
  options.workloads = std::make_shared<WorkloadCache>();
  options.layers = true;
  PointSpec point = point_of("lenet5", "", "");
  point.backend = kHybridBackend;
  point.map = "conv*=systolic,fc*=photonic";  // both known to B2, where links are
  const Record record = run_point(point, options);
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  double bytes = 0;
  double rescaled = 0;
  double rounded = 0;
  for (const results::RecordRow& row : record.ledger) {
    if (row.component != "machine link") continue;
    EXPECT_EQ(row.layer, "fc5");  // the first that reads it; renaming nodes take no part
    if (row.action == "transfer_byte") bytes += row.count;
    if (row.action == "rescale_value") rescaled += row.count;
    if (row.action == "round_value") rounded += row.count;
  }
  // 16 channels of 5 x 5, float32, two samples.
  EXPECT_EQ(bytes, 2.0 * 16 * 5 * 5 * 4);
  EXPECT_EQ(rescaled, 2.0 * 16 * 5 * 5);
  EXPECT_EQ(rounded, rescaled);
}

/// A machine known to B1 alone ends the record there; what crosses at B2 is said in words.
TEST(NetworkRecord, OfAHybridThatStopsBelowItsLinksSaysSo) {
  RunOptions options;
  PointSpec point = point_of("lenet5", "", "");
  point.backend = kHybridBackend;
  point.map = "conv*=crossbar,fc*=photonic";
  const Record record = estimate_point(point, options);
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  const auto lint = std::find_if(record.lints.begin(), record.lints.end(),
                                 [](const auto& each) { return each.id == "links-left-out"; });
  ASSERT_NE(lint, record.lints.end());
  EXPECT_NE(lint->text.find("3200 bytes"), std::string::npos) << lint->text;  // 2 x 16 x 5 x 5 x 4
}

/// A residual network's skipped paths cross on their own, each value once per machine.
TEST(NetworkRecord, OfAHybridSendsAValueOnce) {
  RunOptions options;
  options.layers = true;
  PointSpec point = point_of("resnet18", "", "");
  point.backend = kHybridBackend;
  point.map = "conv3*=systolic,*=photonic";
  const Record record = estimate_point(point, options);
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  double bytes = 0;
  for (const results::RecordRow& row : record.ledger) {
    if (row.component == "machine link" && row.action == "transfer_byte") bytes += row.count;
  }
  // Into the stage 64 x 56 x 56 once, although its first convolution and its shortcut read it; out
  // of it 128 x 28 x 28 once, read by the two of the next stage.
  EXPECT_EQ(bytes, 2.0 * (64 * 56 * 56 + 128 * 28 * 28) * 4);
}

}  // namespace
}  // namespace jb::harness
