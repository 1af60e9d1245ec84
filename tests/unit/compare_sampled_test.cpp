// Measured numbers: same, better, worse or inconclusive, and never by noise alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "backends/core/error.h"
#include "results/compare.h"
#include "tests/support/sample_record.h"
#include "tests/support/temp_folder.h"

namespace jb::results {
namespace {

namespace fs = std::filesystem;

// A measured point whose times scatter by `noise` around `time_s`.
Record measured_point(double time_s, double noise, unsigned seed, int samples = 10,
                      int point_seed = 1) {
  Record record = test::sample_record();
  record.point["backend"] = "onednn";
  record.point["device"] = "host";
  record.point["seed"] = point_seed;
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> off(-noise, noise);
  Json times = Json::array();
  std::vector<double> sorted;
  for (int i = 0; i < samples; ++i) {
    sorted.push_back(time_s * (1 + off(random)));
    times.push_back(sorted.back());
  }
  std::sort(sorted.begin(), sorted.end());
  const auto n = sorted.size();
  Quantity& time = record.quantities["device_time_s"];
  time.value = n % 2 == 1 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
  time.provenance = Provenance::measured;
  time.source = "clock";
  time.n = samples;
  Quantity& rate = record.quantities["throughput_mac_per_s"];
  rate = time;
  rate.value = record.work.macs / time.value;
  record.measurement["times_s"] = times;
  record.measurement["machine"] = "a machine";
  test::set_ids(record);
  return record;
}

const Difference* find(const Comparison& c, const std::string& metric) {
  for (const Difference& d : c.differences) {
    if (d.metric == metric) return &d;
  }
  return nullptr;
}

Comparison judged(const Record& base, const Record& now) {
  return compare({base}, {now}, Gate::all);
}

TEST(CompareMeasured, TheSameWithinTheBandIsNoDifference) {
  const Comparison c = judged(measured_point(1e-3, 0.005, 1), measured_point(1.005e-3, 0.005, 2));
  EXPECT_FALSE(c.failed());
  EXPECT_EQ(find(c, "device_time_s"), nullptr);
  EXPECT_EQ(c.inconclusive, 0U);
}

TEST(CompareMeasured, SlowerBeyondTheBandFailsGateAllOnly) {
  const Record base = measured_point(1e-3, 0.01, 1);
  const Record now = measured_point(1.2e-3, 0.01, 2);
  const Comparison c = judged(base, now);
  EXPECT_TRUE(c.failed());
  ASSERT_NE(find(c, "device_time_s"), nullptr);
  EXPECT_EQ(find(c, "device_time_s")->verdict, Verdict::worse);
  EXPECT_NE(find(c, "device_time_s")->note.find("p = "), std::string::npos);
  EXPECT_FALSE(compare({base}, {now}, Gate::model).failed());
  EXPECT_FALSE(compare({base}, {now}, Gate::none).failed());
  // The rate says the same once more and is no second failure.
  EXPECT_EQ(c.failing, 1U);
}

TEST(CompareMeasured, FasterIsNoFailure) {
  const Comparison c = judged(measured_point(1e-3, 0.01, 1), measured_point(0.8e-3, 0.01, 2));
  EXPECT_FALSE(c.failed());
  EXPECT_EQ(find(c, "device_time_s")->verdict, Verdict::better);
}

TEST(CompareMeasured, NoiseIsInconclusiveAndSaysHowManySamplesWouldDecide) {
  const Comparison c = judged(measured_point(1e-3, 0.3, 1), measured_point(1.05e-3, 0.3, 2));
  EXPECT_FALSE(c.failed());
  EXPECT_EQ(c.inconclusive, 1U);
  ASSERT_NE(find(c, "device_time_s"), nullptr);
  EXPECT_EQ(find(c, "device_time_s")->verdict, Verdict::inconclusive);
  EXPECT_NE(find(c, "device_time_s")->note.find("samples a side would decide"), std::string::npos)
      << find(c, "device_time_s")->note;
  const Comparison one = judged(measured_point(1e-3, 0, 1, 1), measured_point(2e-3, 0, 2, 1));
  EXPECT_EQ(one.inconclusive, 1U) << "one sample proves nothing";
}

// 200 points without any change, each with its own noise: Holm keeps all of them from failing.
TEST(CompareMeasured, ManyNoisyPointsDoNotFailByChance) {
  std::vector<Record> base;
  std::vector<Record> now;
  for (int i = 0; i < 200; ++i) {
    base.push_back(measured_point(1e-3, 0.08, static_cast<unsigned>(2 * i), 10, i));
    now.push_back(measured_point(1e-3, 0.08, static_cast<unsigned>(2 * i + 1), 10, i));
  }
  EXPECT_FALSE(compare(base, now, Gate::all).failed());
  // And a real one among them is found: p = 1.1e-5 passes Holm's 0.05 / 200.
  now[100] = measured_point(1.5e-3, 0.08, 7777, 10, 100);
  const Comparison c = compare(base, now, Gate::all);
  EXPECT_EQ(c.failing, 1U);
}

TEST(CompareMeasured, WhereSamplesAreTooFewForHolmOnlySeparateOnesCount) {
  std::vector<Record> base;
  std::vector<Record> now;
  for (int i = 0; i < 100; ++i) {  // 2 / (10 over 5) x 100 > 0.05
    base.push_back(measured_point(1e-3, 0.02, static_cast<unsigned>(2 * i), 5, i));
    now.push_back(
        measured_point(i == 3 ? 2e-3 : 1e-3, 0.02, static_cast<unsigned>(2 * i + 1), 5, i));
  }
  const Comparison c = compare(base, now, Gate::all);
  EXPECT_EQ(c.failing, 1U);
}

TEST(CompareMeasured, OtherMachinesAreRefusedUnderGateAllAlone) {
  const Record base = measured_point(1e-3, 0.01, 1);
  Record now = measured_point(1.2e-3, 0.01, 2);
  now.measurement["machine"] = "another machine";
  try {
    judged(base, now);
    FAIL() << "compared across machines";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_comparable);
    EXPECT_NE(std::string(error.what()).find("another machine"), std::string::npos);
  }
  EXPECT_FALSE(compare({base}, {now}, Gate::none).failed());
  EXPECT_FALSE(compare({base}, {now}, Gate::model).failed());
}

TEST(CompareMeasured, AMissingMeasuredPointFailsGateAll) {
  Record base = measured_point(1e-3, 0.01, 1);
  for (auto it = base.quantities.begin(); it != base.quantities.end();) {
    it = it->second.provenance == Provenance::measured ? std::next(it) : base.quantities.erase(it);
  }
  const Record other = measured_point(1e-3, 0.01, 1, 10, 2);
  EXPECT_TRUE(compare({base}, {other}, Gate::all).failed());
  EXPECT_FALSE(compare({base}, {other}, Gate::model).failed());
}

Record with_accuracy(double accuracy, Provenance provenance = Provenance::modelled) {
  Record record = test::sample_record();
  Quantity q = test::modelled(accuracy);
  q.n = 2000;
  q.provenance = provenance;
  record.quantities["accuracy_top1_frac"] = q;
  return record;
}

TEST(CompareAccuracy, FewSamplesThatWentTheOtherWayAreChance) {
  // 5 of 2000: p = 2 x 2^-5 = 0.0625 at the least; 6: 0.03125.
  EXPECT_FALSE(compare({with_accuracy(0.9)}, {with_accuracy(0.8975)}, Gate::model).failed());
  const Comparison six = compare({with_accuracy(0.9)}, {with_accuracy(0.897)}, Gate::model);
  EXPECT_TRUE(six.failed());
  EXPECT_NE(find(six, "accuracy_top1_frac")->note.find("McNemar"), std::string::npos);
  EXPECT_FALSE(compare({with_accuracy(0.897)}, {with_accuracy(0.9)}, Gate::model).failed());
}

// A run folder with one record whose predictions lie beside it.
void write_run(const fs::path& folder, const std::string& predictions, const std::string& labels) {
  fs::create_directories(folder / "predictions");
  double right = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) right += predictions[i] == labels[i] ? 1 : 0;
  Record record = with_accuracy(right / static_cast<double>(predictions.size()));
  record.quantities["accuracy_top1_frac"].n = static_cast<std::int64_t>(predictions.size());
  record.verification = {{"data_hash", "d"},
                         {"predictions_file", "predictions/p.u8"},
                         {"labels_file", "predictions/labels.u8"}};
  std::ofstream(folder / "predictions/p.u8", std::ios::binary) << predictions;
  std::ofstream(folder / "predictions/labels.u8", std::ios::binary) << labels;
  std::ofstream(folder / "records.jsonl", std::ios::binary) << to_json(record).dump() << "\n";
}

