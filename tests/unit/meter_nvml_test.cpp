// GPU boards by NVML, over a stub of the library: counter and sampled power, update period, clocks,
// throttle reasons, other processes, MIG, a board that is lost.

#include "harness/meter/nvml.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_nvml.h"
#include "tests/support/quick_bench.h"

namespace jb::harness::meter {
namespace {

class Nvml : public testing::Test {
 protected:
  void SetUp() override {
    library_ = ::dlopen(FAKE_NVML, RTLD_NOW);
    ASSERT_NE(library_, nullptr) << ::dlerror();
    const auto get =
        reinterpret_cast<test::FakeNvmlStateFunction>(::dlsym(library_, "fake_nvml_state"));
    ASSERT_NE(get, nullptr);
    state_ = get();
    places_.nvml = FAKE_NVML;
  }
  void TearDown() override { ::dlclose(library_); }

  /// A load that makes the board draw.
  [[nodiscard]] BenchOptions options() {
    BenchOptions options = test::quick_options(places_, flag_);
    options.load_for = [this](Machine) {
      Load load;
      load.run = [this](const std::atomic<bool>& stop, const std::function<void()>& started) {
        state_->power_mW = 600000;
        started();
        while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        state_->power_mW = 60000;
      };
      return load;
    };
    return options;
  }

  void* library_ = nullptr;
  test::FakeNvmlState* state_ = nullptr;
  MeterPlaces places_ = test::no_places();
  test::FlagLoad flag_;
};

TEST_F(Nvml, CounterAndSampledPowerBothPassTheirTest) {
  const Bench bench(options());
  for (const char* id : {"nvml", "nvml-power"}) {
    const MeterState& state = test::state_of(bench, id);
    ASSERT_EQ(state.status, MeterStatus::available) << id << ": " << state.reason;
    const MeterInfo& info = state.candidate.meter->info();
    EXPECT_EQ(info.machine, Machine::gpu);
    EXPECT_EQ(info.boundary, Boundary::B3);
    ASSERT_EQ(info.domains.size(), 1U);
    EXPECT_EQ(info.domains[0].name, "Stub H100 (GPU 0)");
    EXPECT_DOUBLE_EQ(info.domains[0].max_power_W, 700);
    // The stub draws 60 W idle and 600 W under load; the counter is late by up to 10 ms at either
    // end of 80 ms, and the board is looked at by threads that may wait for their turn.
    EXPECT_NEAR(state.test.idle_W, 60, 20) << id;
    EXPECT_NEAR(state.test.busy_W, 600, 120) << id;
  }
  // Published every 10 ms; found by polling, which other work can delay.
  const double period_s = test::state_of(bench, "nvml").candidate.meter->info().update_period_s;
  EXPECT_GT(period_s, 0.0099);
  EXPECT_LT(period_s, 0.03);
  // The counter is preferred to samples of power.
  const std::vector<std::size_t> usable = bench.usable(Machine::gpu);
  ASSERT_EQ(usable.size(), 2U);
  EXPECT_EQ(bench.meter(usable[0]).info().id, "nvml");
  EXPECT_TRUE(bench.usable(Machine::cpu).empty());
}

TEST_F(Nvml, ACounterThatDisagreesWithSampledPowerIsFlagged) {
  state_->counter_gain = 0.57;  // 187 J against 327 J, as users saw on one board
  const Bench bench(options());
  ASSERT_EQ(bench.disagreements().size(), 1U);
  EXPECT_NE(bench.disagreements()[0].find("'nvml' and 'nvml-power'"), std::string::npos);
}

TEST_F(Nvml, APhantomCounterIsRejectedAndThePowerKept) {
  state_->counter_stuck = true;
  const Bench bench(options());
  EXPECT_EQ(test::state_of(bench, "nvml").status, MeterStatus::rejected);
  EXPECT_NE(test::state_of(bench, "nvml").reason.find("stays at zero under load"),
            std::string::npos);
  EXPECT_EQ(test::state_of(bench, "nvml-power").status, MeterStatus::available)
      << test::state_of(bench, "nvml-power").reason;
}

TEST_F(Nvml, MigIsRefused) {
  state_->mig = 1;
  for (const Candidate& candidate : find_nvml(places_)) {
    EXPECT_EQ(candidate.meter, nullptr);
    EXPECT_NE(candidate.reason.find("cut into MIG instances, which share one meter"),
              std::string::npos)
        << candidate.reason;
    EXPECT_NE(candidate.mend.find("nvidia-smi -mig 0"), std::string::npos);
  }
}

TEST_F(Nvml, ConditionsTellClocksHeatThrottlingAndOthers) {
  std::vector<Candidate> found = find_nvml(places_);
  ASSERT_NE(found[0].meter, nullptr) << found[0].reason;
  Conditions now = found[0].meter->conditions();
  EXPECT_DOUBLE_EQ(now.clock_Hz, 1.98e9);
  EXPECT_DOUBLE_EQ(now.temperature_C, 45);
  EXPECT_TRUE(now.throttled.empty());
  EXPECT_TRUE(now.other_processes.empty());  // this very process is none
  state_->throttle = 0x4 | 0x20 | 0x1;       // power cap, thermal, and idle, which is no throttling
  state_->other_pid = 4242;
  now = found[0].meter->conditions();
  EXPECT_EQ(now.throttled, std::vector<std::string>{"software thermal slowdown"});
  EXPECT_EQ(now.capped, std::vector<std::string>{"software power cap"});
  EXPECT_EQ(now.other_processes, std::vector<std::string>{"process 4242"});
}

TEST_F(Nvml, ABoardThatIsLostIsAnError) {
  std::vector<Candidate> found = find_nvml(places_);
  ASSERT_NE(found[0].meter, nullptr);
  found[0].meter->mark();
  state_->lost = true;
  try {
    found[0].meter->mark();
    FAIL() << "read a board that is lost";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_available);
    EXPECT_NE(std::string(error.what()).find("GPU is lost (NVML error 15)"), std::string::npos)
        << error.what();
  }
}

TEST_F(Nvml, WhatKeepsTheLibraryFromStartingIsTold) {
  state_->init_code = 9;
  EXPECT_NE(find_nvml(places_)[0].reason.find("does not start: Driver Not Loaded"),
            std::string::npos);
  state_->init_code = 0;
  state_->boards = 0;
  EXPECT_EQ(find_nvml(places_)[0].reason, "the driver shows no GPU");
  places_.nvml = "/nonexistent/libnvidia-ml.so.1";
  EXPECT_NE(find_nvml(places_)[0].reason.find("cannot load /nonexistent"), std::string::npos);
}

}  // namespace
}  // namespace jb::harness::meter
