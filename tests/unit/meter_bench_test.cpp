// What a meter must show before it is used: phantom counters, deaf ones, implausible ones; meters
// that disagree.

#include "harness/meter/bench.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_powercap.h"
#include "tests/support/quick_bench.h"
#include "tests/support/temp_folder.h"

namespace jb::harness::meter {
namespace {

using test::FakeMachine;
using test::FakePowercap;
using test::FlagLoad;
using test::kUsualRange_uJ;

class BenchTest : public testing::Test {
 protected:
  [[nodiscard]] MeterPlaces places() const {
    MeterPlaces places = test::no_places();
    places.powercap = tree_.root();
    return places;
  }
  [[nodiscard]] Bench bench(MeterPlaces places) {
    return Bench(test::quick_options(std::move(places), load_));
  }

  test::TempFolder folder_{test::memory_directory_path()};
  FakePowercap tree_{folder_.path() / "powercap"};
  FlagLoad load_;
};

TEST_F(BenchTest, AMeterThatAnswersToLoadIsAvailable) {
  tree_.add("intel-rapl:0", "package-0", 0, kUsualRange_uJ, 100);
  tree_.add("intel-rapl:0:0", "dram");
  const FakeMachine machine(tree_, {{"intel-rapl:0", 10, 60}, {"intel-rapl:0:0", 2, 3}},
                            [this] { return load_.on(); });
  const Bench bench = this->bench(places());
  const MeterState& rapl = test::state_of(bench, "rapl");
  EXPECT_EQ(rapl.status, MeterStatus::available) << rapl.reason;
  EXPECT_TRUE(rapl.reason.empty());
  // Counters are late by one update at either end of parts of 80 ms; the thread that advances them
  // can itself be late on a machine with other work.
  EXPECT_NEAR(rapl.test.idle_W, 12, 3);
  EXPECT_NEAR(rapl.test.busy_W, 63, 12);
  EXPECT_GT(rapl.candidate.meter->info().update_period_s, 0.0005);
  EXPECT_LT(rapl.candidate.meter->info().update_period_s, 0.1);
  EXPECT_GT(rapl.candidate.meter->info().resolution_J, 0);
  ASSERT_EQ(bench.usable(Machine::cpu).size(), 1U);
  EXPECT_TRUE(bench.usable(Machine::gpu).empty());
  for (const char* id : {"rapl-perf", "nvml", "nvml-power", "hwmon", "log"}) {
    EXPECT_EQ(test::state_of(bench, id).status, MeterStatus::unavailable) << id;
    EXPECT_FALSE(test::state_of(bench, id).reason.empty()) << id;
  }
}

TEST_F(BenchTest, PhantomMeterIsRejected) {
  // phantom_meter of the reference: counter constant 0 under load -> rejected.
  tree_.add("intel-rapl:0", "package-0", 0);
  const Bench bench = this->bench(places());
  const MeterState& rapl = test::state_of(bench, "rapl");
  EXPECT_EQ(rapl.status, MeterStatus::rejected);
  EXPECT_NE(rapl.reason.find("stays at zero under load"), std::string::npos) << rapl.reason;
  EXPECT_TRUE(bench.usable(Machine::cpu).empty());
  EXPECT_NE(bench.missing(Machine::cpu).find("rapl rejected: stays at zero under load"),
            std::string::npos)
      << bench.missing(Machine::cpu);
}

TEST_F(BenchTest, AConstantCounterIsAPhantomToo) {
  tree_.add("intel-rapl:0", "package-0", 123456789);
  EXPECT_EQ(test::state_of(bench(places()), "rapl").status, MeterStatus::rejected);
}

TEST_F(BenchTest, ADeafMeterIsRejected) {
  tree_.add("intel-rapl:0", "package-0");
  const FakeMachine machine(tree_, {{"intel-rapl:0", 30, 30}}, [] { return false; });
  const Bench bench = this->bench(places());
  const MeterState& rapl = test::state_of(bench, "rapl");
  EXPECT_EQ(rapl.status, MeterStatus::rejected);
  EXPECT_NE(rapl.reason.find("does not answer to load"), std::string::npos) << rapl.reason;
}

TEST_F(BenchTest, ImplausiblePowerIsRejected) {
  tree_.add("intel-rapl:0", "package-0", 0, kUsualRange_uJ, 15);  // a 15 W part
  const FakeMachine machine(tree_, {{"intel-rapl:0", 5, 400}}, [this] { return load_.on(); });
  const Bench bench = this->bench(places());
  const MeterState& rapl = test::state_of(bench, "rapl");
  EXPECT_EQ(rapl.status, MeterStatus::rejected);
  EXPECT_NE(rapl.reason.find("are not plausible: 0.3 W to 22.5 W could be"), std::string::npos)
      << rapl.reason;
}

TEST_F(BenchTest, ASilentMemoryDomainIsNotCounted) {
  tree_.add("intel-rapl:0", "package-0");
  tree_.add("intel-rapl:0:0", "dram");  // registered, never advanced
  const FakeMachine machine(tree_, {{"intel-rapl:0", 10, 60}}, [this] { return load_.on(); });
  const Bench bench = this->bench(places());
  const MeterState& rapl = test::state_of(bench, "rapl");
  ASSERT_EQ(rapl.status, MeterStatus::available) << rapl.reason;
  EXPECT_EQ(rapl.candidate.meter->counted_names(), "package-0");
  EXPECT_EQ(rapl.candidate.meter->info().boundary, std::nullopt);
  EXPECT_EQ(rapl.candidate.meter->info().domains.at(1).note, "stays at zero under load");
}

TEST_F(BenchTest, AMeterThatGoesAwayDuringItsTestIsRejected) {
  tree_.add("intel-rapl:0", "package-0");
  const std::filesystem::path zone = tree_.zone("intel-rapl:0");
  const FakeMachine machine(tree_, {{"intel-rapl:0", 10, 60}}, [this, zone] {
    if (load_.on()) std::filesystem::remove_all(zone);
    return load_.on();
  });
  const Bench bench = this->bench(places());
  const MeterState& rapl = test::state_of(bench, "rapl");
  EXPECT_EQ(rapl.status, MeterStatus::rejected);
  EXPECT_NE(rapl.reason.find("disappeared"), std::string::npos) << rapl.reason;
}

TEST_F(BenchTest, WithoutALoadAMeterCannotBeTrusted) {
  tree_.add("intel-rapl:0", "package-0");
  const FakeMachine machine(tree_, {{"intel-rapl:0", 10, 60}}, [] { return false; });
  BenchOptions options = test::quick_options(places(), load_);
  options.load_for = [](Machine) { return Load{nullptr, "nothing here computes"}; };
  const Bench bench(options);
  const MeterState& rapl = test::state_of(bench, "rapl");
  EXPECT_EQ(rapl.status, MeterStatus::rejected);
  EXPECT_EQ(rapl.reason, "whether it answers to load cannot be tested: nothing here computes");
}

TEST_F(BenchTest, TwoMetersThatDisagreeAreBothFlagged) {
  // The package by powercap, and its energy counter by hwmon (driver amd_energy), which tells half.
  tree_.add("intel-rapl:0", "package-0");
  const std::filesystem::path hwmon = folder_.path() / "hwmon" / "hwmon3";
  std::filesystem::create_directories(hwmon);
  std::ofstream(hwmon / "name") << "amd_energy\n";
  std::ofstream(hwmon / "energy1_label") << "Esocket0\n";
  FakePowercap counters(folder_.path() / "counters");
  counters.add("socket", "socket");
  std::filesystem::create_symlink(counters.zone("socket") / "energy_uj", hwmon / "energy1_input");
  const FakeMachine machine(tree_, {{"intel-rapl:0", 20, 100}}, [this] { return load_.on(); });
  const FakeMachine other(counters, {{"socket", 10, 50}}, [this] { return load_.on(); });
  MeterPlaces places = this->places();
  places.hwmon = folder_.path() / "hwmon";
  const Bench bench = this->bench(places);
  EXPECT_EQ(test::state_of(bench, "rapl").status, MeterStatus::available)
      << test::state_of(bench, "rapl").reason;
  EXPECT_EQ(test::state_of(bench, "hwmon").status, MeterStatus::available)
      << test::state_of(bench, "hwmon").reason;
  ASSERT_EQ(bench.disagreements().size(), 1U);
  EXPECT_NE(bench.disagreements()[0].find("meters 'rapl' and 'hwmon' disagree"), std::string::npos)
      << bench.disagreements()[0];
}

TEST_F(BenchTest, JsonOfAStateHasEveryFact) {
  tree_.add("intel-rapl:0", "package-0");
  const Bench bench = this->bench(places());
  const Json json = to_json(test::state_of(bench, "rapl"));
  EXPECT_EQ(json.at("status"), "rejected");
  EXPECT_EQ(json.at("available"), false);
  EXPECT_EQ(json.at("present"), true);
  EXPECT_EQ(json.at("boundary"), nullptr);
  EXPECT_EQ(json.at("self_test").at("passed"), false);
  EXPECT_EQ(json.at("domains").at(0).at("name"), "package-0");
}

}  // namespace
}  // namespace jb::harness::meter