// The net loss is 10 of 1000 on both: 10 lost and none gained is no chance (p = 0.002), 60 lost and
// 50 gained is (p = 0.39).
TEST(CompareAccuracy, PairsThePredictionsOfBothSides) {
  const test::TempFolder folder;
  const std::string labels(1000, 'a');
  std::string base = labels;
  for (int i = 0; i < 100; ++i) base[static_cast<std::size_t>(i)] = 'b';
  std::string lost = base;
  for (int i = 0; i < 10; ++i) lost[static_cast<std::size_t>(500 + i)] = 'b';
  std::string shuffled = base;
  for (int i = 0; i < 60; ++i) shuffled[static_cast<std::size_t>(500 + i)] = 'b';
  for (int i = 0; i < 50; ++i) shuffled[static_cast<std::size_t>(i)] = 'a';
  write_run(folder.path() / "base", base, labels);
  write_run(folder.path() / "lost", lost, labels);
  write_run(folder.path() / "shuffled", shuffled, labels);
  CompareOptions options;
  options.gate = Gate::model;
  const Comparison worse = compare_files(folder.path() / "base", folder.path() / "lost", options);
  EXPECT_TRUE(worse.failed());
  EXPECT_NE(find(worse, "accuracy_top1_frac")->note.find("0 samples gained, 10 lost"),
            std::string::npos);
  const Comparison chance =
      compare_files(folder.path() / "base", folder.path() / "shuffled", options);
  EXPECT_FALSE(chance.failed());
}

