// RAPL by powercap: domains by name, wraps, duplicates, permissions, and a device that goes away.

#include "harness/meter/powercap.h"

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/meter/counter.h"
#include "tests/fakes/fake_powercap.h"
#include "tests/support/quick_bench.h"
#include "tests/support/temp_folder.h"

namespace jb::harness::meter {
namespace {

using test::FakePowercap;
using test::kUsualRange_uJ;

MeterPlaces places_at(const FakePowercap& tree) {
  MeterPlaces places = test::no_places();
  places.powercap = tree.root();
  return places;
}

const Domain& domain(const Meter& meter, const std::string& name) {
  for (const Domain& domain : meter.info().domains) {
    if (domain.name == name) return domain;
  }
  throw std::runtime_error("no domain " + name);
}

TEST(WrappingCounter, GoldenWrap) {
  // rapl_wrap of the reference: e0 = range - 1000, e1 = 500 -> 1500 uJ, exact.
  WrappingCounter counter(kUsualRange_uJ);
  EXPECT_EQ(counter.advance(kUsualRange_uJ - 1000), 0U);
  EXPECT_EQ(counter.advance(500), 1500U);
  EXPECT_TRUE(counter.wrapped());
  EXPECT_EQ(counter.advance(700), 200U);
  EXPECT_FALSE(counter.wrapped());
  EXPECT_EQ(counter.total(), 1700U);
}

TEST(Powercap, RightJoulesAcrossAWrap) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl:0", "package-0", kUsualRange_uJ - 1000);
  tree.add("intel-rapl:0:0", "dram", 40);
  const Candidate found = find_powercap(places_at(tree));
  ASSERT_NE(found.meter, nullptr) << found.reason;
  const Mark before = found.meter->mark();
  tree.set("intel-rapl:0", 500);
  tree.set("intel-rapl:0:0", 1040);
  const Mark after = found.meter->mark();
  const std::vector<double> joules = found.meter->joules_between(before, after);
  EXPECT_DOUBLE_EQ(found.meter->counted_J(joules), 1500e-6 + 1000e-6);
}

TEST(Powercap, CountsPackagesAndTheirMemoryByName) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  // Numbers in no order, two packages, and everything that must not be added.
  tree.add("intel-rapl:1", "package-0", 0, kUsualRange_uJ, 150);
  tree.add("intel-rapl:1:0", "core");
  tree.add("intel-rapl:1:1", "uncore");
  tree.add("intel-rapl:1:2", "dram");
  tree.add("intel-rapl:0", "package-1", 0, kUsualRange_uJ, 150);
  tree.add("intel-rapl:0:0", "dram");
  tree.add("intel-rapl:2", "psys");
  tree.add("intel-rapl-mmio:0", "package-0");
  const Candidate found = find_powercap(places_at(tree));
  ASSERT_NE(found.meter, nullptr) << found.reason;
  const Meter& meter = *found.meter;
  EXPECT_EQ(meter.counted_names(), "package-1, package-1/dram, package-0, package-0/dram");
  EXPECT_EQ(meter.info().boundary, Boundary::B3);
  EXPECT_EQ(domain(meter, "package-0/core").note, "contained in its package");
  EXPECT_EQ(domain(meter, "package-0/uncore").note, "contained in its package");
  EXPECT_NE(domain(meter, "psys").note.find("contains the packages"), std::string::npos);
  const Domain& copy = meter.info().domains.back();
  EXPECT_EQ(copy.name, "package-0");
  EXPECT_FALSE(copy.counted);
  EXPECT_NE(copy.note.find("a duplicate: intel-rapl-mmio:0"), std::string::npos) << copy.note;
  EXPECT_DOUBLE_EQ(domain(meter, "package-0").max_power_W, 150);
}

TEST(Powercap, ReadsNestedTreesToo) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl/intel-rapl:0", "package-0");
  tree.add("intel-rapl/intel-rapl:0/intel-rapl:0:1", "dram");
  const Candidate found = find_powercap(places_at(tree));
  ASSERT_NE(found.meter, nullptr) << found.reason;
  EXPECT_EQ(found.meter->counted_names(), "package-0, package-0/dram");
}

TEST(Powercap, APackageWithoutMemoryCoversNoBoundary) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl:0", "package-0");  // AMD has no dram domain
  const Candidate found = find_powercap(places_at(tree));
  ASSERT_NE(found.meter, nullptr);
  EXPECT_EQ(found.meter->info().boundary, std::nullopt);
}

