// Machines of tiles: exact products without errors, integers with converters, what is loaded when,
// and what is refused.

#include <gtest/gtest.h>

#include <cmath>

#include "backends/analog/converter.h"
#include "backends/core/error.h"
#include "tests/support/photonic_bench.h"

namespace jb::photonic_test {
namespace {

/// Overrides that leave nothing but the product, by preset.
Overrides perfect(const std::string& preset) {
  Overrides o = {{"dac.energy_law", "given"}, {"adc.energy_law", "given"},
                 {"dac.bits_a", "0"},         {"adc.bits", "0"},
                 {"noise.shot", "false"},     {"noise.readout_e", "0"},
                 {"noise.detector", "0"},     {"noise.rin_dB_per_Hz", "-300"}};
  const auto more = [&](const Overrides& rest) { o.insert(o.end(), rest.begin(), rest.end()); };
  if (preset.rfind("mzi", 0) == 0) {
    more({{"phase.bits", "0"},
          {"error.phase_rad", "0"},
          {"error.splitter_rad", "0"},
          {"drift.phase_rad_per_rt_s", "0"}});
  } else if (preset.rfind("lightening", 0) == 0) {
    more({{"dac.bits_b", "0"},
          {"ring.fwhm_GHz", "0"},
          {"error.gain", "0"},
          {"error.phase_rad", "0"},
          {"drift.phase_rad_per_rt_s", "0"}});
  } else {
    more({{"dac.bits_b", "0"},
          {"drift.ring_GHz_per_rt_s", "0"},
          {"ring.fwhm_GHz", "0"},
          {"error.weight", "0"}});
  }
  return o;
}

std::vector<std::string> presets() {
  return {"mzi-mesh-12", "wdm-mrr-12", "albireo-moderate", "lightening-transformer-8b"};
}

Overrides with(Overrides base, const Overrides& more) {
  base.insert(base.end(), more.begin(), more.end());
  return base;
}

constexpr GemmShape kShape{17, 31, 53};

TEST(Tiled, WithoutErrorsIsTheProduct) {
  const auto a = normal_matrix<double>(kShape.m, kShape.k, 1);
  const auto b = normal_matrix<double>(kShape.k, kShape.n, 2);
  for (const std::string& preset : presets()) {
    const auto device = open_device(preset, perfect(preset));
    EXPECT_LT(relative_error(multiply(*device, a, b), product(a, b)), 1e-14) << preset;
  }
}

TEST(Tiled, WithoutErrorsButByTilesIsTheProduct) {
  // A full scale that nothing reaches keeps the machine from taking the product as a whole.
  const auto a = normal_matrix<double>(kShape.m, kShape.k, 1);
  const auto b = normal_matrix<double>(kShape.k, kShape.n, 2);
  for (const std::string& preset : presets()) {
    const Overrides o =
        with(perfect(preset), {{"norm", "fixed_scale"}, {"norm.full_scale_a", "8"}});
    const auto device = open_device(preset, o);
    EXPECT_LT(relative_error(multiply(*device, a, b), product(a, b)), 1e-14) << preset;
  }
  // Offset inputs subtract the weights' sum: a few more roundings.
  const Overrides offset =
      with(perfect("wdm-mrr-12"),
           {{"norm", "fixed_scale"}, {"norm.full_scale_a", "8"}, {"inputs.signed", "offset"}});
  const auto device = open_device("wdm-mrr-12", offset);
  EXPECT_LT(relative_error(multiply(*device, a, b), product(a, b)), 1e-13);
}

TEST(Tiled, AnAlmostPerfectMeshIsTheProduct) {
  // Phases of 1e-12 rad error go through decomposition and propagation. E = sqrt(12) 1e-12 for each
  // of two meshes, in units of the largest singular value: below 1e-10.
  const auto a = normal_matrix<double>(kShape.m, kShape.k, 1);
  const auto b = normal_matrix<double>(kShape.k, kShape.n, 2);
  const auto device =
      open_device("mzi-mesh-12", with(perfect("mzi-mesh-12"), {{"error.phase_rad", "1e-12"}}));
  const double error = relative_error(multiply(*device, a, b), product(a, b));
  EXPECT_GT(error, 1e-14);
  EXPECT_LT(error, 1e-10);
}

/// Codes of a row with q levels on each side, or of its positive or negative part.
std::vector<double> codes_of(const Matrix<double>& a, std::int64_t row, double levels, int part) {
  double full = 0;
  for (std::int64_t l = 0; l < a.cols(); ++l) full = std::max(full, std::abs(a(row, l)));
  std::vector<double> codes;
  for (std::int64_t l = 0; l < a.cols(); ++l) {
    const double x = a(row, l) / full;
    const double sent = part == 0 ? x : std::max(0.0, part * x);
    codes.push_back(analog::round_half_even(sent * levels));
  }
  return codes;
}

/// Bit for bit what integer sums and one rounding per slot tile give.
void expect_integers(const std::string& preset, std::int64_t slots, bool intensities,
                     bool weight_codes) {
  SCOPED_TRACE(preset);
  Overrides o = perfect(preset);
  o = with(o, {{"dac.bits_a", "6"}, {"adc.bits", "8"}, {"adc.kappa", "3"}});
  if (weight_codes) o.emplace_back("dac.bits_b", "5");
  const auto device = open_device(preset, o);
  const auto a = normal_matrix<double>(kShape.m, kShape.k, 3);
  auto b = normal_matrix<double>(kShape.k, kShape.n, 4);
  // Meshes hold any number; integers keep their sums exact.
  if (!weight_codes) {
    for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] = std::round(4 * b.data()[i]);
  }
  const Matrix<double> c = multiply(*device, a, b);

