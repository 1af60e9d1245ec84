// What else than products and networks of one machine is metered: trainings, networks on several
// machines, and a log that is joined after the run; and what refuses a meter, with the reason.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/idx_bytes.h"
#include "tests/support/metered_program.h"

namespace jb::test {
namespace {

using nlohmann::json;

class MeteredVerbs : public MeteredProgram {
 protected:
  bool has_onednn() {
    for (const json& backend : json::parse(command({"list", "backends", "--json"}).out)) {
      if (backend.at("id") == "onednn") return backend.at("available").get<bool>();
    }
    return false;
  }
  void make_images() {
    const auto path = [this](const char* name) { return folder_.path() / "data" / name; };
    std::filesystem::create_directories(folder_.path() / "data");
    write_file(path("train-images-idx3-ubyte"), idx_images(200, 8, 6));
    write_file(path("train-labels-idx1-ubyte"), idx_labels(200));
    write_file(path("t10k-images-idx3-ubyte"), idx_images(30, 8, 6));
    write_file(path("t10k-labels-idx1-ubyte"), idx_labels(30));
  }
  /// Each window's joules against what a perfect meter would have told.
  /// `interrupted`: the windows have pauses.
  void expect_right_joules(const json& energy, bool interrupted = false) {
    const double late_J = 2 * machine_->longest_step_s() * kBusy_W;
    const json& meter = energy.at("meters").at(0);
    for (std::size_t i = 0; i < energy.at("windows").size(); ++i) {
      const json& window = energy.at("windows").at(i);
      const double told = meter.at("joules").at(i);
      if (interrupted && !window.contains("spans")) {
        // Too many stretches to be told one by one: between idle and busy power then.
        EXPECT_GT(told, kIdle_W * window.at("seconds").get<double>() - late_J);
        EXPECT_LT(told, kBusy_W * window.at("seconds").get<double>() * 1.1 + late_J);
        continue;
      }
      const json spans = window.contains("spans") ? window.at("spans") : json{window};
      double joules = 0;
      for (const json& span : spans) {
        const double from = span.at("start_unix_s");
        joules += machine_->joules_between(from, from + span.at("seconds").get<double>());
      }
      EXPECT_NEAR(told, joules, late_J * static_cast<double>(spans.size()));
    }
  }
};

TEST_F(MeteredVerbs, ATrainingIsMeteredByWindowsOfItsSteps) {
  make_machine();
  make_images();
  const CommandResult run = command(
      quick({"train", "--network", "mlp-64-16-10", "--data", "data", "--backend", "reference",
             "--batch", "16", "--epochs", "3", "--require-energy", "measured", "--json"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json record = json_lines(run.out).at(0);
  ASSERT_EQ(record.at("status"), "ok") << record.at("reason");
  const json& energy = record.at("measurement").at("energy");
  ASSERT_EQ(energy.at("windows").size(), 3U);
  EXPECT_EQ(energy.at("executions_of_work"), 3 * 200);
  EXPECT_LT(record.dump().size(), 20000U) << "however many pauses there were";
  expect_right_joules(energy, true);
  // Joules per sample of the windows, times the samples of the training, over its operations.
  double per_sample = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GE(energy.at("windows").at(i).at("seconds").get<double>(), 0.6);
    per_sample += energy.at("meters").at(0).at("joules").at(i).get<double>() /
                  energy.at("windows").at(i).at("executions").get<double>() / 3;
  }
  const json& gross = record.at("quantities").at("measured_energy_B3_J_per_mac");
  const double expected = per_sample * 600 / record.at("work").at("macs").get<double>();
  EXPECT_NEAR(gross.at("value").get<double>(), expected, 1e-9 * expected);
  EXPECT_EQ(gross.at("provenance"), "measured");
  // The accuracy is that of the training itself, however often its steps were made again.
  EXPECT_EQ(record.at("verification").at("accuracy_by_epoch").size(), 3U);
  write_file(folder_.path() / "record.jsonl", run.out);
  const CommandResult valid = command({"validate", "record.jsonl"});
  EXPECT_EQ(valid.exit_code, 0) << valid.out << valid.err;
}

TEST_F(MeteredVerbs, SimulatedTrainingsRefuseAMeter) {
  make_machine();
  make_images();
  const CommandResult run = command({"train", "--network", "mlp-64-16-10", "--data", "data",
                                     "--backend", "crossbar", "--require-energy", "measured"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_NE(run.err.find("crossbar: a simulated machine draws no power that a meter could tell"),
            std::string::npos)
      << run.err;
}

TEST_F(MeteredVerbs, ANetworkOnSeveralRealMachinesIsMetered) {
  if (!has_onednn()) GTEST_SKIP() << "one backend runs on this hardware: a map needs two";
  make_machine();
  const CommandResult run = command(
      quick({"run", "--network", "lenet5", "--batch", "4", "--map", "conv*=onednn,*=reference",
             "--require-energy", "measured", "--json", "-o", "out"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json record = json_lines(run.out).at(0);
  ASSERT_EQ(record.at("status"), "ok") << record.at("reason");
  const json& quantities = record.at("quantities");
  EXPECT_EQ(quantities.at("measured_energy_B3_J_per_mac").at("provenance"), "measured");
  EXPECT_EQ(quantities.at("device_time_s").at("provenance"), "measured");
  expect_right_joules(record.at("measurement").at("energy"));
  const CommandResult valid = command({"validate", "out"});
  EXPECT_EQ(valid.exit_code, 0) << valid.out << valid.err;
}

TEST_F(MeteredVerbs, AMapWithASimulatedMachineSaysWhichOne) {
  make_machine();
  const CommandResult run = command({"run", "--network", "lenet5", "--map",
                                     "conv*=crossbar,*=reference", "--require-energy", "measured"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_NE(run.err.find("crossbar: a simulated machine draws no power"), std::string::npos)
      << run.err;
}

TEST_F(MeteredVerbs, ConformanceSaysWhyItHasNoMeter) {
  const CommandResult run =
      command({"conformance", "cases", "--backend", "reference", "--require-energy", "measured"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_NE(run.err.find("too short for a meter; use 'joulebench infer'"), std::string::npos)
      << run.err;
}

TEST_F(MeteredVerbs, ALogIsJoinedAfterTheRun) {
  make_machine();
  options_.variables["JOULEBENCH_POWERCAP_DIR"] = "/nonexistent";
  const auto unix_s = [] {
    using namespace std::chrono;
    return duration<double>(system_clock::now().time_since_epoch()).count();
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double begin = unix_s() - 0.2;
  const CommandResult run = command(quick({"run", "--backend", "reference", "--gemm", "256,256,256",
                                           "--times-only", "--json", "-o", "out"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json before = json_lines(run.out).at(0);
  EXPECT_EQ(before.at("measurement").at("energy").at("pending"), "power log");
  EXPECT_FALSE(before.at("quantities").contains("measured_energy_B4_J_per_mac"));
  // What a wattmeter at the plug wrote meanwhile: twice the zones' power, every 20 ms, by a clock
  // that is an hour late.
  constexpr double kStep_s = 0.02;
  constexpr double kHour_s = 3600;
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  std::string text = "time,watts\n";
  for (double t = begin; t < unix_s() - 0.1; t += kStep_s) {
    text += fmt::format("{:.6f},{}\n", t + kStep_s - kHour_s,
                        2 * machine_->joules_between(t, t + kStep_s) / kStep_s);
  }
  write_file(folder_.path() / "watts.csv", text);

  const CommandResult late = command({"merge", "out", "-o", "late", "--power-log", "watts.csv"});
  EXPECT_EQ(late.exit_code, 2);
  EXPECT_NE(late.err.find("the power log"), std::string::npos) << late.err;
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "late" / "records.jsonl"));

  const CommandResult merged =
      command({"merge", "out", "-o", "metered", "--power-log", "watts.csv", "--log-shift", "3600"});
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_NE(merged.out.find("the log was joined to 1 records"), std::string::npos) << merged.out;
  const json record = json_lines(bytes_of_file(folder_.path() / "metered/records.jsonl")).at(0);
  EXPECT_EQ(record.at("point_id"), before.at("point_id"));
  const json& energy = record.at("measurement").at("energy");
  EXPECT_FALSE(energy.contains("pending"));
  EXPECT_EQ(energy.at("publishable"), false);
  const json& gross = record.at("quantities").at("measured_energy_B4_J_per_mac");
  EXPECT_EQ(gross.at("provenance"), "measured");
  EXPECT_LT(
      record.at("quantities").at("measured_net_energy_B4_J_per_mac").at("value").get<double>(),
      gross.at("value").get<double>());
  for (std::size_t i = 0; i < 3; ++i) {
    const json& window = energy.at("windows").at(i);
    const double from = window.at("start_unix_s");
    // The log holds means over its own steps, so that joules may be shifted by one step at an end.
    EXPECT_NEAR(energy.at("meters").at(0).at("joules").at(i).get<double>(),
                2 * machine_->joules_between(from, from + window.at("seconds").get<double>()),
                2 * 2 * kStep_s * kBusy_W + 4 * machine_->longest_step_s() * kBusy_W);
  }
  EXPECT_EQ(command({"validate", "metered"}).exit_code, 0);
  // Once joined, it waits no longer.
  const CommandResult again =
      command({"merge", "metered", "-o", "again", "--power-log", "watts.csv"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.err.find("no record waits for a log"), std::string::npos) << again.err;
}

TEST_F(MeteredVerbs, TimesOnlyAndAMeterContradictEachOther) {
  const CommandResult run = command(
      {"run", "--backend", "reference", "--gemm", "8,8,8", "--times-only", "--energy", "meter"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_NE(run.err.find("--times-only leaves the meter for later"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace jb::test
