// The bisection behind --target-accuracy, on records made up here.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/knob_search.h"

namespace jb::harness {
namespace {

PointSpec network_point() {
  PointSpec point;
  point.op = Op::network;
  point.backend = "photonic";
  point.device = "hamerly2019-sql";
  point.network = "mlp-784-100-10";
  point.dataset = "synthetic-digits";
  return point;
}

double knob_of(const PointSpec& point, const std::string& knob) {
  double value = 0;
  EXPECT_TRUE(parse_number(point.set.at(knob), value));
  return value;
}

/// Answers a search with accuracy(knob) until it ends; returns what was probed.
template <class F>
std::vector<double> drive(KnobSearch& search, const std::string& knob, F&& accuracy) {
  std::vector<double> probes;
  while (const auto point = search.next()) {
    const double value = knob_of(*point, knob);
    probes.push_back(value);
    results::Record record;
    record.record_id = "0123456789abcdef";
    record.point = {{"set", {{knob, point->set.at(knob)}}}};
    record.quantities["accuracy_top1_frac"].value = accuracy(value);
    search.take(record);
    if (probes.size() > 100) break;
  }
  return probes;
}

TEST(KnobSearch, FindsTheLeastSettingThatReachesTheTarget) {
  SearchTarget target;
  target.limit = 0.9;
  KnobSearch search(network_point(), target);
  const std::vector<double> probes =
      drive(search, "n_mac", [](double n) { return n >= 6.9 ? 0.95 : 0.5; });
  ASSERT_TRUE(search.met());
  double found = 0;
  ASSERT_TRUE(parse_number(search.to_json()["value"].get<std::string>(), found));
  EXPECT_GE(found, 6.9);
  EXPECT_LE(found, 6.9 * KnobSearch::kWidth);
  // Eight decades to a factor of 1.02: log2(8 ln 10 / ln 1.02) = 9.9 halvings after both ends.
  EXPECT_LE(probes.size(), 12U);
  EXPECT_NE(search.summary().find("n_mac = "), std::string::npos);
}

TEST(KnobSearch, WholeNumbersEndAtNeighbours) {
  PointSpec point = network_point();
  point.device = "photonic-2025";
  SearchTarget target;
  target.limit = 0.9;
  target.knob = "adc.bits";
  target.low = 2;
  target.high = 16;
  KnobSearch search(point, target);
  drive(search, "adc.bits", [](double bits) { return bits >= 5 ? 0.97 : 0.4; });
  ASSERT_TRUE(search.met());
  EXPECT_EQ(search.to_json()["value"], "5");
}

TEST(KnobSearch, SaysWhenTheTargetIsOutOfReach) {
  SearchTarget target;
  target.limit = 0.99;
  KnobSearch search(network_point(), target);
  // Down from the top by decades, until less light gives less.
  EXPECT_EQ(drive(search, "n_mac", [](double n) { return n > 2e3 ? 0.98 : 0.97; }).back(), 1e3);
  EXPECT_FALSE(search.met());
  EXPECT_NE(search.summary().find("no n_mac reaches"), std::string::npos);
}

TEST(KnobSearch, ComesDownFromSettingsThatClip) {
  SearchTarget target;
  target.limit = 0.9;
  KnobSearch search(network_point(), target);
  drive(search, "n_mac", [](double n) { return n > 3e5 ? 0.1 : 1 - 5 / n; });
  ASSERT_TRUE(search.met());
  const double found = std::stod(search.to_json()["value"].get<std::string>());
  EXPECT_GE(found, 50);
  EXPECT_LT(found, 60);
}

TEST(KnobSearch, AnEasyTargetTakesTheLowEnd) {
  SearchTarget target;
  target.limit = 0.2;
  target.low = 0.5;
  target.high = 50;
  KnobSearch search(network_point(), target);
  EXPECT_EQ(drive(search, "n_mac", [](double) { return 0.9; }), (std::vector<double>{50, 0.5}));
  EXPECT_EQ(search.to_json()["value"], "0.5");
}

TEST(KnobSearch, RefusesWhatCannotBeSearched) {
  SearchTarget target;
  target.limit = 0.9;
  target.knob = "n_mca";
  EXPECT_THROW(KnobSearch(network_point(), target), Error);
  target.knob = "n_mac";
  target.low = 5;
  target.high = 1;
  EXPECT_THROW(KnobSearch(network_point(), target), Error);
  target.low = target.high = 0;
  PointSpec set = network_point();
  set.set["n_mac"] = "3";
  EXPECT_THROW(KnobSearch(set, target), Error);
  PointSpec product = network_point();
  product.op = Op::gemm;
  EXPECT_THROW(KnobSearch(product, target), Error);
}

// A product on a machine, and a record of it with energy and set-up.
PointSpec product_point(const std::string& backend) {
  PointSpec point;
  point.backend = backend;
  point.gemm = {64, 100, 784};
  return point;
}

results::Record product_record(double error, double energy, double setup_J) {
  results::Record record;
  record.record_id = "0123456789abcdef";
  record.point = {{"op", "gemm"}, {"m", 64}, {"n", 100}, {"k", 784}};
  record.work.macs = 64.0 * 100 * 784;
  record.quantities["relative_error_frobenius"].value = error;
  record.quantities["energy_B2_J_per_mac"].value = energy;
  record.quantities["setup_energy_J"].value = setup_J;
  return record;
}

TEST(KnobSearch, SetUpIsSpreadOverTheInferences) {
  results::Record record = product_record(0, 1e-12, 7.84e-3);
  record.quantities["calibration_energy_J"].value = 7.84e-3;
  // An inference is a row of A: 78,400 MACs; 15.68 mJ over 10,000 of them are 2e-11 J/MAC.
  EXPECT_NEAR(amortised_J_per_mac(record, 10000).value_or(0), 1e-12 + 2e-11, 1e-24);
  EXPECT_NEAR(amortised_J_per_mac(record, 1).value_or(0), 1e-12 + 2e-7, 1e-18);
  record.quantities.erase("energy_B2_J_per_mac");
  EXPECT_FALSE(amortised_J_per_mac(record, 1).has_value());
}

TEST(KnobSearch, TriesEveryPrecisionAndTakesTheCheapestThatMeetsTheTarget) {
  SearchTarget target;
  target.quantity = "relative_error_frobenius";
  target.at_most = true;
  target.limit = 0.02;
  target.knob = "precision";
  KnobSearch search(product_point("systolic"), target);
  std::size_t probes = 0;
  while (const auto point = search.next()) {
    ++probes;
    ASSERT_TRUE(point->precision.has_value());
    const std::string name(name_of(*point->precision));
    // f32 and s8 meet it; s8 is the cheaper one in spite of its set-up.
    if (name == "f32") {
      search.take(product_record(1e-7, 3e-12, 0));
    } else if (name == "s8") {
      search.take(product_record(0.005, 2e-12, 1e-4));
    } else {
      results::Record record;
      record.status = results::Status::unsupported;
      record.reason = "no kernel";
      search.take(record);
    }
  }
  EXPECT_EQ(probes, find_backend("systolic").info().precisions.size());
  ASSERT_TRUE(search.met());
  const Json found = search.found().extra.at("search");
  EXPECT_EQ(found.at("value"), "s8");
  EXPECT_EQ(found.at("probes").size(), probes);
  EXPECT_EQ(found.at("inferences"), 10000);
  EXPECT_NEAR(search.found().find("amortised_energy_J_per_mac")->value,
              2e-12 + 1e-4 / (10000 * 78400.0), 1e-24);
}

TEST(KnobSearch, CalibrationIntervalsNeedAnAgeAndEndAtIt) {
  SearchTarget target;
  target.quantity = "relative_error_frobenius";
  target.at_most = true;
  target.limit = 0.2;
  target.knob = "calibrate";
  EXPECT_THROW(KnobSearch(product_point("crossbar"), target), Error);
  PointSpec point = product_point("crossbar");
  point.device = "pcm-hermes";
  point.age_s = 86400;
  KnobSearch search(point, target);
  std::string last;
  while (const auto probe = search.next()) {
    last = probe->calibration.value_or("");
    EXPECT_NE(last.find("@every="), std::string::npos) << last;
    search.take(product_record(0.1, 1e-12, 1e-6));
  }
  EXPECT_EQ(last.substr(last.find('=')), "=86400");
}

TEST(KnobSearch, AMissedTargetLeavesTheNearestRecordAsEvidence) {
  SearchTarget target;
  target.quantity = "relative_error_frobenius";
  target.at_most = true;
  target.limit = 1e-9;
  target.knob = "precision";
  KnobSearch search(product_point("systolic"), target);
  double error = 0.5;
  while (search.next()) search.take(product_record(error /= 2, 1e-12, 0));
  EXPECT_FALSE(search.met());
  const results::Record nearest = search.found();
  EXPECT_EQ(nearest.find("relative_error_frobenius")->value, error);
  EXPECT_EQ(nearest.extra.at("search").at("met"), false);
}

}  // namespace
}  // namespace jb::harness
