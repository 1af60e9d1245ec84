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
  target.least = 0.9;
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
  target.least = 0.9;
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
  target.least = 0.99;
  KnobSearch search(network_point(), target);
  EXPECT_EQ(drive(search, "n_mac", [](double) { return 0.98; }).size(), 1U);
  EXPECT_FALSE(search.met());
  EXPECT_NE(search.summary().find("no n_mac reaches"), std::string::npos);
}

TEST(KnobSearch, AnEasyTargetTakesTheLowEnd) {
  SearchTarget target;
  target.least = 0.2;
  target.low = 0.5;
  target.high = 50;
  KnobSearch search(network_point(), target);
  EXPECT_EQ(drive(search, "n_mac", [](double) { return 0.9; }), (std::vector<double>{50, 0.5}));
  EXPECT_EQ(search.to_json()["value"], "0.5");
}

TEST(KnobSearch, RefusesWhatCannotBeSearched) {
  SearchTarget target;
  target.least = 0.9;
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

}  // namespace
}  // namespace jb::harness
