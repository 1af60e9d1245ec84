// Devices against the statistics of the reference files: every mean and deviation that aihwkit 1.1
// and CrossSim V3.2 were run for, at 120,000 devices.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "backends/core/json_file.h"
#include "backends/crossbar/config.h"
#include "backends/crossbar/device_plane.h"
#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

using crossbar::CellClock;
using crossbar::CellModel;
using crossbar::clock_at;
using crossbar::DevicePlane;

constexpr std::int64_t kRows = 120;
constexpr std::int64_t kWidth = 1000;
constexpr double kSamples = kRows * kWidth;

using Settings = std::initializer_list<std::pair<const char*, const char*>>;

CellModel model_of(const char* name, Settings settings = {}) {
  DeviceSpec spec = crossbar_spec("ideal", {{"cell.model", name}});
  for (const auto& [key, value] : settings) spec.set(key, value);
  return crossbar::cell_model_from(spec);
}

/// Devices of one target.
class Population {
 public:
  Population(const CellModel& model, double target)
      : model_(model), plane_(model_, {.seed = 7}, 0) {
    plane_.program(
        kRows, kWidth,
        [target](std::int64_t /*row*/, std::span<float> out) {
          std::fill(out.begin(), out.end(), static_cast<float>(target));
        },
        0);
  }

  [[nodiscard]] std::vector<float> programmed() {
    return collect([this](std::int64_t row, std::span<float> out) {
      const std::span<float> states = plane_.states(row);
      std::copy(states.begin(), states.end(), out.begin());
    });
  }
  [[nodiscard]] std::vector<float> seconds() const {
    return collect([this](std::int64_t row, std::span<float> out) {
      const std::span<const float> seconds = plane_.seconds(row);
      std::copy(seconds.begin(), seconds.end(), out.begin());
    });
  }
  [[nodiscard]] std::vector<float> at(double age_s) const {
    const CellClock clock = clock_at(model_, age_s);
    return collect(
        [&](std::int64_t row, std::span<float> out) { plane_.conductances(row, clock, out); });
  }
  [[nodiscard]] double white_std_at(double g) const {
    const std::vector<float> state = {static_cast<float>(g)};
    std::vector<float> out(1);
    plane_.white_std(state, out);
    return static_cast<double>(out[0]);
  }

 private:
  template <class Row>
  static std::vector<float> collect(Row row_of) {
    std::vector<float> all(static_cast<std::size_t>(kRows * kWidth));
    for (std::int64_t row = 0; row < kRows; ++row) {
      row_of(row, std::span<float>(all).subspan(static_cast<std::size_t>(row * kWidth),
                                                static_cast<std::size_t>(kWidth)));
    }
    return all;
  }

  CellModel model_;
  DevicePlane plane_;
};

/// What a reference file holds of one distribution, its number of samples, and the value of one.
struct Reference {
  const Json& json;
  double samples;
  double unit;
};

void expect_moments(const std::vector<float>& seen, const Reference& reference,
                    const std::string& what) {
  const double mean = reference.json.at("mean").get<double>();
  const double std = reference.json.at("std").get<double>();
  double sum = 0;
  double squares = 0;
  for (const float g : seen) sum += static_cast<double>(g) * reference.unit;
  const double average = sum / kSamples;
  for (const float g : seen) {
    const double d = static_cast<double>(g) * reference.unit - average;
    squares += d * d;
  }
  // Tolerances of the task: five standard errors (of both samples), deviations within 2 %; and the
  // rounding of floats where a distribution is a point.
  const double error = 5 * std * std::sqrt(1 / kSamples + 1 / reference.samples);
  EXPECT_NEAR(average, mean, error + 1e-9 * reference.unit) << what;
  EXPECT_NEAR(std::sqrt(squares / kSamples), std, 0.02 * std + 1e-9 * reference.unit) << what;
}

/// The shares of our devices below the reference's percentiles, to five standard errors. Where
/// clamping makes many devices equal a percentile says nothing.
void expect_percentiles(const std::vector<float>& seen, const Reference& reference,
                        const std::string& what) {
  const std::pair<const char*, double> percentiles[] = {{"p05", 0.05}, {"p50", 0.5}, {"p95", 0.95}};
  for (const auto& [name, share] : percentiles) {
    if (!reference.json.contains(name)) continue;
    const double value = reference.json.at(name).get<double>() / reference.unit;
    const auto near = [value](float g) {
      return std::abs(static_cast<double>(g) - value) < 1e-6 * std::max(1e-3, std::abs(value));
    };
    const auto equal = static_cast<double>(std::count_if(seen.begin(), seen.end(), near));
    if (equal > 0.001 * kSamples) continue;
    const auto below = static_cast<double>(std::count_if(
        seen.begin(), seen.end(), [value](float g) { return static_cast<double>(g) < value; }));
    const double error =
        5 * std::sqrt(share * (1 - share) * (1 / kSamples + 1 / reference.samples));
    EXPECT_NEAR(below / kSamples, share, error) << what << " " << name;
  }
}

