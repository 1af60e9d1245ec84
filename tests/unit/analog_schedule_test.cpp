// Calibration schedules and the paths that drift takes between calibrations.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "backends/analog/random_walk.h"
#include "backends/analog/schedule.h"
#include "backends/core/error.h"

namespace jb::analog {
namespace {

TEST(AnalogSchedule, ReadsMethodAndTrigger) {
  const Schedule once = schedule_from("gdc");
  EXPECT_EQ(once.method, "gdc");
  EXPECT_FALSE(once.repeats());
  const Schedule every = schedule_from("lock@every=60");
  EXPECT_EQ(every.method, "lock");
  EXPECT_EQ(every.kind, Schedule::Kind::every);
  EXPECT_EQ(every.value, 60);
  EXPECT_EQ(schedule_from("gdc@log=10").kind, Schedule::Kind::logarithmic);
  EXPECT_EQ(schedule_from("column@error=0.01").kind, Schedule::Kind::error);
}

TEST(AnalogSchedule, RefusesWhatMakesNoSense) {
  for (const char* text :
       {"", "@every=1", "gdc@", "gdc@every", "gdc@every=", "gdc@every=0", "gdc@every=-1",
        "gdc@log=1", "gdc@error=0", "gdc@daily=1", "gdc@every=nan", "none@every=1"}) {
    EXPECT_THROW(schedule_from(text), Error) << text;
  }
  EXPECT_THROW(times_until(schedule_from("gdc@every=1e-3"), 3600), Error);
}

TEST(AnalogSchedule, TimesByTheClock) {
  EXPECT_EQ(times_until(schedule_from("gdc@every=10"), 35), (std::vector<double>{10, 20, 30}));
  EXPECT_EQ(times_until(schedule_from("gdc@log=10"), 1000),
            (std::vector<double>{1, 10, 100, 1000}));
  EXPECT_TRUE(times_until(schedule_from("gdc@every=10"), 9).empty());
  EXPECT_TRUE(times_until(schedule_from("gdc"), 1e9).empty());
}

TEST(AnalogSchedule, LooksTwiceAsLongAfterEachLook) {
  EXPECT_EQ(next_look_s(100, 100), 101);
  EXPECT_EQ(next_look_s(100, 101), 102);
  EXPECT_EQ(next_look_s(100, 102), 104);
}

TEST(AnalogRandomWalk, HasTheMomentsOfBrownianMotion) {
  const RandomStream stream(7, 0, tag_of("test.walk"), 0);
  constexpr std::int64_t kPaths = 4000;
  for (const auto& [s, t] : std::vector<std::pair<double, double>>{
           {1e-7, 1e-6}, {0.3, 0.31}, {1, 3}, {5, 1000}, {999, 1000}}) {
    double w2 = 0, step2 = 0, cross = 0;
    for (std::int64_t path = 0; path < kPaths; ++path) {
      const double ws = random_walk(stream, path, 3, s);
      const double wt = random_walk(stream, path, 3, t);
      w2 += wt * wt / t;
      step2 += (wt - ws) * (wt - ws) / (t - s);
      cross += ws * (wt - ws) / std::sqrt(s * (t - s));
    }
    // Variance of a sample variance 2 / N, of a product of two independent normals 1 / N; five
    // standard errors.
    const double tolerance = 5 * std::sqrt(2.0 / kPaths);
    EXPECT_NEAR(w2 / kPaths, 1, tolerance) << t;
    if (t > 2e-6) {
      EXPECT_NEAR(step2 / kPaths, 1, tolerance) << s << " " << t;
    }
    if (t > 2e-6) {
      EXPECT_NEAR(cross / kPaths, 0, tolerance) << s << " " << t;
    }
  }
  EXPECT_EQ(random_walk(stream, 0, 0, 0), 0);
  EXPECT_EQ(random_walk(stream, 1, 2, 77.5), random_walk(stream, 1, 2, 77.5));
  EXPECT_NE(random_walk(stream, 1, 2, 77.5), random_walk(stream, 1, 2, 77.5, 1));
}

}  // namespace
}  // namespace jb::analog