  double largest = 0;
  const OperandMoments moments = measure_operand(std::as_const(b).view());
  for (std::int64_t i = 0; i < b.size(); ++i) largest = std::max(largest, std::abs(b.data()[i]));
  const double levels_b = 15;  // 2^4 - 1
  const double unit_b = weight_codes ? largest / levels_b : 1;
  const double levels_a = intensities ? 63 : 31;
  const double full_scale = 3 * std::sqrt(moments.mean_square) *
                            std::sqrt(static_cast<double>(slots) / 10);  // adc.papr = 10
  const analog::Adc adc(8, analog::AdcStyle::sign_magnitude, full_scale);
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    double full = 0;
    for (std::int64_t l = 0; l < a.cols(); ++l) full = std::max(full, std::abs(a(i, l)));
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      double steps = 0;
      for (const int part : intensities ? std::vector<int>{1, -1} : std::vector<int>{0}) {
        const std::vector<double> q = codes_of(a, i, levels_a, part);
        for (std::int64_t top = 0; top < a.cols(); top += slots) {
          double sum = 0;
          for (std::int64_t l = top; l < std::min(a.cols(), top + slots); ++l) {
            const double w =
                weight_codes ? analog::round_half_even(b(l, j) / largest * levels_b) : b(l, j);
            sum += q[static_cast<std::size_t>(l)] * w;
          }
          const double step = adc.convert(sum * (1 / levels_a * unit_b * (1 / adc.lsb())));
          steps += part == -1 ? -step : step;
        }
      }
      wrong += c(i, j) == steps * adc.lsb() * full ? 0 : 1;
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Tiled, WithConvertersIsAnIntegerMachine) {
  expect_integers("mzi-mesh-12", 12, false, false);
  expect_integers("wdm-mrr-12", 12, true, true);
  expect_integers("albireo-moderate", 27, true, true);
  expect_integers("lightening-transformer-8b", 12, false, true);
}

TEST(Tiled, NonNegativeRowsNeedOnePass) {
  auto a = normal_matrix<float>(20, 24, 5);
  const auto b = normal_matrix<float>(24, 12, 6);
  for (std::int64_t i = 0; i < 15; ++i) {
    for (std::int64_t l = 0; l < 24; ++l) a(i, l) = std::abs(a(i, l));
  }
  const auto device = open_device("wdm-mrr-12", {{"array.cores", "2"}});
  Execution execution;
  multiply(*device, a, b, {}, 0, &execution);
  ASSERT_TRUE(execution.statistics.a.signed_rows_frac.has_value());
  EXPECT_EQ(*execution.statistics.a.signed_rows_frac, 0.25);
  // Five rows twice: 25 x 12 x 2 readouts.
  double readouts = 0;
  for (const ActivityRow& row : execution.activity.rows()) {
    const Price& price = device->prices().prices[row.action];
    if (price.component == "adc") readouts += row.count;
  }
  EXPECT_EQ(readouts, 25 * 12 * 2);
  // With an offset there is one pass for all.
  const auto shifted =
      open_device("wdm-mrr-12", {{"array.cores", "2"}, {"inputs.signed", "offset"}});
  multiply(*shifted, a, b, {}, 0, &execution);
  EXPECT_NEAR(execution.activity.device_time_s, 20 / 5e9, 1e-18);
}

TEST(Tiled, WhatDoesNotFitIsLoadedInEveryExecute) {
  const auto a = normal_matrix<float>(8, 24, 7);
  const auto b = normal_matrix<float>(24, 24, 8);
  for (const char* cores : {"4", "3"}) {
    const bool fits = std::string(cores) == "4";
    const auto device = open_device("mzi-mesh-12", {{"array.cores", cores}});
    const auto plan = device->plan({8, 24, 24}, b.view(), OperandMode::stationary, PlanOptions{});
    EXPECT_EQ(plan->resident(), fits);
    EXPECT_EQ(plan->setup().rows().empty(), !fits);
    Matrix<float> c(8, 24);
    const Execution first = plan->execute(a.view(), c.view());
    // Four tiles on four meshes: one round of 8 vectors; on three: two rounds with a load each.
    const double expected = fits ? 8 / 5e9 : 2 * (8 / 5e9 + 2e-6);
    EXPECT_NEAR(first.activity.device_time_s, expected, 1e-15);
    double loaded = 0;
    for (const ActivityRow& row : first.activity.rows()) {
      if (device->prices().prices[row.action].category == Category::programming) {
        loaded += row.count;
      }
    }
    EXPECT_EQ(loaded, fits ? 0 : 4 * 132);  // converters of four meshes
    // The same counts as the estimate.
    const Activity estimate =
        device->estimate({8, 24, 24}, OperandMode::stationary, first.statistics);
    EXPECT_DOUBLE_EQ(estimate.device_time_s, first.activity.device_time_s);
    ASSERT_EQ(estimate.rows().size(), first.activity.rows().size());
    for (std::size_t i = 0; i < estimate.rows().size(); ++i) {
      EXPECT_EQ(estimate.rows()[i].count, first.activity.rows()[i].count);
    }
  }
}

TEST(Tiled, PlansShareTheCores) {
  const auto b = normal_matrix<float>(12, 12, 9);
  const auto device = open_device("mzi-mesh-12", {{"array.cores", "2"}});
  const GemmShape shape{4, 12, 12};
  auto first = device->plan(shape, b.view(), OperandMode::stationary, PlanOptions{1});
  auto second = device->plan(shape, b.view(), OperandMode::stationary, PlanOptions{2});
  auto third = device->plan(shape, b.view(), OperandMode::stationary, PlanOptions{3});
  EXPECT_TRUE(first->resident());
  EXPECT_TRUE(second->resident());
  EXPECT_FALSE(third->resident());
  first.reset();
  auto fourth = device->plan(shape, b.view(), OperandMode::stationary, PlanOptions{4});
  EXPECT_TRUE(fourth->resident());
}

TEST(Tiled, UpdateChangesWeightsAndPaysForTheLoad) {
  const auto a = normal_matrix<double>(6, 12, 10);
  const auto b = normal_matrix<double>(12, 12, 11);
  const auto delta = normal_matrix<double>(12, 12, 12);
  const auto device = open_device("mzi-mesh-12", perfect("mzi-mesh-12"));
  const auto plan = device->plan({6, 12, 12}, b.view(), OperandMode::stationary, PlanOptions{});
  const Activity cost = plan->update(delta.view());
  EXPECT_NEAR(cost.device_time_s, 2e-6, 1e-18);
  Matrix<double> sum(12, 12);
  for (std::int64_t i = 0; i < sum.size(); ++i) sum.data()[i] = b.data()[i] + delta.data()[i];
  Matrix<double> c(6, 12);
  plan->execute(a.view(), c.view());
  EXPECT_LT(relative_error(c, product(a, sum)), 1e-14);
}

TEST(Tiled, SaturationIsALint) {
  const auto a = normal_matrix<float>(64, 48, 13);
  const auto b = normal_matrix<float>(48, 24, 14);
  for (const std::string& preset : presets()) {
    const auto device = open_device(preset, {{"adc.kappa", "0.5"}});
    Execution execution;
    multiply(*device, a, b, {}, 0, &execution);
    ASSERT_FALSE(execution.lints.empty()) << preset;
    EXPECT_EQ(execution.lints[0].rfind("saturated: ", 0), 0U) << execution.lints[0];
  }
  const auto fixed =
      open_device("wdm-mrr-12", {{"norm", "fixed_scale"}, {"norm.full_scale_a", "1"}});
  Execution execution;
  multiply(*fixed, a, b, {}, 0, &execution);
  ASSERT_FALSE(execution.lints.empty());
  EXPECT_NE(execution.lints.back().find("norm.full_scale_a = 1"), std::string::npos);
}

std::string refusal(const std::string& preset, const Overrides& overrides) {
  try {
    open_device(preset, overrides);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::usage);
    return e.what();
  }
  return "accepted";
}

