// The runner: from a point to a record, and what becomes of points that go wrong.

#include "harness/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/host_matrix.h"
#include "harness/operands.h"
#include "harness/point_context.h"
#include "results/validate.h"
#include "tests/support/fake_device.h"

namespace jb::harness {
namespace {

using results::Record;
using results::Status;

RunOptions quick() {
  RunOptions options;
  options.min_time_s = 0.002;
  options.repetitions = 6;
  options.run_id = "test";
  return options;
}

PointSpec gemm_on(const std::string& backend, const std::string& device, GemmShape shape) {
  PointSpec point;
  point.backend = backend;
  point.device = device;
  point.gemm = shape;
  return point;
}

void expect_valid(const Record& record) {
  for (const results::Violation& violation : results::validate(record)) {
    ADD_FAILURE() << record.point.dump() << "\n" << violation.rule << ": " << violation.text;
  }
}

const std::vector<std::pair<std::string, std::string>>& modelled_devices() {
  static const std::vector<std::pair<std::string, std::string>> devices = {
      {"systolic", "ideal"},           {"systolic", "tpu-v1"},       {"systolic", "scale-sim-32"},
      {"crossbar", "ideal"},           {"crossbar", "pcm-hermes"},   {"photonic", "ideal"},
      {"photonic", "hamerly2019-sql"}, {"photonic", "photonic-2025"}};
  return devices;
}

TEST(Runner, ReferenceIsTimedAndExactToRounding) {
  if (!timing_available()) GTEST_SKIP() << timing_available().reason;
  const Record record = run_point(gemm_on("reference", "", {33, 17, 65}), quick());
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  expect_valid(record);
  EXPECT_EQ(record.work.macs, 33.0 * 17 * 65);
  const results::Quantity* time = record.find("device_time_s");
  ASSERT_NE(time, nullptr);
  EXPECT_EQ(time->provenance, Provenance::measured);
  EXPECT_GE(time->n, 6);  // more until the interval is narrow, the noise floor is met or time is up
  EXPECT_EQ(time->interval_kind, "sampling");
  EXPECT_LE(*time->ci_low, time->value);
  EXPECT_GE(*time->ci_high, time->value);
  EXPECT_NEAR(record.find("throughput_mac_per_s")->value * time->value, record.work.macs,
              1e-9 * record.work.macs);
  EXPECT_EQ(record.find("energy_B0_J_per_mac"), nullptr);
  // Float64 product of float64 host tensors: gamma_65 = 65 x 2^-53 relative to ||A|| ||B||, which
  // is about sqrt(65) times ||C|| for random data.
  EXPECT_LT(record.find("relative_error_frobenius")->value, 65 * std::sqrt(65.0) * 1.2e-16);
  EXPECT_TRUE(record.verification.at("within_rounding_bound").get<bool>());
}

TEST(Runner, EveryModelledPresetMakesAValidRecord) {
  for (const auto& [backend, device] : modelled_devices()) {
    const Record record = run_point(gemm_on(backend, device, {24, 40, 100}), quick());
    EXPECT_EQ(record.status, Status::ok) << backend << " " << device << ": " << record.reason;
    expect_valid(record);
    EXPECT_EQ(record.point.at("device").get<std::string>(), device);
    const results::Quantity* time = record.find("device_time_s");
    if (time != nullptr) {
      EXPECT_EQ(time->provenance, Provenance::modelled);
    }
    EXPECT_EQ(record.find("host_time_s")->provenance, Provenance::measured);
    const bool bound = record.point.contains("theory_bound");
    const bool linted = std::any_of(record.lints.begin(), record.lints.end(),
                                    [](const results::Lint& l) { return l.id == "theory-bound"; });
    EXPECT_EQ(bound, linted) << backend << " " << device;
  }
}

TEST(Runner, EstimateCountsWhatARunCounts) {
  for (const auto& [backend, device] : modelled_devices()) {
    const PointSpec point = gemm_on(backend, device, {24, 40, 100});
    const Record run = run_point(point, quick());
    ASSERT_EQ(run.status, Status::ok) << run.reason;
    const GivenStatistics statistics = statistics_of(run);
    const Record estimate = estimate_point(point, quick(), &statistics);
    ASSERT_EQ(estimate.status, Status::ok) << estimate.reason;
    expect_valid(estimate);
    EXPECT_TRUE(estimate.point.at("estimate").get<bool>());
    EXPECT_NE(estimate.point_id, run.point_id);
    EXPECT_EQ(estimate.work.executed_macs, run.work.executed_macs);
    for (const auto& [name, quantity] : run.quantities) {
      const bool counted = name.rfind("energy_", 0) == 0 || name == "device_time_s" ||
                           name == "setup_energy_J" || name == "data_movement_J_per_mac";
      if (!counted) continue;
      const results::Quantity* same = estimate.find(name);
      ASSERT_NE(same, nullptr) << backend << " " << device << " " << name;
      EXPECT_DOUBLE_EQ(same->value, quantity.value) << backend << " " << device << " " << name;
    }
    EXPECT_EQ(estimate.find("host_time_s"), nullptr);
    EXPECT_EQ(estimate.find("relative_error_frobenius"), nullptr);
  }
}

TEST(Runner, EstimatesReachSizesThatNobodyCouldCompute) {
  const PointSpec point = gemm_on("systolic", "tpu-v1", {1 << 22, 1 << 22, 1 << 16});
  const Record record = estimate_point(point, quick());
  ASSERT_EQ(record.status, Status::ok) << record.reason;
  expect_valid(record);
  EXPECT_EQ(record.work.macs, std::ldexp(1.0, 60));
  const Record run = run_point(point, quick());
  EXPECT_EQ(run.status, Status::unsupported);
  EXPECT_NE(run.reason.find("memory"), std::string::npos) << run.reason;
  expect_valid(run);
}

TEST(Runner, InstancesDifferAndAreAveraged) {
  PointSpec point = gemm_on("crossbar", "pcm-hermes", {8, 16, 64});
  const Record one = run_point(point, quick());
  point.instances = 4;
  const Record many = run_point(point, quick());
  ASSERT_EQ(many.status, Status::ok) << many.reason;
  expect_valid(many);
  const results::Quantity* error = many.find("relative_error_frobenius");
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->interval_kind, "instances");
  EXPECT_EQ(error->n, 4);
  EXPECT_LT(*error->ci_low, *error->ci_high);
  // Counts do not depend on the instance.
  EXPECT_NEAR(many.find("energy_B1_J_per_mac")->value, one.find("energy_B1_J_per_mac")->value,
              1e-12 * one.find("energy_B1_J_per_mac")->value);
  EXPECT_EQ(run_point(gemm_on("reference", "", {8, 16, 64}), quick()).status, Status::ok);
  PointSpec measured = gemm_on("reference", "", {8, 16, 64});
  measured.instances = 2;
  EXPECT_EQ(run_point(measured, quick()).status, Status::unsupported);
}

TEST(Runner, SameSeedSameRecord) {
  const PointSpec point = gemm_on("crossbar", "pcm-hermes", {8, 16, 64});
  PointSpec other = point;
  other.threads = 3;
  const Record a = run_point(point, quick());
  const Record b = run_point(other, quick());
  EXPECT_EQ(a.record_id, b.record_id);
  EXPECT_EQ(a.find("relative_error_frobenius")->value, b.find("relative_error_frobenius")->value);
  other.seed = 2;
  EXPECT_NE(run_point(other, quick()).record_id, a.record_id);
}

TEST(Runner, UnavailableBackendsSayWhy) {
  const Backend& cublas = find_backend("cublas");
  if (cublas.available()) GTEST_SKIP() << "cublas is available here";
  const Record record = run_point(gemm_on("cublas", "", {8, 8, 8}), quick());
  EXPECT_EQ(record.status, Status::unavailable);
  EXPECT_EQ(record.reason, cublas.available().reason);
  expect_valid(record);
}

TEST(Runner, DevicesThatDescribeAnotherComputerAreEstimatedOnly) {
  if (!find_backend("onednn").available())
    GTEST_SKIP() << find_backend("onednn").available().reason;
  const PointSpec point = gemm_on("onednn", "xeon-server", {64, 64, 64});
  const Record run = run_point(point, quick());
  EXPECT_EQ(run.status, Status::unsupported);
  EXPECT_NE(run.reason.find("another computer"), std::string::npos) << run.reason;
  const Record estimate = estimate_point(point, quick());
  ASSERT_EQ(estimate.status, Status::ok) << estimate.reason;
  expect_valid(estimate);
  EXPECT_EQ(estimate.find("device_time_s")->provenance, Provenance::modelled);
}

TEST(Runner, BadInputIsRefusedBeforeARun) {
  const GemmShape shape{8, 8, 8};
  PointSpec point = gemm_on("crosbar", "", shape);
  EXPECT_THROW(check_runnable(point), Error);
  point = gemm_on("crossbar", "tpu-v1", shape);
  EXPECT_THROW(check_runnable(point), Error);
  point = gemm_on("crossbar", "ideal", shape);
  EXPECT_NO_THROW(check_runnable(point));
  point.set["tile.rowz"] = "4";
  EXPECT_THROW(check_runnable(point), Error);
  EXPECT_THROW(run_point(point, quick()), Error);
  point = gemm_on("crossbar", "pcm-hermes", shape);
  point.calibration = "magic";
  EXPECT_THROW(check_runnable(point), Error);
  point = gemm_on("reference", "", shape);
  point.precision = ElementType::s8;
  EXPECT_THROW(check_runnable(point), Error);
  point = gemm_on("reference", "", shape);
  point.op = Op::network;
  point.network = "mlp-784-100-10";
  point.dataset = "mnist";
  EXPECT_THROW(check_runnable(point), Error);
}

// ---- devices that misbehave -------------------------------------------------------------------

class MisbehavingDevice : public testing::Test {
 protected:
  Outcome run(const test::FakeBehaviour& behaviour) {
    const Backend& backend = find_backend("systolic");
    const DeviceSpec spec = load_device(backend, device_);
    test::FakeDevice device(behaviour, spec);
    const PointContext context{point_, options_, backend, spec, ElementType::f32};
    HostMatrix a(make_operand(OperandRole::a, 6, 7, {}, 1), ElementType::f32);
    HostMatrix b(make_operand(OperandRole::b, 7, 5, {}, 1), ElementType::f32);
    HostMatrix c(6, 5, ElementType::f32);
    return run_gemm(context, device,
                    {point_.gemm, std::as_const(a).ref(), std::as_const(b).ref(), c.ref()});
  }

