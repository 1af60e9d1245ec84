// Energy of work on two machines at once: a processor's meter and a board's are added, their gains
// being independent; and what is told where one of them is missing.

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "harness/metering.h"
#include "tests/fakes/fake_nvml.h"
#include "tests/fakes/fake_powercap.h"
#include "tests/support/quick_bench.h"
#include "tests/support/temp_folder.h"

namespace jb::harness {
namespace {

using meter::Bench;
using meter::Machine;

constexpr double kMacs = 1e6;

class MeterSum : public testing::Test {
 protected:
  void SetUp() override {
    library_ = ::dlopen(FAKE_NVML, RTLD_NOW);
    ASSERT_NE(library_, nullptr) << ::dlerror();
    board_ = reinterpret_cast<test::FakeNvmlStateFunction>(::dlsym(library_, "fake_nvml_state"))();
    tree_.add("intel-rapl:0", "package-0", 0, test::kUsualRange_uJ, 100);
    tree_.add("intel-rapl:0:0", "dram", 0, test::kUsualRange_uJ, 20);
    processor_ = std::make_unique<test::FakeMachine>(
        tree_,
        std::vector<test::FakeMachine::Zone>{{"intel-rapl:0", 20, 80}, {"intel-rapl:0:0", 2, 4}},
        [this] { return busy_.load(); });
  }
  void TearDown() override { ::dlclose(library_); }

  void draw(bool busy) {
    busy_ = busy;
    board_->power_mW = busy ? 600000 : 60000;
  }
  [[nodiscard]] std::shared_ptr<Bench> bench(bool with_board = true) {
    meter::MeterPlaces places = test::no_places();
    places.powercap = tree_.root();
    if (with_board) places.nvml = FAKE_NVML;
    meter::BenchOptions options = test::quick_options(places, flag_);
    options.load_for = [this](Machine) {
      meter::Load load;
      load.run = [this](const std::atomic<bool>& stop, const std::function<void()>& started) {
        draw(true);
        started();
        while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        draw(false);
      };
      return load;
    };
    return std::make_shared<Bench>(std::move(options));
  }
  /// Two windows of work on both machines with idle time around them.
  [[nodiscard]] MeteredRun run(const Bench& bench) {
    MeteredRun run;
    run.machines = {Machine::cpu, Machine::gpu};
    for (const Machine machine : run.machines) {
      for (const std::size_t i : bench.usable(machine)) run.which.push_back(i);
    }
    run.rules.window_s = 0.4;
    run.rules.updates = 1;
    run.rules.windows = 2;
    run.rules.idle_s = 0.4;
    const meter::WindowMaker maker(bench, run.which, run.rules);
    const meter::Work work = [this](double seconds) {
      draw(true);
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
      draw(false);
      return meter::WorkDone{10, 0};
    };
    run.idle_before = maker.idle();
    for (int i = 0; i < run.rules.windows; ++i) run.windows.push_back(maker.window(work));
    run.idle_after = maker.idle();
    return run;
  }

  void* library_ = nullptr;
  test::FakeNvmlState* board_ = nullptr;
  test::TempFolder folder_{test::memory_directory_path()};
  test::FakePowercap tree_{folder_.path() / "powercap"};
  test::FlagLoad flag_;
  std::atomic<bool> busy_{false};
  std::unique_ptr<test::FakeMachine> processor_;
};

TEST_F(MeterSum, ProcessorAndBoardAreAdded) {
  const auto meters = bench();
  ASSERT_FALSE(meters->usable(Machine::cpu).empty()) << meters->missing(Machine::cpu);
  ASSERT_FALSE(meters->usable(Machine::gpu).empty()) << meters->missing(Machine::gpu);
  Outcome outcome;
  outcome.work.macs = kMacs;
  add_metered_energy(outcome, *meters, run(*meters));
  double sum_J = 0;
  double net_J = 0;
  for (const Json& meter : outcome.measurement.at("energy").at("meters")) {
    if (meter.at("id") == "nvml-power") continue;  // the same board once more
    sum_J += meter.at("gross_J_per_execution").get<double>();
    net_J += meter.at("net_J_per_execution").get<double>();
  }
  const results::Quantity& gross = outcome.quantities.at("measured_energy_B3_J_per_mac");
  EXPECT_NEAR(gross.value * kMacs, sum_J, 1e-9 * sum_J);
  // Each meter has its own times: two marks that are meant to be one lie as far apart as a thread
  // may have to wait for its turn, some ms of 0.4 s, and idle power is a ninth of all.
  EXPECT_NEAR(outcome.quantities.at("measured_net_energy_B3_J_per_mac").value * kMacs, net_J,
              0.05 * net_J);
  EXPECT_NE(gross.source.find("RAPL"), std::string::npos) << gross.source;
  EXPECT_NE(gross.source.find(" + NVML energy counter"), std::string::npos) << gross.source;
  // 80 + 4 W of the processor and 600 W of the board, each known to its updates of 1 and 10 ms at
  // both ends of windows of 0.4 s on a machine with other work.
  EXPECT_NEAR(outcome.quantities.at("average_power_W").value, 684, 684 * 0.2);
}

TEST_F(MeterSum, OneMeterForTwoMachinesIsNotEnough) {
  const auto meters = bench(false);
  ASSERT_FALSE(meters->usable(Machine::cpu).empty()) << meters->missing(Machine::cpu);
  Outcome outcome;
  outcome.work.macs = kMacs;
  try {
    add_metered_energy(outcome, *meters, run(*meters));
    FAIL() << "half of the energy was taken for all of it";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_available);
  }
  EXPECT_TRUE(outcome.quantities.empty());
}

}  // namespace
}  // namespace jb::harness
