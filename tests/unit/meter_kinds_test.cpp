// RAPL by perf_event, hwmon sensors, and the external log.

#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>

#include "harness/meter/hwmon.h"
#include "harness/meter/log_meter.h"
#include "harness/meter/perf_event.h"
#include "tests/support/quick_bench.h"
#include "tests/support/temp_folder.h"

namespace jb::harness::meter {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text << "\n";
}

/// The kernel's side of perf_event: counters by (event, CPU).
struct FakeKernel {
  int open_error = 0;
  int read_error = 0;
  std::map<int, std::uint64_t> counters;
  std::vector<std::pair<std::uint64_t, int>> opened;
  int closed = 0;

  PerfCalls calls() {
    PerfCalls calls;
    calls.open = [this](std::uint32_t type, std::uint64_t config, int cpu) {
      EXPECT_EQ(type, 24U);
      if (open_error != 0) return -open_error;
      opened.emplace_back(config, cpu);
      return static_cast<int>(opened.size());  // descriptors 1, 2, ...
    };
    calls.read = [this](int descriptor) { return Reading{counters[descriptor], read_error}; };
    calls.close = [this](int) { ++closed; };
    return calls;
  }
};

class PerfEvent : public testing::Test {
 protected:
  void SetUp() override {
    places_.event_source = folder_.path();
    put(pmu_ / "type", "24");
    put(pmu_ / "cpumask", "0,28");
  }
  void add(const std::string& event, const std::string& code) {
    put(pmu_ / "events" / event, code);
    put(pmu_ / "events" / (event + ".scale"), "2.3283064365386962890625e-10");  // 2^-32
  }

  test::TempFolder folder_;
  fs::path pmu_ = folder_.path() / "power";
  MeterPlaces places_ = test::no_places();
  FakeKernel kernel_;
};

TEST_F(PerfEvent, JoulesAreCountsTimes2ToMinus32) {
  add("energy-pkg", "event=0x02");
  add("energy-ram", "event=0x03");
  add("energy-cores", "event=0x01");
  add("energy-psys", "event=0x05");
  {
    const Candidate found = find_perf_event(places_, kernel_.calls());
    ASSERT_NE(found.meter, nullptr) << found.reason;
    EXPECT_EQ(found.meter->counted_names(), "package-0, package-1, package-0/dram, package-1/dram");
    EXPECT_EQ(found.meter->info().boundary, Boundary::B3);
    // One CPU of each package, as cpumask says.
    EXPECT_EQ(kernel_.opened[0], (std::pair<std::uint64_t, int>{2, 0}));
    EXPECT_EQ(kernel_.opened[1], (std::pair<std::uint64_t, int>{2, 28}));
    const Mark before = found.meter->mark();
    kernel_.counters[1] += std::uint64_t{3} << 32U;  // 3 J of package 0
    kernel_.counters[4] += std::uint64_t{1} << 31U;  // 0.5 J of package 1's memory
    kernel_.counters[5] += std::uint64_t{9} << 32U;  // of cores, which lie in the package
    const Mark after = found.meter->mark();
    EXPECT_DOUBLE_EQ(found.meter->counted_J(found.meter->joules_between(before, after)), 3.5);
    kernel_.read_error = ENODEV;
    EXPECT_THROW(found.meter->mark(), Error);
  }
  EXPECT_EQ(kernel_.closed, static_cast<int>(kernel_.opened.size()));
}

TEST_F(PerfEvent, MissingPermissionNamesTheMend) {
  add("energy-pkg", "event=0x02");
  kernel_.open_error = EACCES;
  const Candidate found = find_perf_event(places_, kernel_.calls());
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_NE(found.reason.find("permission denied; kernel.perf_event_paranoid is"),
            std::string::npos)
      << found.reason;
  EXPECT_NE(found.mend.find("sysctl -w kernel.perf_event_paranoid=0"), std::string::npos);
}

TEST_F(PerfEvent, PsysAloneIsNotTaken) {
  // As on KVM guests: registered without being probed, and always 0.
  add("energy-psys", "event=0x05");
  const Candidate found = find_perf_event(places_, kernel_.calls());
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_NE(found.reason.find("no event energy-pkg"), std::string::npos) << found.reason;
  EXPECT_EQ(kernel_.closed, static_cast<int>(kernel_.opened.size()));
}

TEST_F(PerfEvent, NoPmuSaysSo) {
  const Candidate found = find_perf_event(test::no_places(), kernel_.calls());
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_NE(found.reason.find("no PMU 'power'"), std::string::npos);
}

class Hwmon : public testing::Test {
 protected:
  void SetUp() override { places_.hwmon = folder_.path(); }
  void sensor(const std::string& chip, const std::string& driver, const std::string& file,
              const std::string& value, const std::string& label) {
    put(folder_.path() / chip / "name", driver);
    put(folder_.path() / chip / file, value);
    if (!label.empty()) {
      put(folder_.path() / chip / (file.substr(0, file.find('_')) + "_label"), label);
    }
  }
  test::TempFolder folder_;
  MeterPlaces places_ = test::no_places();
};

