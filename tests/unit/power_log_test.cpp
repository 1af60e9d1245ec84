// The external power log: joules by the trapezoid rule, and what is refused.

#include "harness/meter/power_log.h"

#include <gtest/gtest.h>

#include "backends/core/error.h"
#include "tests/support/temp_folder.h"

namespace jb::harness::meter {
namespace {

PowerLog log_of(const std::string& text, const PowerLogOptions& options = {}) {
  return power_log_from(text, "log.csv", options);
}

std::string refusal(const std::string& text, const PowerLogOptions& options = {}) {
  try {
    log_of(text, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "";
}

// A ramp from 10 W to 50 W in 4 s: the trapezoid rule is exact for power linear between samples.
constexpr const char* kRamp = "time,watts\n0,10\n1,20\n2,30\n3,40\n4,50\n";

TEST(PowerLog, IntegratesByTheTrapezoidRule) {
  const PowerLog log = log_of(kRamp);
  EXPECT_DOUBLE_EQ(log.energy_J(), 120);         // (10 + 50) / 2 x 4
  EXPECT_DOUBLE_EQ(log.energy_J(1, 3), 60);      // (20 + 40) / 2 x 2
  EXPECT_DOUBLE_EQ(log.energy_J(0.5, 1.5), 20);  // the mean of 15 and 25 W for 1 s
  EXPECT_DOUBLE_EQ(log.energy_J(2.25, 2.25), 0);
  EXPECT_DOUBLE_EQ(log.mean_power_W(), 30);
  EXPECT_DOUBLE_EQ(log.interval_s(), 1);
  EXPECT_TRUE(log.notes().empty());
}

TEST(PowerLog, PartsAddUpToTheWhole) {
  const PowerLog log = log_of("0,3\n0.7,11\n1.1,2\n2,8\n");
  EXPECT_NEAR(log.energy_J(0, 0.9) + log.energy_J(0.9, 2), log.energy_J(), 1e-14 * 20);
}

TEST(PowerLog, ReadsHeadingsUnitsSeparatorsAndComments) {
  EXPECT_DOUBLE_EQ(log_of("# a wattmeter\n\n0;100;x\n2;100;y\n").energy_J(), 200);
  EXPECT_DOUBLE_EQ(log_of("time_ms,power_mW\n0,5000\n2000,5000\n").energy_J(), 10);
  EXPECT_DOUBLE_EQ(log_of("0\t1\r\n1\t1\r\n").energy_J(), 1);
}

TEST(PowerLog, ReadsTimesOfIso8601) {
  const PowerLog log = log_of(
      "timestamp,watts\n2025-11-25T14:40:00Z,10\n2025-11-25T15:40:01.5+01:00,10\n"
      "2025-11-25 09:10:03.25-05:30,10\n");
  EXPECT_DOUBLE_EQ(log.begin_s(), 1764081600);  // date -u -d 2025-11-25T14:40:00Z +%s
  EXPECT_DOUBLE_EQ(log.end_s() - log.begin_s(), 3.25);
}

TEST(PowerLog, RefusesGaps) {
  const std::string gap = "0,10\n1,10\n2,10\n3,10\n10,10\n11,10\n";
  const std::string text = refusal(gap);
  EXPECT_NE(text.find("a gap of 7 s after sample 4"), std::string::npos) << text;
  EXPECT_EQ(refusal("0,10\n1,10\n2,10\n5,10\n6,10\n"), "");  // 3 s is three times the median
  EXPECT_NE(refusal("0,10\n1,10\n2,10\n5,10\n", {2.5, false, false}).find("2.5 s are allowed"),
            std::string::npos);
  PowerLogOptions bridge;
  bridge.bridge = true;
  const PowerLog log = log_of(gap, bridge);
  EXPECT_DOUBLE_EQ(log.energy_J(), 110);
  ASSERT_EQ(log.notes().size(), 1U);
  EXPECT_NE(log.notes()[0].find("1 gap of 7 s in all bridged"), std::string::npos)
      << log.notes()[0];
}

TEST(PowerLog, RefusesTimeRunningBackwardsOrStandingStill) {
  const std::string back = "0,10\n1,10\n2,10\n1.5,90\n3,10\n";
  EXPECT_NE(refusal(back).find("runs backwards by 0.5 s at sample 4"), std::string::npos)
      << refusal(back);
  EXPECT_NE(refusal("0,10\n1,10\n1,20\n2,10\n").find("stands still"), std::string::npos);
  PowerLogOptions bridge;
  bridge.bridge = true;
  const PowerLog log = log_of(back, bridge);
  EXPECT_DOUBLE_EQ(log.energy_J(), 30);
  ASSERT_EQ(log.notes().size(), 1U);
  EXPECT_NE(log.notes()[0].find("1 of 5 samples dropped"), std::string::npos) << log.notes()[0];
}

TEST(PowerLog, RefusesWhatIsNoLog) {
  EXPECT_NE(refusal("").find("at least two"), std::string::npos);
  EXPECT_NE(refusal("0,10\n").find("1 sample; a power log needs at least two"), std::string::npos);
  EXPECT_NE(refusal("0,10\n1 10\n").find("line 2: '1 10' is not time,watts"), std::string::npos);
  EXPECT_NE(refusal("0,10\n1,ten\n").find("line 2: 'ten' is no power"), std::string::npos);
  EXPECT_NE(refusal("0,10\n1,nan\n").find("is no power"), std::string::npos);
  EXPECT_NE(refusal("0,10\n1,-3\n").find("a power of -3 W is not possible"), std::string::npos);
  EXPECT_NE(refusal("0,10\n1,1e12\n").find("not possible"), std::string::npos);
  EXPECT_NE(refusal("0,10\nlater,10\n").find("'later' is no time"), std::string::npos);
  EXPECT_NE(refusal("2025-11-25T14:40:00,10\n").find("is no time"), std::string::npos);  // no zone
  EXPECT_NE(refusal("2025-02-30T14:40:00Z,10\n").find("is no time"), std::string::npos);
  EXPECT_NE(refusal("volts,amperes\n0,1\n").find("'volts' and 'amperes' are not known"),
            std::string::npos);
}

TEST(PowerLog, RefusesTimeThatItDoesNotCover) {
  const PowerLog log = log_of(kRamp);
  EXPECT_THROW((void)log.energy_J(-1, 2), Error);
  EXPECT_THROW((void)log.energy_J(1, 4.5), Error);
  EXPECT_THROW((void)log.energy_J(3, 2), Error);
}

TEST(PowerLog, AGrowingLogMayEndInHalfALine) {
  PowerLogOptions growing;
  growing.growing = true;
  EXPECT_DOUBLE_EQ(log_of("0,10\n1,10\n2,1", growing).energy_J(), 10);
  EXPECT_DOUBLE_EQ(log_of("0,10\n1,10\n2,1").end_s(), 2);
}

TEST(PowerLog, ReadsFiles) {
  const test::TempFolder folder;
  EXPECT_DOUBLE_EQ(read_power_log(folder.write("log.csv", kRamp)).energy_J(), 120);
  EXPECT_THROW(read_power_log(folder.path() / "none.csv"), Error);
  EXPECT_THROW(read_power_log(folder.path()), Error);
}

}  // namespace
}  // namespace jb::harness::meter
