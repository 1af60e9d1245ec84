// Drift compensation through the machine's own converters: published curves, and what it cannot do.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "backends/core/json_file.h"
#include "backends/crossbar/plan.h"
#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

constexpr std::int64_t kSide = 256;
constexpr std::int64_t kVectors = 512;

struct Tile {
  std::unique_ptr<Device> device;
  Matrix<double> a = normal_matrix<double>(kVectors, kSide, 21);
  Matrix<double> b = normal_matrix<double>(kSide, kSide, 22, 2.5F);
  Matrix<double> exact = plain_product(a, b);
  std::unique_ptr<Plan> plan;

  explicit Tile(std::initializer_list<std::pair<const char*, const char*>> settings)
      : device(crossbar_device("pcm-hermes", settings)), plan(make_plan(*device, kVectors, b)) {}

  struct Errors {
    double before;
    double after;
  };
  /// The errors of one tile at an age, before and after a calibration.
  static Errors errors(std::initializer_list<std::pair<const char*, const char*>> settings,
                       double age_s, const char* method) {
    Tile tile(settings);
    tile.device->set_epoch({.age_s = age_s});
    const double before = tile.error();
    (void)tile.device->calibrate(method);
    return {before, tile.error()};
  }

  double error() { return relative_error(run(*plan, a, kSide), exact); }
  [[nodiscard]] double alpha() const {
    return dynamic_cast<const crossbar::CrossbarPlan&>(*plan).factor();
  }
};

/// One model of the reference file's tiles: 256 x 256 Gaussian weights clipped at 2.5 deviations,
/// no converters.
struct Model {
  const char* published;
  const char* cell;
};

double seconds_of(const std::string& age) {
  const std::pair<const char*, double> ages[] = {{"0s", 0},           {"1s", 1},
                                                 {"1h", 3600},        {"1day", 86400},
                                                 {"30days", 2592000}, {"1year", 31536000}};
  for (const auto& [name, seconds] : ages) {
    if (age == name) return seconds;
  }
  ADD_FAILURE() << "unknown age " << age;
  return 0;
}

TEST(CrossbarCalibration, TilesFollowThePublishedCurves) {
  const char* folder = std::getenv("JOULEBENCH_TEST_DATA");
  if (folder == nullptr) GTEST_SKIP() << "JOULEBENCH_TEST_DATA is not set";
  const Json file =
      read_json_file(std::filesystem::path(folder) / "crossbar" / "aihwkit_reference.json");
  const Json& tiles = file.at("tile_256x256_gaussian_clip2.5sigma");
  constexpr double kTolerance = 0.03;  // of the task
  for (const Model& model : {Model{"PCMLike", "pcm-like"}, Model{"Hermes_1dev", "pcm-hermes-1dev"},
                             Model{"Hermes_2dev", "pcm-hermes-2dev"}}) {
    for (const auto& item : tiles.at(model.published).items()) {
      const std::string& age = item.key();
      const Json& published = item.value();
      const auto value = [&published](const char* name) {
        return published.at(name).at(0).get<double>();
      };
      const std::string what = fmt::format("{} after {}", model.published, age);
      Tile tile({{"cell.model", model.cell}, {"dac.bits", "0"}, {"adc.bits", "0"}});
      tile.device->set_epoch({.age_s = seconds_of(age)});
      EXPECT_NEAR(tile.error() / value("mvm_rel_err_no_comp"), 1.0, kTolerance) << what << ", none";
      (void)tile.device->calibrate("gdc");
      EXPECT_NEAR(tile.alpha() / value("gdc_alpha"), 1.0, kTolerance) << what;
      EXPECT_NEAR(tile.error() / value("mvm_rel_err_gdc"), 1.0, kTolerance) << what << ", gdc";
      (void)tile.device->calibrate("column");
      EXPECT_NEAR(tile.error() / value("mvm_rel_err_per_column"), 1.0, kTolerance)
          << what << ", column";
    }
  }
}