void expect_statistics(const std::vector<float>& seen, const Reference& reference,
                       const std::string& what) {
  expect_moments(seen, reference, what);
  expect_percentiles(seen, reference, what);
}

std::filesystem::path data_folder() {
  const char* folder = std::getenv("JOULEBENCH_TEST_DATA");
  return folder == nullptr ? std::filesystem::path() : std::filesystem::path(folder) / "crossbar";
}

double seconds_of(const std::string& age) {
  const std::pair<const char*, double> ages[] = {
      {"0s", 0},         {"1s", 1},           {"1h", 3600},       {"1day", 86400},
      {"2days", 172800}, {"30days", 2592000}, {"1year", 31536000}};
  for (const auto& [name, seconds] : ages) {
    if (age == name) return seconds;
  }
  ADD_FAILURE() << "unknown age " << age;
  return 0;
}

/// One model of aihwkit_reference.json: ours, and ours without read noise.
struct Aihwkit {
  const char* name;
  CellModel model;
  CellModel quiet;
};

void compare_with_aihwkit(const Json& file, const Aihwkit& entry) {
  const Json& reference = file.at("models").at(entry.name);
  const double samples = file.at("meta").at("samples_per_point").get<double>();
  const Json& config = reference.at("config");
  const double g_max_uS = config.at("g_max").get<double>();
  for (const Json& target : reference.at("targets")) {
    const double g_uS = target.at("g_target").get<double>();
    const std::string what = fmt::format("{} at {} uS", entry.name, g_uS);
    Population cells(entry.model, g_uS / g_max_uS);
    Population quiet(entry.quiet, g_uS / g_max_uS);
    if (target.contains("programmed")) {
      expect_statistics(cells.programmed(), {target.at("programmed"), samples, g_max_uS},
                        what + ", programmed");
    }
    if (target.contains("nu")) {
      expect_statistics(cells.seconds(), {target.at("nu"), samples, 1.0}, what + ", nu");
    }
    for (const auto& [age, statistics] : target.at("drifted").items()) {
      expect_statistics(cells.at(seconds_of(age)), {statistics, samples, g_max_uS},
                        what + " after " + age);
    }
    if (!target.contains("drifted_no_read_noise")) continue;
    for (const auto& [age, statistics] : target.at("drifted_no_read_noise").items()) {
      expect_statistics(quiet.at(seconds_of(age)), {statistics, samples, g_max_uS},
                        what + " after " + age + ", no read noise");
    }
  }
}

TEST(CrossbarDevices, EveryStatisticOfAihwkit) {
  if (data_folder().empty()) GTEST_SKIP() << "JOULEBENCH_TEST_DATA is not set";
  const Json file = read_json_file(data_folder() / "aihwkit_reference.json");
  const auto entry = [](const char* name, const char* ours, Settings settings) {
    DeviceSpec spec = crossbar_spec("ideal", {{"cell.model", ours}});
    for (const auto& [key, value] : settings) spec.set(key, value);
    DeviceSpec quiet = spec;
    quiet.set("read.scale", "0");
    return Aihwkit{name, crossbar::cell_model_from(spec), crossbar::cell_model_from(quiet)};
  };
  const Aihwkit entries[] = {
      entry("PCMLike", "pcm-like", {}), entry("Hermes_1dev", "pcm-hermes-1dev", {}),
      entry("Hermes_2dev", "pcm-hermes-2dev", {}),
      // aihwkit's state-independent model reads with a relative 1/f noise of 0.04 before growth.
      entry("StateIndependent", "generic",
            {{"cell.g_max_uS", "25"},
             {"program.c0", "0.2"},
             {"drift.nu_mean", "0.1"},
             {"drift.nu_std", "0.05"},
             {"drift.t0_s", "20"},
             {"read.flicker", "0.04"},
             {"read.t_read_s", "250e-9"}}),
      entry("ReRamWan2022_gmax40", "reram-wan", {}),
      entry("ReRamCMO", "reram-cmo", {{"program.acceptance", "0.2%"}})};
  std::size_t models = 0;
  for (const Aihwkit& one : entries) {
    compare_with_aihwkit(file, one);
    ++models;
  }
  EXPECT_EQ(models, file.at("models").size());  // none left out
}