TEST_F(Hwmon, IntegratesSampledPower) {
  sensor("hwmon0", "ina3221", "power1_input", "4000000", "VDD_CPU");
  sensor("hwmon0", "ina3221", "power2_input", "1000000", "VDD_DRAM");
  const Candidate found = find_hwmon(places_);
  ASSERT_NE(found.meter, nullptr) << found.reason;
  EXPECT_EQ(found.meter->counted_names(), "ina3221 VDD_CPU, ina3221 VDD_DRAM");
  EXPECT_EQ(found.meter->info().boundary, std::nullopt);  // rails are no whole
  const Mark before = found.meter->mark();
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  while (std::chrono::steady_clock::now() < end) found.meter->mark();
  const Mark after = found.meter->mark();
  const double seconds = after.steady_s - before.steady_s;
  // Constant power: the trapezoid rule is exact to rounding.
  EXPECT_NEAR(found.meter->counted_J(found.meter->joules_between(before, after)), 5 * seconds,
              1e-9);
}

TEST_F(Hwmon, GraceCountsTheSocketAndNotWhatLiesInOrAroundIt) {
  put(folder_.path() / "hwmon1" / "name", "power_meter");
  for (const auto& [n, label] : std::map<int, std::string>{
           {1, "Module Power Socket 0"}, {2, "Grace Power Socket 0"}, {3, "CPU Power Socket 0"}}) {
    const std::string base = "power" + std::to_string(n);
    put(folder_.path() / "hwmon1" / (base + "_average"), "100000000");
    put(folder_.path() / "hwmon1" / (base + "_oem_info"), label);
    put(folder_.path() / "hwmon1" / (base + "_average_interval"), "50");
  }
  const Candidate found = find_hwmon(places_);
  ASSERT_NE(found.meter, nullptr);
  EXPECT_EQ(found.meter->counted_names(), "power_meter Grace Power Socket 0");
  EXPECT_DOUBLE_EQ(found.meter->info().poll_interval_s, 0.025);
}

TEST_F(Hwmon, CountersOfSocketsAreReadAsTheyAre) {
  sensor("hwmon2", "amd_energy", "energy1_input", "1000000", "Ecore000");
  sensor("hwmon2", "amd_energy", "energy33_input", "7000000", "Esocket0");
  const Candidate found = find_hwmon(places_);
  ASSERT_NE(found.meter, nullptr);
  EXPECT_EQ(found.meter->counted_names(), "amd_energy Esocket0");
  const Mark before = found.meter->mark();
  put(folder_.path() / "hwmon2" / "energy33_input", "9500000");
  EXPECT_DOUBLE_EQ(found.meter->counted_J(found.meter->joules_between(before, found.meter->mark())),
                   2.5);
  put(folder_.path() / "hwmon2" / "energy33_input", "100");
  EXPECT_THROW(found.meter->mark(), Error);
}

TEST_F(Hwmon, GpusAndNothingAreLeftAlone) {
  sensor("hwmon0", "amdgpu", "power1_average", "30000000", "PPT");
  const Candidate found = find_hwmon(places_);
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_NE(found.reason.find("has no power or energy sensors"), std::string::npos);
}

class Log : public testing::Test {
 protected:
  /// Samples every `step` from `before` seconds ago until `after` seconds from now.
  void write(double before, double after, double step, double watts) {
    const double now = mark_now().unix_s;
    std::string text = "time,watts\n";
    for (double t = -before; t <= after; t += step) {
      text += fmt::format("{:.6f},{}\n", now + t, watts);
    }
    places_.power_log = folder_.write("log.csv", text);
  }
  test::TempFolder folder_;
  MeterPlaces places_ = test::no_places();
};

TEST_F(Log, JoinsJoulesByTime) {
  write(5, 5, 0.1, 40);
  const Candidate found = find_power_log(places_, Boundary::B4);
  ASSERT_NE(found.meter, nullptr) << found.reason;
  EXPECT_EQ(found.meter->info().boundary, Boundary::B4);
  EXPECT_NEAR(found.meter->info().update_period_s, 0.1, 1e-6);
  Mark from = mark_now();
  Mark to = from;
  to.unix_s += 2.5;
  // Times are written to the microsecond and spaced by 2.4e-7 s in float64.
  EXPECT_NEAR(found.meter->joules_between(from, to).at(0), 100, 1e-3);
}

TEST_F(Log, WaitsForALoggerThatIsStillWriting) {
  write(5, 0.05, 0.05, 40);
  const Candidate found = find_power_log(places_, Boundary::B4);
  ASSERT_NE(found.meter, nullptr) << found.reason;
  const Mark from = mark_now();
  Mark to = from;
  to.unix_s += 0.3;
  std::thread logger([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    std::ofstream log(places_.power_log, std::ios::app);
    for (double t = 0.1; t < 1; t += 0.05) {
      log << fmt::format("{:.6f},{}\n", from.unix_s + t, 40);
    }
  });
  const double joules = found.meter->joules_between(from, to).at(0);
  logger.join();
  EXPECT_NEAR(joules, 12, 1e-3);
}

TEST_F(Log, AStoppedLoggerIsRefused) {
  write(100, -60, 1, 40);
  const Candidate found = find_power_log(places_, Boundary::B4);
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_NE(found.reason.find("does not reach to now"), std::string::npos) << found.reason;
  places_.power_log.clear();
  EXPECT_NE(find_power_log(places_, Boundary::B4).mend.find("--power-log FILE"), std::string::npos);
}

TEST_F(Log, AConstantLogDoesNotAnswerToLoad) {
  write(5, 60, 0.1, 40);
  test::FlagLoad load;
  const Bench bench(test::quick_options(places_, load));
  const MeterState& state = test::state_of(bench, "log");
  EXPECT_EQ(state.status, MeterStatus::rejected);
  EXPECT_NE(state.reason.find("does not answer to load"), std::string::npos) << state.reason;
}

}  // namespace
}  // namespace jb::harness::meter