TEST(CrossbarCalibration, ATrajectoryIsTheSameHoweverItIsVisited) {
  Tile sweep({});
  Tile direct({});
  for (const double age_s : {1.0, 3600.0, 86400.0}) sweep.device->set_epoch({.age_s = age_s});
  direct.device->set_epoch({.age_s = 86400});
  EXPECT_TRUE(same_bytes(run(*sweep.plan, sweep.a, kSide), run(*direct.plan, direct.a, kSide)));
}

TEST(CrossbarCalibration, RealConvertersKeepMostOfTheGain) {
  Tile tile({});
  tile.device->set_epoch({.age_s = 2592000});
  const double without = tile.error();
  (void)tile.device->calibrate("gdc");
  const double with = tile.error();
  EXPECT_LT(with,
            0.75 * without);  // without converters the published ratio is 0.228 / 0.367 = 0.62
}

TEST(CrossbarCalibration, GetsWorseWithTenTimesTheReadNoise) {
  // The noise-free factor is the drift that there is to compensate; read through noisy cells the
  // factor moves away from it.
  constexpr double kAge_s = 86400;
  const auto alpha_at = [](const char* scale) {
    Tile tile({{"dac.bits", "0"}, {"adc.bits", "0"}, {"read.scale", scale}});
    tile.device->set_epoch({.age_s = kAge_s});
    (void)tile.device->calibrate("gdc");
    return tile.alpha();
  };
  const double noise_free = alpha_at("0");
  const double usual = std::abs(alpha_at("1") - noise_free);
  const double tenfold = std::abs(alpha_at("10") - noise_free);
  EXPECT_GT(tenfold, 3 * usual);

  // Per-product noise: a reading of few vectors carries it into the factor.
  const auto white_alpha = [](const char* white, const char* vectors) {
    Tile tile({{"dac.bits", "0"},
               {"adc.bits", "0"},
               {"read.scale", "0"},
               {"read.white", white},
               {"calibration.vectors", vectors}});
    tile.device->set_epoch({.age_s = kAge_s});
    (void)tile.device->calibrate("gdc");
    return tile.alpha();
  };
  const double clean = white_alpha("0", "1");
  const double little = std::abs(white_alpha("0.05", "1") - clean);
  const double much = std::abs(white_alpha("0.5", "1") - clean);
  EXPECT_GT(little, 0.0);
  EXPECT_GT(much, little);
}

TEST(CrossbarCalibration, GdcLeavesTheGainOfConvertersAndColumnRemovesIt) {
  // A static gain error stands in the reference and in the reading alike: alpha = R0 / R cannot see
  // it. Known vectors can.
  Tile tile({{"adc.gain_error", "0.1"}});
  const double start = tile.error();
  EXPECT_GT(start, 0.09);  // 10 % of gain error is in the result
  (void)tile.device->calibrate("gdc");
  EXPECT_EQ(tile.error(), start);
  (void)tile.device->calibrate("column");
  const Tile::Errors clean = Tile::errors({}, 0, "column");
  // What is left is that of converters without an error, but for the fit's own: the error of a
  // product over the square root of the known vectors, 0.13 / 16.
  EXPECT_NEAR(tile.error(), clean.after, 0.01);
  EXPECT_LT(tile.error(), 0.85 * start);
}

TEST(CrossbarCalibration, NoneNeverCalibrates) {
  Tile tile({});
  tile.device->set_epoch({.age_s = 86400, .since_calibration_s = 86400});
  const double before = tile.error();
  const Activity cost = tile.device->calibrate("none");
  EXPECT_TRUE(cost.rows().empty());
  EXPECT_EQ(cost.device_time_s, 0.0);
  EXPECT_EQ(tile.error(), before);
  EXPECT_EQ(tile.device->epoch().since_calibration_s, 86400);
  (void)tile.device->calibrate("gdc");
  EXPECT_EQ(tile.device->epoch().since_calibration_s, 0.0);
}