TEST(Tiled, RefusesWhatPhysicsDoesNotAllow) {
  struct Case {
    const char* preset;
    const char* key;
    const char* value;
    const char* range;
  };
  const std::vector<Case> cases = {
      {"mzi-mesh-12", "eta", "1.1", "0.001 .. 1"},
      {"mzi-mesh-12", "loss.mzi_dB", "-0.1", "0 .. 20 dB"},
      {"mzi-mesh-12", "wpe", "0", "1e-06 .. 1"},
      {"mzi-mesh-12", "phase.bits", "17", "0 .. 16 bit"},
      {"mzi-mesh-12", "array.modes", "1", "2 .. 512"},
      {"mzi-mesh-12", "split", "1", "0.001 .. 0.999"},
      {"wdm-mrr-12", "array.wavelengths", "0", "1 .. 1024"},
      {"wdm-mrr-12", "static.ring_W", "-1", "0 .. 1000 W"},
      {"wdm-mrr-12", "inputs.signed", "native", "one of two_pass, offset"},
      {"lightening-transformer-4b", "error.gain", "0.6", "0 .. 0.5"}};
  for (const Case& c : cases) {
    const std::string text = refusal(c.preset, {{c.key, c.value}});
    EXPECT_NE(text.find(c.key), std::string::npos) << text;
    EXPECT_NE(text.find(c.range), std::string::npos) << text;
  }
}

