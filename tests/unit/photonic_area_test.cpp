// Area of photonic machines: closed forms, published totals, and what each component adds.

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>

#include "backends/core/error.h"
#include "tests/support/photonic_bench.h"

namespace jb::photonic_test {
namespace {

// Sums of products of doubles: a few roundings.
constexpr double kRounding = 1e-12;

double area_mm2(const std::string& preset, const Overrides& overrides = {}) {
  return 1e6 * open_device(preset, overrides)->area_m2();
}

/// A component's area in mm2, as the device file has it.
double part_mm2(const std::string& preset, const std::string& part) {
  return 1e6 * spec_of(preset).number("area." + part + "_m2");
}

/// What twice the area of one component adds, in units of that component.
double count_of(const std::string& preset, const std::string& part) {
  const double one_m2 = spec_of(preset).number("area." + part + "_m2");
  const Overrides doubled = {{"area." + part + "_m2", fmt::format("{:.17g}", 2 * one_m2)}};
  return (open_device(preset, doubled)->area_m2() - open_device(preset)->area_m2()) / one_m2;
}

void expect_counts(const std::string& preset,
                   const std::vector<std::pair<std::string, double>>& counts) {
  double total = 0;
  for (const auto& [part, count] : counts) {
    // A difference of totals: the parts are down to 1e-7 of them, with a few roundings of 1e-16.
    EXPECT_NEAR(count_of(preset, part), count, 1e-7 * count) << preset << " " << part;
    total += count * part_mm2(preset, part);
  }
  EXPECT_NEAR(area_mm2(preset), total, kRounding * total) << preset;
}

TEST(PhotonicArea, OfAHomodyneArray) {
  // 64 + 64 lanes that meet at 64 x 64 detectors, each with its own converter.
  expect_counts("photonic-2025", {{"modulator", 128},
                                  {"dac", 128},
                                  {"detector", 4096},
                                  {"coupler", 4096},
                                  {"amplifier", 4096},
                                  {"adc", 4096}});
}

TEST(PhotonicArea, OfAMesh) {
  // Two meshes of n (n - 1) / 2 interferometers and n attenuators; these need no converter.
  for (const double n : {12.0, 64.0}) {
    expect_counts(fmt::format("mzi-mesh-{}", n), {{"modulator", n},
                                                  {"dac", n + n * (n - 1)},
                                                  {"mzi", n * (n - 1) + n},
                                                  {"detector", n},
                                                  {"coupler", n},
                                                  {"amplifier", n},
                                                  {"adc", n},
                                                  {"laser", 1}});
  }
}

TEST(PhotonicArea, OfARingBank) {
  // A ring per input and per weight, which are the modulators.
  expect_counts("wdm-mrr-12", {{"ring", 12 + 144},
                               {"dac", 12 + 144},
                               {"detector", 12},
                               {"amplifier", 12},
                               {"adc", 12},
                               {"laser", 1},
                               {"distribution", 1}});
}

TEST(PhotonicArea, OfACoherentCrossbar) {
  for (const char* preset : {"lightening-transformer-4b", "lightening-transformer-8b"}) {
    expect_counts(preset, {{"modulator", 2 * 144},
                           {"dac", 2 * 144},
                           {"ring", 2 * 2 * 144},
                           {"detector", 144},
                           {"coupler", 144},
                           {"amplifier", 144},
                           {"adc", 144},
                           {"laser", 1},
                           {"distribution", 1}});
  }
}

TEST(PhotonicArea, OfLighteningTransformersHardwareModel) {
  // cal_core_area of photonic_crossbar.py in um2, by hand for 12 x 12 x 12: crossings, ADCs, DACs,
  // laser, modulators, routers, Y-branches; it leaves out the 144 amplifiers of 50 um2.
  const double um2 = 144 * 147.05 * 66.8 + 144 * 2850 + 288 * 11000 + 400 * 300 + 288 * 260 * 20 +
                     576 * 4.8 * 4.8 + 283.14 + 144 * 50;
  // The crossing's area is given to 0.01 um2 in 9743 um2.
  EXPECT_NEAR(area_mm2("lightening-transformer-8b"), 1e-6 * um2, 1e-6 * 1e-6 * um2);
}

TEST(PhotonicArea, OfAlbireoAsPublished) {
  // 124.6 mm2 in Fig. 9 of K. Shiflett et al., ISCA 2021, of which the cache has 0.2 %. Its shares
  // are whole percents where they matter: 72 % may be off by 0.5 % of the total.
  constexpr double kPublished = 124.6;
  for (const char* preset : {"albireo-conservative", "albireo-moderate", "albireo-aggressive"}) {
    EXPECT_NEAR(area_mm2(preset), (1 - 0.002) * kPublished, 0.006 * kPublished) << preset;
    // 306 modulators and converters, 2430 rings, 45 readouts are counted there.
    EXPECT_NEAR(count_of(preset, "modulator"), 306, 1e-6);
    EXPECT_NEAR(count_of(preset, "dac"), 306, 1e-3);
    EXPECT_NEAR(count_of(preset, "ring"), 2430, 1e-3);
    EXPECT_NEAR(count_of(preset, "adc"), 45, 1e-3);
  }
}

TEST(PhotonicArea, GrowsWithCoresAndArray) {
  for (const char* preset : {"mzi-mesh-12", "wdm-mrr-12", "lightening-transformer-8b"}) {
    const double one = area_mm2(preset);
    EXPECT_NEAR(area_mm2(preset, {{"array.cores", "3"}}), 3 * one, kRounding * one) << preset;
  }
  // Twice the samples: 64 more lanes, 64 x 64 more detectors.
  const double lane = part_mm2("photonic-2025", "modulator") + part_mm2("photonic-2025", "dac");
  const double base = area_mm2("photonic-2025");
  EXPECT_NEAR(area_mm2("photonic-2025", {{"array.samples", "128"}}), 2 * base - 64 * lane,
              kRounding * base);
}

TEST(PhotonicArea, IsNotKnownWithoutDataOrSize) {
  for (const char* preset : {"ideal", "hamerly2019-sql", "hamerly2019-nearterm"}) {
    EXPECT_EQ(area_mm2(preset), 0) << preset;
  }
  EXPECT_EQ(area_mm2("ideal", {{"area.adc_m2", "1e-9"}}), 0) << "no number of lanes";
}

TEST(PhotonicArea, IsNotNegative) {
  for (const char* preset :
       {"photonic-2025", "mzi-mesh-12", "wdm-mrr-12", "lightening-transformer-8b"}) {
    for (const char* key : {"area.dac_m2", "area.detector_m2", "area.laser_m2"}) {
      try {
        open_device(preset, {{key, "-1e-12"}});
        ADD_FAILURE() << preset << " took a negative " << key;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::usage);
        EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace jb::photonic_test