TEST(CrossbarCalibration, ColumnRemovesOffsetsAndFollowsWalkingConverters) {
  constexpr double kDay_s = 86400;
  // Offsets of two steps in every column, cells that do not drift: what is left after calibration
  // is the quantisation that was there without them.
  const std::initializer_list<std::pair<const char*, const char*>> still = {
      {"cell.model", "ideal"}};
  const std::initializer_list<std::pair<const char*, const char*>> offsets = {
      {"cell.model", "ideal"}, {"adc.offset_error", "2"}};
  const double clean = Tile::errors(still, 0, "none").after;
  const Tile::Errors static_offsets = Tile::errors(offsets, 0, "column");
  EXPECT_GT(static_offsets.before, 5 * clean);
  EXPECT_LT(static_offsets.after, 1.5 * clean);

  // Walks: a converter calibrated at a day is wrong again a day later, by as much as a new day's
  // walk of the square root of one.
  const std::initializer_list<std::pair<const char*, const char*>> walking = {
      {"cell.model", "ideal"}, {"adc.gain_drift", "0.05"}, {"adc.bits", "0"}, {"dac.bits", "0"}};
  Tile tile(walking);
  EXPECT_LT(tile.error(), 1e-6);
  tile.device->set_epoch({.age_s = kDay_s});
  const double day = tile.error();
  // 256 converters: the deviation of a deviation is 1 / sqrt(512) = 4.4 %.
  EXPECT_NEAR(day, 0.05, 5 * 0.044 * 0.05);
  (void)tile.device->calibrate("column");
  EXPECT_LT(tile.error(), 0.01 * day);
  tile.device->set_epoch({.age_s = 2 * kDay_s, .since_calibration_s = kDay_s});
  EXPECT_NEAR(tile.error(), 0.05, 5 * 0.044 * 0.05);
  tile.device->set_epoch({.age_s = kDay_s});
  EXPECT_LT(tile.error(), 0.01 * day);  // the same path when the day is visited again
}

TEST(CrossbarCalibration, TrimsHaveAResolutionAndARange) {
  const auto left = [](const char* step, const char* range) {
    return Tile::errors({{"cell.model", "ideal"},
                         {"adc.gain_error", "0.05"},
                         {"adc.bits", "0"},
                         {"dac.bits", "0"},
                         {"adc.trim_step", step},
                         {"adc.trim_range", range}},
                        0, "column")
        .after;
  };
  EXPECT_LT(left("0", "0.5"), 1e-4);
  // A uniform error of one step has a deviation of step / sqrt(12), here over 256 converters.
  EXPECT_NEAR(left("0.02", "0.5"), 0.02 / std::sqrt(12.0), 0.2 * 0.02 / std::sqrt(12.0));
  // Without room to trim the gains stay as they were.
  EXPECT_NEAR(left("0", "1e-6"), 0.05, 5 * 0.044 * 0.05);
}

TEST(CrossbarCalibration, ConvertersFollowTheTemperature) {
  Tile tile(
      {{"cell.model", "ideal"}, {"adc.bits", "0"}, {"dac.bits", "0"}, {"adc.gain_per_K", "2e-4"}});
  EXPECT_LT(tile.error(), 1e-6);
  tile.device->set_epoch({.temperature_C = 75});
  EXPECT_NEAR(tile.error(), 50 * 2e-4, 5 * 0.044 * 50 * 2e-4);
  (void)tile.device->calibrate("column");
  EXPECT_LT(tile.error(), 1e-4);
}

