// Meters as a user meets them: doctor, list meters, --energy, --require-energy, and a run against a
// powercap tree in a folder.

#include <gtest/gtest.h>

#include <cmath>

#include <fmt/core.h>

#include "tests/support/metered_program.h"

namespace jb::test {
namespace {

using nlohmann::json;
using Meters = MeteredProgram;

TEST_F(Meters, NoMeterSaysWhyAndWhatToDo) {
  const CommandResult text = command({"doctor"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_LE(widest_line(text.out), 80);
  const json report = json::parse(command({"doctor", "--json"}).out);
  for (const char* id : {"rapl", "rapl-perf", "nvml", "nvml-power", "hwmon", "log"}) {
    const json meter = meter_of(report.at("meters"), id);
    ASSERT_FALSE(meter.is_null()) << id;
    EXPECT_EQ(meter.at("status"), "unavailable") << id;
    EXPECT_EQ(meter.at("available"), false) << id;
    EXPECT_FALSE(meter.at("reason").get<std::string>().empty()) << id;
  }
  bool told = false;
  for (const json& finding : report.at("findings")) told = told || finding.at("id") == "no-meter";
  EXPECT_TRUE(told);
}

TEST_F(Meters, RequireEnergyMeasuredExitsFour) {
  const CommandResult none =
      command({"run", "--backend", "reference", "--gemm", "8,8,8", "--require-energy", "measured"});
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_NE(none.err.find("--require-energy measured: reference: no meter for its processor"),
            std::string::npos)
      << none.err;
  EXPECT_NE(none.err.find("joulebench doctor"), std::string::npos) << none.err;
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "joulebench-runs")) << "nothing was run";

  const CommandResult simulated =
      command({"run", "--backend", "crossbar", "--gemm", "8,8,8", "--require-energy", "measured"});
  EXPECT_EQ(simulated.exit_code, 4);
  EXPECT_NE(simulated.err.find("a simulated machine draws no power"), std::string::npos)
      << simulated.err;
  EXPECT_EQ(command({"estimate", "--backend", "systolic", "--gemm", "8,8,8", "--require-energy",
                     "measured"})
                .exit_code,
            4);
  EXPECT_EQ(command({"doctor", "--fit"}).exit_code, 4);
}

TEST_F(Meters, APhantomIsRejectedAndNeverUsed) {
  make_phantom();
  const json rapl = meter_of(json::parse(command({"list", "meters", "--json"}).out), "rapl");
  EXPECT_EQ(rapl.at("status"), "rejected");
  EXPECT_NE(rapl.at("reason").get<std::string>().find("stays at zero under load"),
            std::string::npos);
  const CommandResult run =
      command({"run", "--backend", "reference", "--gemm", "8,8,8", "--require-energy", "measured"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_NE(run.err.find("rejected: stays at zero under load"), std::string::npos) << run.err;
}

TEST_F(Meters, EnergyMeterRunsOnlyWhatCanBeMetered) {
  const CommandResult run = command({"run", "--backend", "reference,crossbar", "--gemm", "8,8,8",
                                     "--energy", "meter", "--json", "-o", "out"});
  EXPECT_EQ(run.exit_code, 3);  // none could run
  const std::vector<json> records = json_lines(run.out);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].at("status"), "unavailable");
  EXPECT_NE(records[0].at("reason").get<std::string>().find("no meter"), std::string::npos);
  EXPECT_EQ(records[1].at("status"), "unsupported");
}

TEST_F(Meters, EnergyModelLooksForNoMeter) {
  make_phantom();
  const CommandResult run = command(
      {"run", "--backend", "reference", "--gemm", "8,8,8", "--energy", "model", "-o", "out", "-q"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(file_json("out/run.json").at("meters").empty());
}

TEST_F(Meters, BadFlagsAreRefused) {
  const auto refused = [this](std::vector<std::string> flags, const std::string& sentence) {
    std::vector<std::string> arguments = {"run", "--backend", "reference", "--gemm", "8,8,8"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const CommandResult result = command(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_NE(result.err.find(sentence), std::string::npos) << result.err;
  };
  refused({"--energy", "metre"}, "--energy: unknown 'metre', did you mean 'meter'?");
  refused({"--require-energy", "modelled"}, "--require-energy: 'modelled' is not 'measured'");
  refused({"--energy", "model", "--require-energy", "measured"}, "contradict each other");
  refused({"--windows", "1"}, "--windows: '1' is not a whole number from 2");
  refused({"--window", "-3"}, "--window: '-3' is not a time");
  refused({"--measurement", "quick"}, "--measurement: unknown value 'quick'");
  refused({"--power-log-boundary", "B9"}, "--power-log-boundary: unknown value 'B9'");
  refused({"--power-log", "none.csv"}, "none.csv");
  std::ofstream(folder_.path() / "back.csv") << "time,watts\n0,5\n2,5\n1,5\n3,5\n";
  refused({"--power-log", "back.csv"}, "runs backwards by 1 s");
  std::ofstream(folder_.path() / "gap.csv") << "0,5\n1,5\n2,5\n60,5\n61,5\n";
  refused({"--power-log", "gap.csv"}, "a gap of 58 s");
}

TEST_F(Meters, ARunAgainstAPowercapTreeGivesMeasuredRows) {
  make_machine();
  bool onednn = false;
  for (const json& backend : json::parse(command({"list", "backends", "--json"}).out)) {
    onednn = onednn || (backend.at("id") == "onednn" && backend.at("available").get<bool>());
  }
  const std::size_t points = onednn ? 2 : 1;
  const CommandResult run =
      command(quick({"run", "--backend", onednn ? "reference,onednn" : "reference", "--gemm",
                     "256,256,256", "--require-energy", "measured", "--json", "-o", "out"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::vector<json> records = json_lines(run.out);
  ASSERT_EQ(records.size(), points);
  for (const json& record : records) {
    EXPECT_EQ(record.at("status"), "ok") << record.at("reason");
    const json& quantities = record.at("quantities");
    const json& gross = quantities.at("measured_energy_B3_J_per_mac");
    EXPECT_EQ(gross.at("provenance"), "measured");
    EXPECT_EQ(gross.at("n"), 3);
    EXPECT_EQ(gross.at("interval_kind"), "combined");
    EXPECT_LT(gross.at("ci_low").get<double>(), gross.at("value").get<double>());
    EXPECT_LT(quantities.at("measured_net_energy_B3_J_per_mac").at("value").get<double>(),
              gross.at("value").get<double>());
    EXPECT_EQ(quantities.at("average_power_W").at("provenance"), "measured");
    const json& energy = record.at("measurement").at("energy");
    EXPECT_EQ(energy.at("profile"), "ci");
    EXPECT_EQ(energy.at("publishable"), false);
    EXPECT_EQ(energy.at("interleaved_points"), points);
    const json& meter = energy.at("meters").at(0);
    EXPECT_EQ(meter.at("id"), "rapl");
    EXPECT_GT(meter.at("polls").get<int>(), 10);
    // What a perfect meter would have told, to the age of the readings at both ends.
    const double late_J = 2 * machine_->longest_step_s() * kBusy_W;
    for (std::size_t i = 0; i < 3; ++i) {
      const json& window = energy.at("windows").at(i);
      const double from = window.at("start_unix_s");
      EXPECT_NEAR(meter.at("joules").at(i).get<double>(),
                  machine_->joules_between(from, from + window.at("seconds").get<double>()),
                  late_J);
    }
    EXPECT_NEAR(meter.at("idle_before_W").get<double>(), kIdle_W, 4);
  }
  EXPECT_EQ(records.back().at("quantities").contains("model_to_meter_ratio"), onednn);

  const json description = file_json("out/run.json");
  const json rapl = meter_of(description.at("meters"), "rapl");
  EXPECT_EQ(rapl.at("status"), "available");
  EXPECT_EQ(rapl.at("boundary"), "B3");
  EXPECT_EQ(rapl.at("self_test").at("passed"), true);
  EXPECT_TRUE(description.at("findings").is_array());
  const CommandResult valid = command({"validate", "out"});
  EXPECT_EQ(valid.exit_code, 0) << valid.out << valid.err;
}

TEST_F(Meters, DoctorShowsAMeterThatWorks) {
  make_machine();
  const CommandResult text = command({"doctor"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_LE(widest_line(text.out), 80);
  EXPECT_NE(text.out.find("covers boundary B3"), std::string::npos) << text.out;
  EXPECT_EQ(text.out.find("no-meter"), std::string::npos) << text.out;
}

TEST_F(Meters, AWallLogIsJoinedByTime) {
  // A wattmeter at the plug: twice the power of the fake machine's zones, written every 20 ms.
  make_machine();
  options_.variables["JOULEBENCH_POWERCAP_DIR"] = "/nonexistent";
  const std::filesystem::path file = folder_.path() / "wall.csv";
  std::ofstream(file) << "time,watts\n";
  const auto unix_s = [] {
    using namespace std::chrono;
    return duration<double>(system_clock::now().time_since_epoch()).count();
  };
  std::atomic<bool> stop{false};
  // At regular times, whenever the thread gets its turn: a wattmeter's own clock has no gaps.
  std::thread logger([&] {
    constexpr double kStep_s = 0.02;
    double last = unix_s();
    while (!stop) {
      while (last + kStep_s < unix_s() - kStep_s) {
        const double next = last + kStep_s;
        const double watts = 2 * machine_->joules_between(last, next) / kStep_s;
        std::ofstream(file, std::ios::app) << fmt::format("{:.6f},{}\n", next, watts);
        last = next;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const CommandResult run =
      command(quick({"run", "--backend", "reference", "--gemm", "256,256,256", "--power-log",
                     file.string(), "--require-energy", "measured", "--json", "-o", "out"}));
  stop = true;
  logger.join();
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json record = json_lines(run.out).at(0);
  const json& quantities = record.at("quantities");
  EXPECT_EQ(quantities.at("measured_energy_B4_J_per_mac").at("provenance"), "measured");
  EXPECT_FALSE(quantities.contains("measured_energy_B3_J_per_mac"));
  const json& energy = record.at("measurement").at("energy");
  for (std::size_t i = 0; i < 3; ++i) {
    const json& window = energy.at("windows").at(i);
    const double from = window.at("start_unix_s");
    const double seconds = window.at("seconds");
    // The log holds means over its own steps, so that joules may be shifted by one step at an end.
    EXPECT_NEAR(energy.at("meters").at(0).at("joules").at(i).get<double>(),
                2 * machine_->joules_between(from, from + seconds), 2 * 2 * 0.1 * kBusy_W);
  }
}

TEST_F(Meters, FitTakesMeteredProducts) {
  // Records of ten products whose energies follow five known coefficients exactly.
  const CommandResult estimated =
      command({"estimate", "--backend", "onednn", "--device", "xeon-server", "-a",
               "gemm=128x128x128,512x512x512,1536x1536x1536,1x4096x4096,8x4096x4096,"
               "4096x8x4096,4096x4096x8,64x1024x1024,256x256x8192,32x32x16384",
               "--json"});
  ASSERT_EQ(estimated.exit_code, 0) << estimated.err;
  const std::map<std::string, double> joules_per_byte = {
      {"l1", 3e-13}, {"l2", 2e-12}, {"l3", 8e-12}, {"dram", 9e-11}};
  std::string lines;
  for (json record : json_lines(estimated.out)) {
    double net_J = 5e-12 * record.at("work").at("macs").get<double>();
    for (const json& row : record.at("ledger")) {
      const std::string component = row.at("component");
      const auto at = joules_per_byte.find(component);
      if (at != joules_per_byte.end() && row.at("category") == "movement") {
        net_J += at->second * row.at("count").get<double>();
      }
    }
    record["measurement"]["energy"]["meters"] = {{{"net_J_per_execution", net_J}}};
    record["quantities"]["measured_net_energy_B3_J_per_mac"] = {
        {"value", net_J / record.at("work").at("macs").get<double>()},
        {"provenance", "measured"},
        {"source", "fake"}};
    lines += record.dump() + "\n";
  }
  write_file(folder_.path() / "metered.jsonl", lines);
  const CommandResult fit = command({"doctor", "--fit", "metered.jsonl", "--json"});
  ASSERT_EQ(fit.exit_code, 0) << fit.err;
  const json result = json::parse(fit.out);
  ASSERT_EQ(result.at("coefficients").size(), 5U);
  EXPECT_NEAR(result.at("coefficients").at(0).at("value").get<double>(), 5e-12, 5e-18);
  for (const json& c : result.at("coefficients")) {
    const auto at = joules_per_byte.find(c.at("name"));
    if (at == joules_per_byte.end()) continue;
    EXPECT_NEAR(c.at("value").get<double>(), at->second, 1e-6 * at->second) << c.at("name");
  }
  EXPECT_LT(result.at("left_out_rms_frac").get<double>(), 1e-6);
  const CommandResult text = command({"doctor", "--fit", "metered.jsonl"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_LE(widest_line(text.out), 80);
  EXPECT_NE(text.out.find("leave-one-out residual"), std::string::npos) << text.out;

  write_file(folder_.path() / "few.jsonl", lines.substr(0, lines.find('\n') + 1));
  const CommandResult few = command({"doctor", "--fit", "few.jsonl"});
  EXPECT_EQ(few.exit_code, 2);
  EXPECT_NE(few.err.find("at least 8 different shapes; here are 1"), std::string::npos) << few.err;
}

}  // namespace
}  // namespace jb::test