TEST(CrossbarDevices, EveryStatisticOfCrossSim) {
  if (data_folder().empty()) GTEST_SKIP() << "JOULEBENCH_TEST_DATA is not set";
  const Json file = read_json_file(data_folder() / "crosssim_device_stats.json");
  const double samples = file.at("meta").at("samples").get<double>();
  const std::pair<const char*, CellModel> models[] = {
      {"PCMJoshi_uS", model_of("pcm-joshi")},
      {"RRAMMilo_uS", model_of("reram-milo")},
      {"RRAMWan_uS", model_of("reram-wan-write")},
      {"SONOS_nA_Imax1600", model_of("sonos", {{"cell.i_max_nA", "1600"}})}};
  // The scale to which each of our states is relative.
  const double scales[] = {25.0, 225.0, 39.26, 1600.0};
  EXPECT_EQ(std::size(models), file.at("models").size());
  for (std::size_t m = 0; m < std::size(models); ++m) {
    const auto& [name, model] = models[m];
    for (const Json& row : file.at("models").at(name).at("rows")) {
      const double days = row.contains("time_days") ? row.at("time_days").get<double>() : 0.0;
      const double target = row.at("target").get<double>();
      const std::string what = fmt::format("{} at {}, {} days", name, target, days);
      const Population cells(model, target / scales[m]);
      expect_moments(cells.at(days * 86400), {row, samples, scales[m]}, what);
      if (!row.contains("read_noise_std")) continue;
      const double read = row.at("read_noise_std").get<double>();
      EXPECT_NEAR(cells.white_std_at(target / scales[m]) * scales[m], read, 0.02 * read) << what;
    }
  }
}

TEST(CrossbarDevices, TheStatisticsAreSharpEnoughToTellModelsApart) {
  // A tenth more programming error is five times the tolerance: the comparison above sees it.
  const CellModel model = model_of("pcm-like", {{"program.scale", "1.1"}});
  Population cells(model, 0.5);
  const std::vector<float> g = cells.programmed();
  double squares = 0;
  for (const float x : g) {
    squares += (static_cast<double>(x) - 0.5) * (static_cast<double>(x) - 0.5);
  }
  const double published = 0.952 / 25;  // uS at 12.5 uS, aihwkit 1.1
  EXPECT_GT(std::sqrt(squares / kSamples), 1.05 * published);
}

TEST(CrossbarDevices, ASeriesIsATrajectoryOfTheSameDevices) {
  // Places in a distribution are kept: the devices that are high after a day are high after two.
  for (const char* name : {"sonos", "reram-wan", "reram-cmo", "pcm-hermes-2dev"}) {
    const CellModel model = model_of(name, {{"read.scale", "0"}});
    const Population cells(model, 0.5);
    const std::vector<float> day = cells.at(86400);
    const std::vector<float> two = cells.at(2 * 86400);
    const std::vector<float> again = cells.at(86400);
    EXPECT_EQ(day, again) << name;  // whatever was visited in between
    double xy = 0;
    double xx = 0;
    double yy = 0;
    double mean_x = 0;
    double mean_y = 0;
    for (std::size_t i = 0; i < day.size(); ++i) {
      mean_x += static_cast<double>(day[i]) / kSamples;
      mean_y += static_cast<double>(two[i]) / kSamples;
    }
    for (std::size_t i = 0; i < day.size(); ++i) {
      const double x = static_cast<double>(day[i]) - mean_x;
      const double y = static_cast<double>(two[i]) - mean_y;
      xy += x * y;
      xx += x * x;
      yy += y * y;
    }
    EXPECT_GT(xy / std::sqrt(xx * yy), 0.99) << name;  // drawn anew it would be 0
  }
}

TEST(CrossbarDevices, FaultsAreDrawnOnceAndStay) {
  const CellModel model =
      model_of("pcm-hermes-2dev", {{"fault.stuck_off", "0.02"}, {"fault.stuck_on", "0.01"}});
  const auto plane_of = [&model](std::uint64_t seed, std::uint64_t event) {
    DevicePlane plane(model, {.seed = seed}, 0);
    for (std::uint64_t e = 0; e <= event; ++e) {
      plane.program(
          kRows, kWidth,
          [](std::int64_t /*row*/, std::span<float> out) {
            std::fill(out.begin(), out.end(), 0.5F);
          },
          e);
    }
    return plane;
  };
  const DevicePlane once = plane_of(1, 0);
  const DevicePlane thrice = plane_of(1, 2);
  const DevicePlane other = plane_of(2, 0);
  const crossbar::FaultMap map = once.faults();
  EXPECT_EQ(map.hash, thrice.faults().hash);  // programming does not mend
  EXPECT_NE(map.hash, other.faults().hash);
  EXPECT_EQ(map.devices, kRows * kWidth);
  const auto expect_share = [](std::int64_t count, double share) {
    EXPECT_NEAR(static_cast<double>(count) / kSamples, share,
                5 * std::sqrt(share * (1 - share) / kSamples));
  };
  expect_share(map.stuck_off, 0.02);
  expect_share(map.stuck_on, 0.01);
  std::vector<float> young(kWidth);
  std::vector<float> old(kWidth);
  std::int64_t on = 0;
  std::int64_t off = 0;
  for (std::int64_t row = 0; row < kRows; ++row) {
    once.conductances(row, clock_at(model, 1), young);
    once.conductances(row, clock_at(model, 3e7), old);
    for (std::size_t i = 0; i < young.size(); ++i) {
      const bool stuck = young[i] == 1.0F || young[i] == 0.0F;
      if (!stuck) continue;
      EXPECT_EQ(young[i], old[i]);
      (young[i] == 1.0F ? on : off) += 1;
    }
  }
  EXPECT_EQ(on, map.stuck_on);
  EXPECT_EQ(off, map.stuck_off);
}

