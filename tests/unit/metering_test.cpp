// Points on real hardware, metered by a fake machine: right joules, gross and net, windows in turn,
// what is told when a meter cannot be trusted.

#include "harness/metering.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/metered_group.h"
#include "harness/runner.h"
#include "tests/fakes/fake_powercap.h"
#include "tests/support/quick_bench.h"
#include "tests/support/temp_folder.h"

namespace jb::harness {
namespace {

using test::FakeMachine;
using test::FakePowercap;
using test::kUsualRange_uJ;

constexpr double kIdle_W = 22;
constexpr double kBusy_W = 84;

class MeteringTest : public testing::Test {
 protected:
  void SetUp() override { tree_.add("intel-rapl:0", "package-0", 0, kRange_uJ, 100); }

  void add_memory() { tree_.add("intel-rapl:0:0", "dram", 0, kRange_uJ, 20); }
  /// The machine draws more while this process computes, or a self-test's load is on.
  void switch_on(bool memory) {
    std::vector<FakeMachine::Zone> zones = {{"intel-rapl:0", 20, 80}};
    if (memory) zones.push_back({"intel-rapl:0:0", 2, 4});
    auto busy = std::make_shared<std::optional<test::ProcessIsBusy>>();
    machine_ = std::make_unique<FakeMachine>(tree_, zones, [this, busy] {
      if (!*busy) busy->emplace(::getpid(), true);
      const bool computing = (**busy)();
      if (computing && armed_) while_busy_();
      return load_.on() || computing;
    });
  }
  [[nodiscard]] std::shared_ptr<Metering> metering(EnergyMode mode = EnergyMode::automatic) {
    meter::MeterPlaces places = test::no_places();
    places.powercap = tree_.root();
    places.cpus = folder_.path() / "cpus";
    auto metering = std::make_shared<Metering>();
    metering->bench = std::make_shared<meter::Bench>(test::quick_options(places, load_));
    metering->mode = mode;
    metering->rules.window_s = 0.5;
    metering->rules.updates = 1;
    metering->rules.idle_s = 0.3;
    metering->rules.warmup_part_s = 0.1;
    metering->rules.warmup_most_s = 0.5;
    return metering;
  }
  static PointSpec point(const std::string& backend = "onednn") {
    PointSpec point;
    point.backend = find_backend(backend).available() ? backend : "reference";
    point.gemm = {192, 192, 192};
    return point;
  }
  static bool has_lint(const results::Record& record, const std::string& id) {
    for (const results::Lint& lint : record.lints) {
      if (lint.id == id) return true;
    }
    return false;
  }