TEST(CrossbarCalibration, RangeWinsBackBitsThatDriftLeaves) {
  // Cells that all drift alike: after gdc the only error is the converter's, whose steps are
  // alpha times too wide when its range stays that of the first day.
  const std::initializer_list<std::pair<const char*, const char*>> uniform = {
      {"cell.model", "generic"}, {"drift.nu_mean", "0.1"}, {"adc.limit", "10"}};
  constexpr double kYear_s = 31536000;
  const double fixed = Tile::errors(uniform, kYear_s, "gdc").after;
  Tile tile(uniform);
  tile.device->set_epoch({.age_s = kYear_s});
  (void)tile.device->calibrate("range");
  const double ranged = tile.error();
  const double range = dynamic_cast<const crossbar::CrossbarPlan&>(*tile.plan).range();
  EXPECT_LT(range, 0.5);
  // Quantisation goes with the step; that of the inputs (8 bits) is in both.
  EXPECT_LT(ranged, 0.6 * fixed);
  const Activity again = tile.device->calibrate("range");
  EXPECT_GT(again.device_time_s, 0);
  EXPECT_EQ(dynamic_cast<const crossbar::CrossbarPlan&>(*tile.plan).range(), range);
  // Without converters there is no range to set.
  Tile none({{"adc.bits", "0"}, {"dac.bits", "0"}});
  EXPECT_THROW((void)none.device->calibrate("range"), Error);
}

TEST(CrossbarCalibration, StateBeatsGdcWhereExponentsDependOnState) {
  // HERMES cells lose little when high and much when low: the mean of |y| follows the low ones, the
  // error follows the high ones. Published error after gdc at a year: 0.276; the least that one
  // factor can leave is 14 % below (0.236).
  constexpr double kYear_s = 31536000;
  const std::initializer_list<std::pair<const char*, const char*>> hermes = {{"dac.bits", "0"},
                                                                             {"adc.bits", "0"}};
  const double gdc = Tile::errors(hermes, kYear_s, "gdc").after;
  const double state = Tile::errors(hermes, kYear_s, "state").after;
  EXPECT_NEAR(state / gdc, 0.86, 0.03);
  // Where all states have one exponent there is nothing to win.
  const std::initializer_list<std::pair<const char*, const char*>> alike = {
      {"cell.model", "generic"},
      {"drift.nu_mean", "0.05"},
      {"dac.bits", "0"},
      {"adc.bits", "0"},
      {"program.c0", "0.5"}};
  EXPECT_NEAR(
      Tile::errors(alike, kYear_s, "state").after / Tile::errors(alike, kYear_s, "gdc").after, 1.0,
      0.02);
}

TEST(CrossbarCalibration, SlicesHaveAFactorEachWhereTheirStatesDiffer) {
  // Weights of 8 bits in 4 slices: the top slice holds one bit, a third of G_max, the others all
  // digits. Their exponents differ, so that no single factor does as well.
  constexpr double kYear_s = 31536000;
  Tile tile({{"weight.bits", "8"},
             {"weight.slices", "4"},
             {"cell.bits", "2"},
             {"input.coding", "bit-serial"},
             {"dac.bits", "8"},
             {"adc.bits", "12"},
             {"adc.limit", "32"},
             {"adc.gain_error", "0"},
             {"adc.offset_error", "0"}});
  tile.device->set_epoch({.age_s = kYear_s});
  const Activity gdc_cost = tile.device->calibrate("gdc");
  const Matrix<double> c = run(*tile.plan, tile.a, kSide);
  const double gdc = relative_error(c, tile.exact);
  // The least that a factor for all can leave: sin of the angle between outputs and truth.
  double cross = 0;
  double own = 0;
  double truth = 0;
  for (std::int64_t i = 0; i < c.size(); ++i) {
    cross += c.data()[i] * tile.exact.data()[i];
    own += c.data()[i] * c.data()[i];
    truth += tile.exact.data()[i] * tile.exact.data()[i];
  }
  const double one_factor = std::sqrt(1 - cross * cross / (own * truth));
  const Activity state_cost = tile.device->calibrate("state");
  const double state = tile.error();
  RecordProperty("gdc, one factor, a factor per slice",
                 fmt::format("{} {} {}", gdc, one_factor, state));
  EXPECT_LT(state, gdc);
  EXPECT_LT(state, 0.98 * one_factor);
  // One reading of known vectors more, however many slices are told apart in it.
  EXPECT_GT(state_cost.device_time_s, gdc_cost.device_time_s);
  EXPECT_LT(state_cost.device_time_s, 2.5 * gdc_cost.device_time_s);
  // The next calibration starts afresh.
  (void)tile.device->calibrate("gdc");
  EXPECT_NEAR(tile.error(), gdc, 0.02 * gdc);
}

