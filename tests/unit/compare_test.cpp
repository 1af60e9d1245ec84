// Does each gate fail for what it says, and for nothing else?

#include "results/compare.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backends/core/error.h"
#include "tests/support/sample_record.h"

namespace jb::results {
namespace {

using Records = std::vector<Record>;

Records sample() { return {test::sample_record()}; }

// The difference of that metric ("" = of the point as a whole), or null.
const Difference* find(const Comparison& c, const std::string& metric) {
  for (const Difference& d : c.differences) {
    if (d.metric == metric) return &d;
  }
  return nullptr;
}

// Scales all joules of the record, keeping rows and sums consistent.
void scale_energy(Record& record, double factor) {
  for (RecordRow& row : record.ledger) {
    row.energy_per_action_J *= factor;
    row.energy_J *= factor;
  }
  test::set_energies(record);
}

std::string refusal(const Records& base, const Records& now) {
  try {
    compare(base, now, Gate::pin);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_comparable);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(Compare, EqualRecordsPassEveryGate) {
  for (const Gate gate : {Gate::none, Gate::model, Gate::pin}) {
    const Comparison c = compare(sample(), sample(), gate);
    EXPECT_FALSE(c.failed());
    EXPECT_TRUE(c.differences.empty());
    EXPECT_EQ(c.points_compared, 1U);
  }
}

TEST(Compare, WorseEnergyFailsModelAndPinButNotNone) {
  Records now = sample();
  scale_energy(now[0], 1 + 1e-6);
  EXPECT_TRUE(compare(sample(), now, Gate::model).failed());
  EXPECT_TRUE(compare(sample(), now, Gate::pin).failed());
  const Comparison none = compare(sample(), now, Gate::none);
  EXPECT_FALSE(none.failed());
  ASSERT_NE(find(none, "energy_B0_J_per_mac"), nullptr);
  EXPECT_EQ(find(none, "energy_B0_J_per_mac")->verdict, Verdict::worse);
}

TEST(Compare, GainPassesModelButNotPin) {
  Records now = sample();
  scale_energy(now[0], 1 - 1e-6);
  EXPECT_FALSE(compare(sample(), now, Gate::model).failed());
  const Comparison pin = compare(sample(), now, Gate::pin);
  EXPECT_TRUE(pin.failed());
  EXPECT_EQ(find(pin, "energy_B2_J_per_mac")->verdict, Verdict::better);
}

TEST(Compare, HigherIsBetterForThroughput) {
  Records now = sample();
  now[0].quantities["throughput_mac_per_s"].value *= 0.5;
  EXPECT_EQ(find(compare(sample(), now, Gate::model), "throughput_mac_per_s")->verdict,
            Verdict::worse);
  now[0].quantities["throughput_mac_per_s"].value *= 4;
  EXPECT_EQ(find(compare(sample(), now, Gate::model), "throughput_mac_per_s")->verdict,
            Verdict::better);
}

TEST(Compare, ExactToleranceIsOneInABillion) {
  Records now = sample();
  now[0].quantities["device_time_s"].value *= 1 + 0.5e-9;
  EXPECT_FALSE(compare(sample(), now, Gate::pin).failed());
  now = sample();
  now[0].quantities["device_time_s"].value *= 1 + 2e-9;
  EXPECT_TRUE(compare(sample(), now, Gate::pin).failed());
}

TEST(Compare, SimulatedToleranceIsOneInAThousand) {
  Records now = sample();
  now[0].quantities["relative_error_frobenius"].value *= 1 + 0.5e-3;
  EXPECT_FALSE(compare(sample(), now, Gate::pin).failed());
  now[0].quantities["relative_error_frobenius"].value *= 1 + 2e-3;
  EXPECT_TRUE(compare(sample(), now, Gate::pin).failed());
}

TEST(Compare, ZeroIsComparedToo) {
  Records base = sample();
  base[0].quantities["calibration_energy_J"] = test::modelled(0);
  EXPECT_FALSE(compare(base, base, Gate::pin).failed());
  Records now = base;
  now[0].quantities["calibration_energy_J"].value = 1e-30;
  EXPECT_TRUE(compare(base, now, Gate::pin).failed());
  EXPECT_TRUE(compare(base, now, Gate::model).failed());
  EXPECT_FALSE(compare(now, base, Gate::model).failed());
}

TEST(Compare, DataDependentRowsMakeTheirEnergySimulated) {
  Records base = sample();
  base[0].ledger[1].data_dependent = true;  // at B1
  Records now = base;
  for (RecordRow& row : now[0].ledger) {
    row.count *= 1 + 1e-5;
    row.energy_J *= 1 + 1e-5;
  }
  test::set_energies(now[0]);
  const Comparison c = compare(base, now, Gate::pin);
  EXPECT_NE(find(c, "energy_B0_J_per_mac"), nullptr) << "no data-dependent row up to B0";
  EXPECT_EQ(find(c, "energy_B1_J_per_mac"), nullptr);
  EXPECT_EQ(find(c, "data_movement_J_per_mac"), nullptr);
}

TEST(Compare, FidelityAtTheRoundingFloorHasNoDigits) {
  Records base = sample();
  base[0].quantities["relative_error_frobenius"].value = 1.1e-16;
  base[0].quantities["sqnr_dB"] = test::modelled(319);
  Records now = base;
  now[0].quantities["relative_error_frobenius"].value = 3e-16;
  now[0].quantities["sqnr_dB"].value = 310;
  EXPECT_FALSE(compare(base, now, Gate::pin).failed());
  now[0].quantities["relative_error_frobenius"].value = 1e-3;
  EXPECT_TRUE(compare(base, now, Gate::pin).failed());
}

TEST(Compare, PinForgivesWhatANewVersionMovedAndModelDoesNot) {
  for (const char* key : {"model_version", "device_hash", "tables_hash"}) {
    Records now = sample();
    scale_energy(now[0], 1.5);
    now[0].versions[key] = "new";
    test::set_ids(now[0]);
    const Comparison pin = compare(sample(), now, Gate::pin);
    EXPECT_FALSE(pin.failed()) << key;
    ASSERT_NE(find(pin, "energy_B0_J_per_mac"), nullptr);
    EXPECT_NE(find(pin, "energy_B0_J_per_mac")->note.find(key), std::string::npos);
    EXPECT_TRUE(compare(sample(), now, Gate::model).failed()) << key;
  }
}

TEST(Compare, PinSeesRowsThatMovedWhileTheirSumStoodStill) {
  Records now = sample();
  std::swap(now[0].ledger[1].energy_J, now[0].ledger[2].energy_J);
  now[0].quantities = sample()[0].quantities;
  EXPECT_TRUE(compare(sample(), now, Gate::pin).failed());
  EXPECT_FALSE(compare(sample(), now, Gate::model).failed());
}

TEST(Compare, PinSeesExecutedMacs) {
  Records now = sample();
  now[0].work.executed_macs += 1;
  EXPECT_TRUE(compare(sample(), now, Gate::pin).failed());
  EXPECT_NE(find(compare(sample(), now, Gate::pin), "work.executed_macs"), nullptr);
}

TEST(Compare, MissingAndAddedPointsAreListedAndOnlyMissingFails) {
  Records two = sample();
  two.push_back(test::sample_record());
  two[1].point["seed"] = 2;
  test::set_ids(two[1]);
  const Comparison missing = compare(two, sample(), Gate::model);
  EXPECT_EQ(missing.missing, 1U);
  EXPECT_TRUE(missing.failed());
  EXPECT_EQ(find(missing, "")->verdict, Verdict::missing);
  EXPECT_EQ(find(missing, "")->label, "systolic tpu-v1 gemm 64,100,784");
  EXPECT_FALSE(compare(two, sample(), Gate::none).failed());
  const Comparison added = compare(sample(), two, Gate::pin);
  EXPECT_EQ(added.added, 1U);
  EXPECT_FALSE(added.failed());
}

TEST(Compare, MissingQuantityFailsAndAddedDoesNot) {
  Records now = sample();
  now[0].quantities.erase("device_time_s");
  EXPECT_TRUE(compare(sample(), now, Gate::model).failed());
  EXPECT_EQ(find(compare(sample(), now, Gate::pin), "device_time_s")->verdict, Verdict::missing);
  EXPECT_FALSE(compare(now, sample(), Gate::pin).failed());
}

TEST(Compare, LosingAPointIsWorseAndGainingOneIsNot) {
  Records now = sample();
  now[0].status = Status::failed;
  now[0].reason = "out of memory";
  now[0].quantities.clear();
  const Comparison c = compare(sample(), now, Gate::pin);
  EXPECT_TRUE(c.failed());
  EXPECT_EQ(find(c, "status")->verdict, Verdict::worse);
  EXPECT_NE(find(c, "status")->note.find("ok -> failed: out of memory"), std::string::npos);
  EXPECT_TRUE(compare(sample(), now, Gate::model).failed());
  EXPECT_FALSE(compare(now, sample(), Gate::pin).failed());
  EXPECT_TRUE(compare(now, now, Gate::pin).differences.empty());
}

TEST(Compare, MeasuredNumbersAreListedAndNotGated) {
  Records now = sample();
  now[0].quantities["host_time_s"].value *= 100;
  const Comparison c = compare(sample(), now, Gate::pin);
  EXPECT_FALSE(c.failed());
  ASSERT_NE(find(c, "host_time_s"), nullptr);
  EXPECT_EQ(find(c, "host_time_s")->verdict, Verdict::not_gated);
  EXPECT_NE(describe(c).find("1 measured numbers"), std::string::npos);
}

TEST(Compare, LastRecordOfAPointCounts) {
  Records now = sample();
  scale_energy(now[0], 2);
  now.push_back(test::sample_record());
  const Comparison c = compare(sample(), now, Gate::pin);
  EXPECT_FALSE(c.failed());
  EXPECT_EQ(c.points_compared, 1U);
}

TEST(Compare, RefusesOtherDefinitionsDataBoundariesAndProvenance) {
  Records now = sample();
  now[0].point["m"] = 65;  // an edited record: the id is still the old one
  EXPECT_NE(refusal(sample(), now).find("'m'"), std::string::npos);
  now = sample();
  now[0].point["data"]["dist"] = "zeros";
  EXPECT_NE(refusal(sample(), now).find("'data'"), std::string::npos);
  now = sample();
  now[0].work.macs *= 2;
  EXPECT_NE(refusal(sample(), now).find("MACs"), std::string::npos);
  now = sample();
  now[0].quantities["energy_B3_J_per_mac"] = test::modelled(1e-11);
  EXPECT_NE(refusal(sample(), now).find("B0 B1 B2 B3"), std::string::npos);
  now = sample();
  now[0].quantities["device_time_s"].provenance = Provenance::measured;
  EXPECT_NE(refusal(sample(), now).find("device_time_s is modelled"), std::string::npos);
}

TEST(Compare, NamesOfGatesAreRead) {
  EXPECT_EQ(gate_from("pin"), Gate::pin);
  EXPECT_FALSE(gate_from("strict").has_value());
}

TEST(Compare, DescribesEachDifferenceOnALine) {
  Records now = sample();
  now[0].quantities["device_time_s"].value *= 1.5;
  const std::string text = describe(compare(sample(), now, Gate::model));
  EXPECT_EQ(text,
            "1 points compared, 1 of them differ; 0 missing, 0 added; 1 differences fail the gate\n"
            "FAIL worse: systolic tpu-v1 gemm 64,100,784  device_time_s 4.01408e-07 -> 6.02112e-07 "
            "(+50.00 %)\n");
}

}  // namespace
}  // namespace jb::results