  // 50 J: the counter comes around every 0.6 s of work, several times in a point.
  static constexpr std::uint64_t kRange_uJ = 50000000;
  test::TempFolder folder_{test::memory_directory_path()};
  FakePowercap tree_{folder_.path() / "powercap"};
  test::FlagLoad load_;
  std::function<void()> while_busy_;  ///< set before switch_on()
  std::atomic<bool> armed_{false};
  std::unique_ptr<FakeMachine> machine_;
};

TEST_F(MeteringTest, JoulesAreThoseOfTheMachineAcrossWraps) {
  add_memory();
  switch_on(true);
  RunOptions options;
  options.metering = metering();
  const results::Record record = run_point(point(), options);
  ASSERT_EQ(record.status, results::Status::ok) << record.reason;
  const Json& energy = record.measurement.at("energy");
  const Json& meter = energy.at("meters").at(0);
  EXPECT_EQ(meter.at("id"), "rapl");
  ASSERT_EQ(energy.at("windows").size(), 3U);
  // A reading is as old as the machine's last update, at both ends.
  const double late_J = 2 * machine_->longest_step_s() * kBusy_W;
  double joules = 0;
  double joules_per_execution = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& window = energy.at("windows").at(i);
    const double from = window.at("start_unix_s");
    const double told = meter.at("joules").at(i);
    EXPECT_GE(window.at("seconds").get<double>(), 0.5);
    EXPECT_NEAR(told, machine_->joules_between(from, from + window.at("seconds").get<double>()),
                late_J);
    joules += told;
    joules_per_execution += told / window.at("executions").get<double>() / 3;
  }
  EXPECT_GT(joules, 50) << "more than one turn of the counter";
  const results::Quantity& gross = record.quantities.at("measured_energy_B3_J_per_mac");
  EXPECT_EQ(gross.provenance, Provenance::measured);
  EXPECT_EQ(gross.interval_kind, "combined");
  EXPECT_EQ(gross.n, 3);
  EXPECT_NEAR(gross.value * record.work.macs, joules_per_execution, 1e-9 * joules_per_execution);
  EXPECT_LT(*gross.ci_low, gross.value);
  EXPECT_GT(*gross.ci_high, gross.value);
  EXPECT_NE(gross.source.find("package-0, package-0/dram"), std::string::npos);
  EXPECT_EQ(record.find("measured_domain_energy_J"), nullptr);
  EXPECT_EQ(record.quantities.at("average_power_W").provenance, Provenance::measured);
  EXPECT_NEAR(record.quantities.at("average_power_W").value, kBusy_W, 10);
}

TEST_F(MeteringTest, NetIsGrossWithoutIdlePower) {
  add_memory();
  switch_on(true);
  RunOptions options;
  options.metering = metering();
  const results::Record record = run_point(point(), options);
  ASSERT_EQ(record.status, results::Status::ok) << record.reason;
  ASSERT_NE(record.find("measured_net_energy_B3_J_per_mac"), nullptr);
  const double gross = record.quantities.at("measured_energy_B3_J_per_mac").value;
  const double net = record.quantities.at("measured_net_energy_B3_J_per_mac").value;
  // 84 W in all and 22 W idle: net / gross = 1 - 22 / 84 = 0.738; either power is known to about
  // a tenth on a machine with other work.
  EXPECT_NEAR(net / gross, 1 - kIdle_W / kBusy_W, 0.1);
  EXPECT_EQ(record.quantities.at("measured_net_energy_B3_J_per_mac").provenance,
            Provenance::measured);
}

TEST_F(MeteringTest, TheRatioComparesOneBoundary) {
  add_memory();
  switch_on(true);
  RunOptions options;
  options.metering = metering();
  const results::Record record = run_point(point(), options);
  ASSERT_EQ(record.status, results::Status::ok) << record.reason;
  const results::Quantity* modelled = record.find("energy_B3_J_per_mac");
  const results::Quantity* ratio = record.find("model_to_meter_ratio");
  // A build without oneDNN runs the reference, whose energy has no model.
  ASSERT_EQ(ratio != nullptr, modelled != nullptr);
  if (ratio == nullptr) return;
  EXPECT_DOUBLE_EQ(ratio->value,
                   modelled->value / record.quantities.at("measured_energy_B3_J_per_mac").value);
  EXPECT_EQ(ratio->provenance, Provenance::modelled);  // the weaker of its parts
}

TEST_F(MeteringTest, APackageAloneIsToldByItsDomains) {
  switch_on(false);
  RunOptions options;
  options.metering = metering();
  const results::Record record = run_point(point(), options);
  ASSERT_EQ(record.status, results::Status::ok) << record.reason;
  EXPECT_EQ(record.find("measured_energy_B3_J_per_mac"), nullptr);
  EXPECT_EQ(record.find("measured_net_energy_B3_J_per_mac"), nullptr);
  const results::Quantity& domains = record.quantities.at("measured_domain_energy_J");
  EXPECT_NE(domains.source.find("(package-0)"), std::string::npos) << domains.source;
  EXPECT_TRUE(has_measured_energy(record));
}

TEST_F(MeteringTest, ShortWindowsAreNotPublishable) {
  switch_on(false);
  RunOptions options;
  options.metering = metering();
  const results::Record record = run_point(point(), options);
  EXPECT_TRUE(has_lint(record, "not-publishable"));
  EXPECT_EQ(record.measurement.at("energy").at("publishable"), false);
  EXPECT_EQ(meter::WindowRules::published().not_publishable(), "");
  EXPECT_NE(meter::WindowRules::ci().not_publishable(), "");
}

TEST_F(MeteringTest, AMeterThatDisappearsLeavesTimeAndALint) {
  while_busy_ = [zone = tree_.zone("intel-rapl:0")] { std::filesystem::remove_all(zone); };
  switch_on(false);
  RunOptions options;
  options.metering = metering();
  armed_ = true;
  const results::Record record = run_point(point(), options);
  EXPECT_EQ(record.status, results::Status::ok) << record.reason;
  EXPECT_TRUE(has_lint(record, "unmetered"));
  EXPECT_FALSE(has_measured_energy(record));
  EXPECT_NE(record.find("device_time_s"), nullptr);
}

TEST_F(MeteringTest, AMeterThatDisappearsFailsAPointThatDemandsIt) {
  while_busy_ = [zone = tree_.zone("intel-rapl:0")] { std::filesystem::remove_all(zone); };
  switch_on(false);
  RunOptions options;
  options.metering = metering(EnergyMode::meter);
  armed_ = true;
  const results::Record record = run_point(point(), options);
  EXPECT_EQ(record.status, results::Status::failed);
  EXPECT_NE(record.reason.find("disappeared"), std::string::npos) << record.reason;
}

TEST_F(MeteringTest, ThrottlingTakesTheStatus) {
  const std::filesystem::path counts = folder_.path() / "cpus" / "cpu0" / "thermal_throttle";
  std::filesystem::create_directories(counts);
  const std::filesystem::path count = counts / "core_throttle_count";
  std::ofstream(count) << "7\n";
  int events = 7;
  while_busy_ = [&events, count] { std::ofstream(count) << ++events << "\n"; };
  switch_on(false);
  RunOptions options;
  options.metering = metering();
  armed_ = true;
  const results::Record record = run_point(point(), options);
  machine_.reset();  // its thread uses `events`
  EXPECT_EQ(record.status, results::Status::throttled) << record.reason;
  EXPECT_TRUE(has_lint(record, "throttled"));
  EXPECT_TRUE(has_measured_energy(record));
}

TEST_F(MeteringTest, SimulatedPointsCannotBeMetered) {
  switch_on(false);
  RunOptions options;
  options.metering = metering(EnergyMode::meter);
  PointSpec simulated = point();
  simulated.backend = "crossbar";
  const results::Record record = run_point(simulated, options);
  EXPECT_EQ(record.status, results::Status::unsupported);
  EXPECT_NE(record.reason.find("draws no power that a meter could tell"), std::string::npos)
      << record.reason;
}

TEST_F(MeteringTest, WithoutAMeterPointsThatDemandOneAreUnavailable) {
  RunOptions options;
  options.metering = metering(EnergyMode::meter);  // the tree stands still: a phantom
  const results::Record record = run_point(point(), options);
  EXPECT_EQ(record.status, results::Status::unavailable);
  EXPECT_NE(record.reason.find("rapl rejected: stays at zero under load"), std::string::npos)
      << record.reason;
}

TEST_F(MeteringTest, PointsOfOneWorkloadTakeTurns) {
  switch_on(false);
  RunOptions options;
  const auto shared = metering();
  shared->rules.window_s = 0.2;
  options.metering = shared;
  std::vector<PointSpec> points = {point("reference"), point(), point("crossbar")};
  points[1].precision = points[1].backend == "onednn" ? std::optional(ElementType::f32)
                                                      : std::optional(ElementType::f64);
  GroupedPoints grouped(options, [](const PointSpec& spec, const RunOptions& of_point) {
    return run_point(spec, of_point);
  });
  std::vector<std::pair<double, char>> starts;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto record = grouped.record({&points[0], &points[1], &points[2]}, i);
    ASSERT_TRUE(record.has_value());
    ASSERT_EQ(record->status, results::Status::ok) << record->reason;
    if (i == 2) {
      EXPECT_FALSE(record->measurement.contains("energy"));
      continue;
    }
    const Json& energy = record->measurement.at("energy");
    EXPECT_EQ(energy.at("interleaved_points"), 2);
    for (const Json& window : energy.at("windows")) {
      starts.emplace_back(window.at("start_unix_s").get<double>(), i == 0 ? 'A' : 'B');
    }
  }
  std::sort(starts.begin(), starts.end());
  std::string order;
  for (const auto& [time, name] : starts) order += name;
  EXPECT_EQ(order, "ABBAAB");
}

TEST_F(MeteringTest, AGroupThatIsStoppedLeavesNoRecord) {
  switch_on(false);
  RunOptions options;
  const auto shared = metering();
  ASSERT_FALSE(shared->bench->usable(meter::Machine::cpu).empty())
      << test::state_of(*shared->bench, "rapl").reason;
  shared->stop = [] { return true; };
  options.metering = shared;
  GroupedPoints grouped(options, [](const PointSpec& spec, const RunOptions& of_point) {
    return run_point(spec, of_point);
  });
  const PointSpec one = point();
  const PointSpec other = point("reference");
  EXPECT_FALSE(grouped.record({&one, &other}, 0).has_value());
}

}  // namespace
}  // namespace jb::harness