TEST(CrossbarCalibration, OffsetSlicesGetTheirMiddleBack) {
  // One cell about a middle that the digital side subtracts: with drift the middle is no longer
  // there, which a factor of the difference cannot mend. Factors of the slices' own codes can.
  Tile tile({{"weight.mapping", "offset"},
             {"weight.bits", "8"},
             {"weight.slices", "4"},
             {"cell.bits", "2"},
             {"input.coding", "bit-serial"},
             {"dac.bits", "8"},
             {"adc.bits", "12"},
             {"adc.limit", "64"},
             {"adc.gain_error", "0"},
             {"adc.offset_error", "0"}});
  tile.device->set_epoch({.age_s = 86400});
  (void)tile.device->calibrate("gdc");
  const double gdc = tile.error();
  (void)tile.device->calibrate("state");
  const double state = tile.error();
  RecordProperty("gdc, state", fmt::format("{} {}", gdc, state));
  // What is left is the spread of exponents of the many cells about the middle.
  EXPECT_LT(state, 0.65 * gdc);
}

TEST(CrossbarCalibration, ReprogrammingBeginsDriftAnewAndCostsProgramming) {
  constexpr double kYear_s = 31536000;
  Tile tile({});
  const double start = tile.error();
  tile.device->set_epoch({.age_s = kYear_s});
  EXPECT_GT(tile.error(), 2 * start);
  const Activity cost = tile.device->calibrate("reprogram");
  EXPECT_NEAR(tile.error() / start, 1.0, 0.05);  // new programming errors of the same size
  EXPECT_EQ(cost.device_time_s, tile.plan->setup().device_time_s);
  EXPECT_EQ(cost.rows().size(), tile.plan->setup().rows().size());
  tile.device->set_epoch({.age_s = 2 * kYear_s});
  EXPECT_GT(tile.error(), 2 * start);  // and it drifts again
}

TEST(CrossbarCalibration, TheMachineSeesItsOwnDrift) {
  Tile tile({});
  ASSERT_TRUE(tile.device->sees_drift());
  Activity cost;
  EXPECT_LT(tile.device->drift_error(cost), 0.01);
  EXPECT_GT(cost.device_time_s, 0);  // looking is not free
  tile.device->set_epoch({.age_s = 86400});
  // alpha after a day is 1.352: a reading is 35 % short.
  EXPECT_NEAR(tile.device->drift_error(cost), 0.352, 0.03);
  (void)tile.device->calibrate("gdc");
  EXPECT_LT(tile.device->drift_error(cost), 0.01);
}

TEST(CrossbarCalibration, EveryMethodIsChargedAndGetsWorseWithNoise) {
  constexpr double kDay_s = 86400;
  for (const char* method : {"gdc", "column", "range", "range+column", "state"}) {
    // Factors that noisy readings give, as errors of a product whose own noise is that of a quiet
    // run: calibrated with noise, compared in the same noise, the error must grow.
    const auto error_of = [&](const char* white) {
      return Tile::errors({{"read.white", white}, {"read.scale", "1"}}, kDay_s, method).after;
    };
    EXPECT_GT(error_of("0.2"), 1.05 * error_of("0.02")) << method;
    Tile tile({});
    tile.device->set_epoch({.age_s = kDay_s});
    const Activity cost = tile.device->calibrate(method);
    EXPECT_GT(cost.device_time_s, 0) << method;
    ASSERT_FALSE(cost.rows().empty()) << method;
    for (const ActivityRow& row : cost.rows()) {
      EXPECT_EQ(tile.device->prices().prices[row.action].category, Category::calibration) << method;
    }
  }
}

}  // namespace
}  // namespace jb::test