  std::string device_ = "ideal";  // whose results must be right to rounding
  PointSpec point_ = gemm_on("systolic", "ideal", {6, 5, 7});
  RunOptions options_ = quick();
};

test::FakeBehaviour priced(double dram_bytes_counted) {
  test::FakeBehaviour behaviour;
  behaviour.prices.highest = Boundary::B2;
  Price mac;
  mac.component = "mac";
  mac.energy_per_action_J = 1e-13;
  Price dram;
  dram.component = "dram";
  dram.category = Category::movement;
  dram.boundary = Boundary::B2;
  dram.energy_per_action_J = 2e-12;
  dram.dram_bytes = 1;
  behaviour.activity.add(behaviour.prices.add(mac), 210);
  behaviour.activity.add(behaviour.prices.add(dram), dram_bytes_counted);
  behaviour.activity.device_time_s = 1e-6;
  behaviour.activity.executed_macs = 210;
  return behaviour;
}

TEST_F(MisbehavingDevice, RightResultsPass) {
  const Outcome outcome = run({});
  EXPECT_EQ(outcome.status, Status::ok) << outcome.reason;
}

TEST_F(MisbehavingDevice, WrongResultsFail) {
  test::FakeBehaviour behaviour;
  behaviour.spoil = [](MatrixView<float> c) { c(2, 3) += 0.001F; };
  const Outcome outcome = run(behaviour);
  EXPECT_EQ(outcome.status, Status::failed);
  EXPECT_NE(outcome.reason.find("wrong result"), std::string::npos) << outcome.reason;
}

TEST_F(MisbehavingDevice, ElementsNeverWrittenOrNotFiniteFail) {
  test::FakeBehaviour behaviour;
  behaviour.spoil = [](MatrixView<float> c) { c(0, 0) = std::numeric_limits<float>::infinity(); };
  EXPECT_EQ(run(behaviour).status, Status::failed);
}

TEST_F(MisbehavingDevice, UnsupportedKeepsTheReason) {
  test::FakeBehaviour behaviour;
  behaviour.supported = Support::no("too large for me");
  const Outcome outcome = run(behaviour);
  EXPECT_EQ(outcome.status, Status::unsupported);
  EXPECT_EQ(outcome.reason, "too large for me");
}

TEST_F(MisbehavingDevice, LedgerFollowsTheCounts) {
  // A (6 x 7) in and C (6 x 5) out, 4 bytes each; B is resident.
  const Outcome outcome = run(priced((42 + 30) * 4));
  EXPECT_EQ(outcome.status, Status::ok) << outcome.reason;
  EXPECT_DOUBLE_EQ(outcome.quantities.at("energy_B0_J_per_mac").value, 1e-13);
  EXPECT_DOUBLE_EQ(outcome.quantities.at("energy_B2_J_per_mac").value, 1e-13 + 288 * 2e-12 / 210);
  EXPECT_DOUBLE_EQ(outcome.quantities.at("data_movement_share_frac").value,
                   288 * 2e-12 / (288 * 2e-12 + 210 * 1e-13));
  EXPECT_DOUBLE_EQ(outcome.quantities.at("average_power_W").value,
                   (288 * 2e-12 + 210 * 1e-13) / 1e-6);
}

TEST_F(MisbehavingDevice, TrafficBelowTheCompulsoryIsInconsistent) {
  const Outcome outcome = run(priced((42 + 30) * 4 - 1));
  EXPECT_EQ(outcome.status, Status::inconsistent);
  EXPECT_NE(outcome.reason.find("compulsory"), std::string::npos) << outcome.reason;
}

TEST_F(MisbehavingDevice, FasterThanThePeakIsInconsistent) {
  test::FakeBehaviour behaviour = priced(288);
  behaviour.peak_mac_per_s = 2.0e8;  // 210 MACs in 1 us are 2.1e8
  const Outcome outcome = run(behaviour);
  EXPECT_EQ(outcome.status, Status::inconsistent);
  EXPECT_NE(outcome.reason.find("peak"), std::string::npos) << outcome.reason;
  behaviour.peak_mac_per_s = 2.1e8;
  EXPECT_EQ(run(behaviour).status, Status::ok);
}

TEST_F(MisbehavingDevice, BelowLandauerIsInconsistent) {
  test::FakeBehaviour behaviour = priced(288);
  behaviour.prices.prices[0].energy_per_action_J = 1e-22;  // k T ln 2 is 2.9e-21 J
  const Outcome outcome = run(behaviour);
  EXPECT_EQ(outcome.status, Status::inconsistent);
  EXPECT_NE(outcome.reason.find("Landauer"), std::string::npos) << outcome.reason;
}

TEST_F(MisbehavingDevice, LintsBecomeRecordsOfTheirOwn) {
  test::FakeBehaviour behaviour;
  behaviour.lints = {"saturated: 0.3 % of samples clipped",
                     "saturated: 0.4 %",
                     "odd",
                     "layer 'fc1': saturated: 1 %",
                     "layer 'fc2': saturated: 2 %",
                     "layer 'fc1': saturated: 3 %"};
  const Outcome outcome = run(behaviour);
  std::vector<std::string> lints;
  for (const results::Lint& lint : outcome.lints) lints.push_back(lint.id + "|" + lint.text);
  ASSERT_GE(lints.size(), 4U);
  lints.resize(4);  // the device's own follow
  EXPECT_EQ(lints, (std::vector<std::string>{"saturated|saturated: 0.3 % of samples clipped",
                                             "backend|odd", "saturated|layer 'fc1': saturated: 1 %",
                                             "saturated|layer 'fc2': saturated: 2 %"}));
}

TEST_F(MisbehavingDevice, ClocksAreSetAroundTheCalibration) {
  std::vector<std::string> calls;
  test::FakeBehaviour behaviour;
  behaviour.calls = &calls;
  point_.age_s = 100;
  point_.since_calibration_s = 40;
  run(behaviour);
  EXPECT_EQ(calls, (std::vector<std::string>{"plan", "epoch 60 60", "calibrate gain",
                                             "epoch 100 40", "execute"}));
  calls.clear();
  point_.since_calibration_s.reset();
  point_.calibration = "none";
  run(behaviour);
  EXPECT_EQ(calls, (std::vector<std::string>{"plan", "epoch 100 100", "execute"}));
}

}  // namespace
}  // namespace jb::harness