TEST(Tiled, RefusesContradictionsByName) {
  EXPECT_NE(refusal("wdm-mrr-12", {{"ring.fwhm_GHz", "200"}}).find("ring.spacing_GHz"),
            std::string::npos);
  EXPECT_NE(refusal("wdm-mrr-12", {{"ring.fwhm_GHz", "0"}}).find("drift.ring_GHz_per_rt_s"),
            std::string::npos);
  EXPECT_NE(refusal("albireo-moderate", {{"laser.endpoint_W", "0"}}).find("laser.endpoint_W"),
            std::string::npos);
  EXPECT_NE(refusal("mzi-mesh-12", {{"norm", "fixed_scale"}}).find("norm.full_scale_a"),
            std::string::npos);
  EXPECT_NE(refusal("mzi-mesh-12", {{"adc.bits", "0"}}).find("adc.energy_law"), std::string::npos);
  EXPECT_NE(refusal("mzi-mesh-64", {{"loss.mzi_dB", "20"}, {"array.modes", "512"}}).find("loss."),
            std::string::npos);
  EXPECT_NE(
      refusal("lightening-transformer-8b", {{"energy.lowest", "B3"}, {"energy.highest", "B1"}})
          .find("energy.lowest"),
      std::string::npos);
}

TEST(Tiled, KeysOfOtherArchitecturesAreRefusedByName) {
  for (const std::string& preset : presets()) {
    const std::string text = refusal(preset, {});
    EXPECT_EQ(text, "accepted") << preset;
    try {
      spec_of(preset, {{"n_mac", "10"}});
      ADD_FAILURE() << preset;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("'n_mac' is a parameter of architecture = homodyne"),
                std::string::npos)
          << e.what();
    }
  }
}

}  // namespace
}  // namespace jb::photonic_test