TEST(CrossbarDevices, TemperatureFollowsItsLaws) {
  const auto mean_at = [](Settings settings, double age_s, double temperature_C) {
    DeviceSpec spec = crossbar_spec("ideal", {{"cell.model", "generic"}});
    for (const auto& [key, value] : settings) spec.set(key, value);
    const CellModel model = crossbar::cell_model_from(spec);
    DevicePlane plane(model, {.seed = 7}, 0);
    plane.program(
        1, 64,
        [](std::int64_t /*row*/, std::span<float> out) {
          std::fill(out.begin(), out.end(), 0.25F);
        },
        0);
    std::vector<float> g(64);
    plane.conductances(0, clock_at(model, age_s, temperature_C), g);
    return static_cast<double>(g[0]);
  };
  constexpr double kBoltzmann_eV = 8.617333262e-5;
  constexpr double kFloat = 1e-5;
  // Linear: 0.1 % per kelvin over 60 kelvin.
  EXPECT_NEAR(mean_at({{"temperature.law", "linear"}, {"temperature.per_K", "1e-3"}}, 0, 85),
              0.25 * 1.06, kFloat);
  EXPECT_NEAR(mean_at({{"temperature.law", "linear"}, {"temperature.per_K", "1e-3"}}, 0, 25), 0.25,
              kFloat);
  // Arrhenius: exp(Ea / k (1/T0 - 1/T)).
  const double inverse = 1 / (kBoltzmann_eV * 298.15) - 1 / (kBoltzmann_eV * 358.15);
  EXPECT_NEAR(
      mean_at({{"temperature.law", "arrhenius"}, {"temperature.activation_eV", "0.1"}}, 0, 85),
      0.25 * std::exp(0.1 * inverse), kFloat);
  // Below threshold: ln(g / g at threshold) goes as 1 / T.
  EXPECT_NEAR(
      mean_at({{"temperature.law", "subthreshold"}, {"temperature.threshold_state", "2"}}, 0, 85),
      2 * std::pow(0.125, 298.15 / 358.15), 1e-4);
  // Time runs faster when warm: the drift of 1000 s at 85 degC is that of exp(...) 1000 s at 25.
  const Settings aged = {
      {"drift.nu_mean", "0.05"}, {"drift.t0_s", "20"}, {"temperature.drift_activation_eV", "0.3"}};
  EXPECT_NEAR(mean_at(aged, 1000, 85),
              0.25 * std::pow((1000 * std::exp(0.3 * inverse) + 20) / 20, -0.05), kFloat);
  EXPECT_NEAR(mean_at(aged, 1000, 25), 0.25 * std::pow(1020.0 / 20, -0.05), kFloat);
}

TEST(CrossbarDevices, ChargeCellsKeepTheirCapacitors) {
  // A capacitor's size is the cell's own: programming again does not draw it anew, time and read
  // noise do not touch it.
  const CellModel model = model_of("sram-charge", {{"cell.mismatch", "0.01"}});
  DevicePlane plane(model, {.seed = 7}, 0);
  std::vector<std::vector<float>> seen;
  for (const std::uint64_t event : {0U, 1U}) {
    plane.program(
        kRows, kWidth,
        [](std::int64_t /*row*/, std::span<float> out) { std::fill(out.begin(), out.end(), 1.0F); },
        event);
    for (const double age_s : {0.0, 1e8}) {
      std::vector<float> g(kWidth);
      plane.conductances(3, clock_at(model, age_s), g);
      seen.push_back(g);
    }
  }
  for (const std::vector<float>& g : seen) EXPECT_EQ(g, seen[0]);
  double squares = 0;
  for (const float g : seen[0]) {
    squares += (static_cast<double>(g) - 1) * (static_cast<double>(g) - 1);
  }
  EXPECT_NEAR(std::sqrt(squares / kWidth), 0.01, 5 * 0.01 / std::sqrt(2.0 * kWidth));
}

}  // namespace
}  // namespace jb::test