TEST(CompareMarkup, MarkdownAndJUnitCarryVerdictsAndNoMarkupOfRecords) {
  const Record base = measured_point(1e-3, 0.01, 1);
  Record now = measured_point(1.5e-3, 0.01, 2);
  Record odd_base = test::sample_record();
  odd_base.point["device"] = "<b>|`x`&\"";
  odd_base.point["seed"] = 77;
  test::set_ids(odd_base);
  Record odd_now = odd_base;
  odd_now.quantities["device_time_s"].value *= 2;
  CompareOptions options;
  options.gate = Gate::all;
  options.list_points = true;
  const Comparison c = compare({base, odd_base}, {now, odd_now}, options);
  const std::string markdown = describe_markdown(c, Gate::all);
  EXPECT_NE(markdown.find("### joulebench: worse"), std::string::npos);
  EXPECT_NE(markdown.find("**FAIL** worse"), std::string::npos);
  EXPECT_EQ(markdown.find("<b>"), std::string::npos);
  EXPECT_NE(markdown.find("&lt;b&gt;\\|\\`x\\`"), std::string::npos) << markdown;
  const std::string junit = describe_junit(c);
  EXPECT_NE(junit.find("tests=\"2\" failures=\"2\""), std::string::npos) << junit;
  EXPECT_NE(junit.find("&lt;b&gt;|`x`&amp;&quot;"), std::string::npos) << junit;
  EXPECT_NE(junit.find("<failure message=\"worse\">"), std::string::npos);
}

}  // namespace
}  // namespace jb::results
