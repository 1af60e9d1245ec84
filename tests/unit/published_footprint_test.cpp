// Strubell et al. 2019 and Patterson et al. 2021, row by row, from data files and formulas.

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "results/footprint/published.h"

namespace jb::results {
namespace {

TEST(PublishedFootprint, StrubellTable3ToThePrintedDigit) {
  const StrubellTables tables = strubell_tables();
  ASSERT_EQ(tables.rows.size(), 8U);
  for (const StrubellRow& row : tables.rows) {
    const std::string of = row.model + " " + row.hardware;
    // Halves go to even, as 146,848.5 does in the table.
    EXPECT_EQ(std::nearbyint(row.cloud_low), row.cloud_low_printed) << of;
    EXPECT_EQ(std::nearbyint(row.cloud_high), row.cloud_high_printed) << of;
    ASSERT_EQ(row.kWh_pue.has_value(), row.kWh_pue_printed.has_value()) << of;
    if (!row.kWh_pue) continue;
    EXPECT_EQ(std::nearbyint(*row.kWh_pue), *row.kWh_pue_printed) << of;
    EXPECT_EQ(std::nearbyint(*row.co2e_lb), *row.co2e_lb_printed) << of;
  }
}

TEST(PublishedFootprint, StrubellValuesBehindThePrintedDigits) {
  const std::array<std::array<double, 2>, 5> expected = {{{26.84, 25.61},
                                                          {201.13, 191.88},
                                                          {274.82, 262.17},
                                                          {1506.83, 1437.51},
                                                          {656347.28, 626155.31}}};
  std::size_t at = 0;
  const StrubellTables tables = strubell_tables();
  for (const StrubellRow& row : tables.rows) {
    if (!row.kWh_pue) continue;
    EXPECT_NEAR(*row.kWh_pue, expected.at(at)[0], 0.01) << row.model;
    EXPECT_NEAR(*row.co2e_lb, expected.at(at)[1], 0.01) << row.model;
    ++at;
  }
  EXPECT_EQ(at, expected.size());
}

TEST(PublishedFootprint, TheTwoHiddenPrecisionsAreNeeded) {
  int hidden = 0;
  const StrubellTables tables = strubell_tables();
  for (const StrubellRow& row : tables.rows) {
    if (row.hours == row.hours_printed) continue;
    ++hidden;
    // With the printed hours some printed cost comes out wrong.
    const double per_hour = row.cloud_low / row.hours;
    EXPECT_NE(std::nearbyint(per_hour * row.hours_printed), row.cloud_low_printed) << row.model;
    EXPECT_NE(row.note.find("hidden precision"), std::string::npos);
  }
  EXPECT_EQ(hidden, 2);
}

TEST(PublishedFootprint, CarbonFee) {
  const StrubellTables tables = strubell_tables();
  for (const StrubellRow& row : tables.rows) {
    if (row.model != "NAS" || !row.fee_USD) continue;
    EXPECT_NEAR(*row.fee_USD, 4260.29, 0.01);
    EXPECT_NEAR(*row.co2e_t, 284.02, 0.01);
  }
}

TEST(PublishedFootprint, TablesOneAndFour) {
  const StrubellTables tables = strubell_tables();
  ASSERT_EQ(tables.everyday.size(), 4U);
  EXPECT_EQ(tables.everyday.back().co2e_lb, 126000);
  for (const StrubellRow& row : tables.rows) {
    if (row.model != "NAS" || !row.co2e_lb) continue;
    EXPECT_NEAR(*row.co2e_lb / tables.everyday.back().co2e_lb, 4.97, 0.005) << "five cars";
  }
  for (const DevelopmentRow& row : tables.development) {
    const auto printed = [&row](double dollars) {
      return row.unit_dollars * std::nearbyint(dollars / row.unit_dollars);
    };
    EXPECT_EQ(printed(row.cloud_low), row.cloud_low_printed) << row.name;
    EXPECT_EQ(printed(row.cloud_high), row.cloud_high_printed) << row.name;
    // Printed to the dollar below a thousand, to ten above.
    EXPECT_NEAR(row.electricity_USD, row.electricity_printed,
                row.electricity_printed < 1000 ? 0.5 : 5)
        << row.name;
    if (row.co2e_lb_printed) {
      EXPECT_NEAR(row.co2e_lb, *row.co2e_lb_printed, 1) << row.name;
    }
  }
}

TEST(PublishedFootprint, PattersonRows) {
  const std::array<double, 6> golden = {7.5, 85.3, 232.3, 23.9, 178.8, 1289.4};
  const PattersonTable table = patterson_table();
  ASSERT_EQ(table.rows.size(), golden.size());
  for (std::size_t i = 0; i < golden.size(); ++i) {
    const PattersonRow& row = table.rows[i];
    EXPECT_NEAR(row.MWh, golden[i], 0.1) << row.model;
    // Printed chips, days and watts are rounded: within 0.8 % of what is printed, and net carbon to
    // its two digits.
    EXPECT_NEAR(row.MWh, row.MWh_printed, 0.009 * row.MWh_printed) << row.model;
    EXPECT_NEAR(row.t_gross, row.t_gross_printed, 0.015 * row.t_gross_printed) << row.model;
    EXPECT_NEAR(row.t_net, row.t_net_printed, 0.02 * row.t_net_printed) << row.model;
  }
}

TEST(PublishedFootprint, NasIsCorrectedBesideItsRow) {
  const std::string text = published_text("strubell2019", {80, false});
  EXPECT_NE(text.find("NAS corrected: 3.2 t"), std::string::npos) << text;
  EXPECT_NE(text.find("18.7 times"), std::string::npos);
  EXPECT_NE(text.find("B3 x PUE"), std::string::npos);
  const Json json = published_json("strubell2019");
  for (const Json& row : json.at("rows")) {
    EXPECT_EQ(row.contains("corrected"), row.at("model") == "NAS" && !row.at("co2e_t").is_null());
  }
}

}  // namespace
}  // namespace jb::results