TEST(Powercap, PollsOftenEnoughToSeeEveryWrap) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  // AMD with an energy unit of 2^-16 J: 65,536 J; at 400 W a quarter of the way round takes 41 s.
  tree.add("intel-rapl:0", "package-0", 0, 65536000000, 400);
  EXPECT_DOUBLE_EQ(find_powercap(places_at(tree)).meter->info().poll_interval_s, 10);
  tree.add("intel-rapl:1", "package-1", 0, 40000000, 400);  // 40 J: 25 ms
  EXPECT_DOUBLE_EQ(find_powercap(places_at(tree)).meter->info().poll_interval_s, 0.025);
}

TEST(Powercap, ARangeThatIsNotKnownIsRefused) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl:0", "package-0", 0, 0);
  const Candidate found = find_powercap(places_at(tree));
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_NE(found.reason.find("no package zone with a known range"), std::string::npos)
      << found.reason;
}

TEST(Powercap, AnEmptyPlaceSaysSo) {
  const Candidate found = find_powercap(test::no_places());
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_NE(found.reason.find("has no energy counters"), std::string::npos) << found.reason;
}

TEST(Powercap, CountersWithoutPermissionNameTheMend) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl:0", "package-0");
  tree.add("intel-rapl:0:0", "dram");
  for (const char* zone : {"intel-rapl:0", "intel-rapl:0:0"}) {
    ASSERT_EQ(::chmod((tree.zone(zone) / "energy_uj").c_str(), 0400), 0);
  }
  // Files belong to the user of the test; root looks as somebody else.
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    ::setfsuid(kNobody);
  } else {
    for (const char* zone : {"intel-rapl:0", "intel-rapl:0:0"}) {
      ASSERT_EQ(::chmod((tree.zone(zone) / "energy_uj").c_str(), 0), 0);
    }
  }
  const Candidate found = find_powercap(places_at(tree));
  if (root) ::setfsuid(0);
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_NE(found.reason.find("2 of 2 energy counters cannot be read"), std::string::npos)
      << found.reason;
  EXPECT_NE(found.reason.find("permission denied"), std::string::npos) << found.reason;
  EXPECT_NE(found.mend.find("chmod a+r /sys/class/powercap/*/energy_uj"), std::string::npos);
  EXPECT_NE(found.mend.find("kernel.perf_event_paranoid=0"), std::string::npos);
}

TEST(Powercap, ACounterThatCannotBeReadIsToldAndNotTakenForZero) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl:0", "package-0");
  tree.add("intel-rapl:0:0", "dram");
  std::filesystem::remove(tree.zone("intel-rapl:0:0") / "energy_uj");
  std::filesystem::create_directory(tree.zone("intel-rapl:0:0") / "energy_uj");
  const Candidate found = find_powercap(places_at(tree));
  ASSERT_NE(found.meter, nullptr);
  EXPECT_EQ(found.meter->counted_names(), "package-0");
  EXPECT_EQ(found.meter->info().boundary, std::nullopt);
  EXPECT_NE(found.reason.find("package-0/dram (is a directory)"), std::string::npos)
      << found.reason;
}

TEST(Powercap, TextThatIsNoNumberIsRefused) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl:0", "package-0");
  std::ofstream(tree.zone("intel-rapl:0") / "energy_uj") << "12 potatoes\n";
  EXPECT_EQ(find_powercap(places_at(tree)).meter, nullptr);
}

TEST(Powercap, ADeviceThatDisappearsIsAnError) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl:0", "package-0");
  const Candidate found = find_powercap(places_at(tree));
  ASSERT_NE(found.meter, nullptr);
  found.meter->mark();
  std::filesystem::remove_all(tree.zone("intel-rapl:0"));
  try {
    found.meter->mark();
    FAIL() << "read a counter that is gone";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_available);
    EXPECT_NE(std::string(error.what()).find("counter of package-0 disappeared"), std::string::npos)
        << error.what();
  }
}

TEST(Powercap, ACounterThatRunsBackwardsIsAnError) {
  const test::TempFolder folder;
  FakePowercap tree(folder.path());
  tree.add("intel-rapl:0", "package-0", 5000000, kUsualRange_uJ, 100);
  const Candidate found = find_powercap(places_at(tree));
  ASSERT_NE(found.meter, nullptr);
  found.meter->mark();
  tree.set("intel-rapl:0", 4000000);  // as a wrap, 262 kJ in no time
  EXPECT_THROW(found.meter->mark(), Error);
}

}  // namespace
}  // namespace jb::harness::meter
