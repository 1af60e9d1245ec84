// Means of operand statistics over products: counts that are linear in them come to what all the
// products came to.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "backends/core/product_statistics.h"
#include "backends/core/random.h"
#include "harness/operand_record.h"

namespace jb {
namespace {

// Sums of some dozen doubles and their mean: a rounding each.
constexpr double kRounding = 64 * 1.2e-16;

/// Products with operands of their own; B the same in all when `one_b`.
std::vector<OperandStatistics> products(int count, bool one_b) {
  const RandomStream stream(1, 0, tag_of("statistics"), 0);
  std::uint64_t call = 0;
  const auto uniform = [&] {
    return 0.05 + std::fabs(static_cast<double>(stream.normal(0, 0, call++)));
  };
  const auto moments = [&] {
    const double peak = 1 + uniform();
    const double mean = peak * std::min(0.9, 0.3 * uniform());
    return OperandMoments{mean * mean * 1.5, mean, peak, 0.9};
  };
  const OperandMoments b = moments();
  std::vector<OperandStatistics> all;
  for (int i = 0; i < count; ++i) all.push_back({moments(), one_b ? b : moments()});
  return all;
}

/// Counts of the machines: light by peaks, currents by a figure of A times the level of B.
double light(const OperandStatistics& s) { return 0.3 * s.b.papr() + 0.7 * s.a.papr(); }
double current(const OperandStatistics& s) {
  const double level = s.pairs ? s.pairs->square_of_peak / s.a.square_of_peak() : s.b.abs_of_peak();
  return (0.01 + level) * s.a.square_of_peak();
}
double pulses(const OperandStatistics& s) {
  const double level = s.pairs ? s.pairs->abs_of_peak / s.a.abs_of_peak() : s.b.abs_of_peak();
  return (0.01 + level) * s.a.abs_of_peak();
}

TEST(ProductStatistics, LinearCountsOfTheMeanAreMeansOfTheCounts) {
  for (const bool one_b : {true, false}) {
    const auto all = products(40, one_b);
    StatisticsMean whole;
    StatisticsMean first;
    StatisticsMean second;
    double lights = 0;
    double currents = 0;
    double pulse_times = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      whole.add(all[i]);
      (i < 13 ? first : second).add(all[i]);
      lights += light(all[i]) / 40;
      currents += current(all[i]) / 40;
      pulse_times += pulses(all[i]) / 40;
    }
    first.add(second);
    for (const OperandStatistics& mean : {whole.mean(), first.mean()}) {
      EXPECT_NEAR(light(mean), lights, kRounding * lights);
      EXPECT_NEAR(current(mean), currents, kRounding * currents);
      EXPECT_NEAR(pulses(mean), pulse_times, kRounding * pulse_times);
      EXPECT_EQ(mean.pairs.has_value(), !one_b);
      // What moments of all elements together would say is another thing.
      OperandMoments plain = mean.a;
      plain.ratios.reset();
      EXPECT_GT(std::fabs(plain.papr() / mean.a.papr() - 1), 0.05);
    }
  }
}

TEST(ProductStatistics, OfOneProductAreItsOwn) {
  const OperandStatistics one = products(1, true).front();
  StatisticsMean mean;
  for (int i = 0; i < 7; ++i) mean.add(one);
  EXPECT_TRUE(mean.mean().a == one.a);
  EXPECT_TRUE(mean.mean().b == one.b);
  EXPECT_FALSE(mean.mean().pairs.has_value());
  EXPECT_EQ(mean.products(), 7);
}

TEST(ProductStatistics, RecordsHoldThemToTheLastDigit) {
  ProductLog log;
  const auto all = products(9, false);
  for (std::size_t i = 0; i < all.size(); ++i) {
    log.add(1 + static_cast<std::uint32_t>(i % 2), i % 3 == 2 ? 1 : 0,
            {static_cast<std::int64_t>(4 + i % 2), 5, 6}, all[i], i == 0 ? 0.25 : 0);
  }
  const NetworkStatistics statistics(log, {"fc1", "fc2"});
  results::Record record;
  record.point = {{"op", "network"}};
  record.statistics = harness::statistics_json(statistics);
  const std::string text = record.statistics.dump();
  record.statistics = Json::parse(text);
  const harness::GivenStatistics given = harness::statistics_of(record);
  ASSERT_TRUE(given.network.has_value());
  ASSERT_EQ(given.network->entries().size(), statistics.entries().size());
  for (std::size_t i = 0; i < statistics.entries().size(); ++i) {
    const LayerStatistics& a = statistics.entries()[i];
    const LayerStatistics& b = given.network->entries()[i];
    EXPECT_EQ(a.layer, b.layer);
    EXPECT_EQ(a.part, b.part);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_EQ(a.products, b.products);
    EXPECT_TRUE(a.mean.a == b.mean.a) << text;
    EXPECT_TRUE(a.mean.b == b.mean.b);
    EXPECT_EQ(a.mean.pairs.has_value(), b.mean.pairs.has_value());
    EXPECT_EQ(a.events, b.events);
  }
}

TEST(ProductStatistics, AreFoundByLayerFamilyAndRows) {
  ProductLog log;
  const auto all = products(4, true);
  log.add(1, 0, {64, 5, 6}, all[0]);
  log.add(1, 0, {16, 5, 6}, all[1]);
  log.add(1, 1, {64, 5, 6}, all[2]);
  log.add(2, 0, {64, 5, 6}, all[3]);
  const NetworkStatistics statistics(log, {"a", "b"});
  EXPECT_TRUE(statistics.find("a", 0, {16, 5, 6})->mean.a == all[1].a);
  EXPECT_TRUE(statistics.find("a", 1, {64, 5, 6})->mean.a == all[2].a);
  EXPECT_TRUE(statistics.find("b", 0, {32, 5, 6})->mean.a == all[3].a) << "other rows";
  EXPECT_EQ(statistics.find("c", 0, {64, 5, 6}), nullptr);
  EXPECT_EQ(statistics.find("b", 0, {64, 5, 7}), nullptr);
  // Layers as one: means over all products of a shape, whatever their layer.
  const NetworkStatistics merged = statistics.merged();
  EXPECT_EQ(merged.entries().size(), 2U);
  const LayerStatistics* const found = merged.find("c", 0, {64, 5, 6});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->products, 3);
  const double mean = (all[0].a.papr() + all[2].a.papr() + all[3].a.papr()) / 3;
  EXPECT_NEAR(found->mean.a.papr(), mean, kRounding * mean);
}

}  // namespace
}  // namespace jb
