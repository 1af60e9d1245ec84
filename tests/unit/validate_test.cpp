// Does every rule object to what breaks it, and to nothing else?

#include "results/validate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/sample_record.h"

namespace jb::results {
namespace {

std::vector<std::string> rules(const Record& record) {
  std::vector<std::string> names;
  for (const Violation& v : validate(record)) {
    if (names.empty() || names.back() != v.rule) names.push_back(v.rule);
    EXPECT_EQ(v.record_id, record.record_id);
    EXPECT_EQ(v.text.back(), '.') << v.text;
  }
  return names;
}

std::vector<std::string> rules_after(const std::function<void(Record&)>& change) {
  Record record = test::sample_record();
  change(record);
  test::set_ids(record);
  return rules(record);
}

using Rules = std::vector<std::string>;

TEST(Validate, ConsistentRecordPasses) {
  EXPECT_EQ(rules(test::sample_record()), Rules{});
  EXPECT_EQ(rules(record_from_json(to_json(test::sample_record()), "x:1")), Rules{});
}

// The mutations of rule 9: no row may go missing or be counted twice unseen.
TEST(Validate, EveryDroppedOrDoubledRowIsSeen) {
  const Record good = test::sample_record();
  for (std::size_t row = 0; row < good.ledger.size(); ++row) {
    Record dropped = good;
    dropped.ledger.erase(dropped.ledger.begin() + static_cast<std::ptrdiff_t>(row));
    EXPECT_EQ(rules(dropped), Rules{"ledger-sum"}) << "dropped row " << row;
    Record doubled = good;
    doubled.ledger.push_back(good.ledger[row]);
    EXPECT_EQ(rules(doubled), Rules{"ledger-sum"}) << "doubled row " << row;
    Record scaled = good;
    scaled.ledger[row].energy_per_action_J *= 2;
    EXPECT_EQ(rules(scaled), Rules{"row-product"}) << "price of row " << row;
    Record relabelled = good;
    relabelled.ledger[row].boundary = Boundary::B5;
    EXPECT_EQ(rules(relabelled), Rules{"ledger-sum"}) << "boundary of row " << row;
  }
  Record setup = good;
  setup.setup_ledger.push_back(setup.setup_ledger.front());
  EXPECT_EQ(rules(setup), Rules{"ledger-sum"});
}

TEST(Validate, SumsAgreeToOneInABillion) {
  const auto nudge = [](double factor) {
    return rules_after([&](Record& r) { r.quantities["energy_B2_J_per_mac"].value *= factor; });
  };
  EXPECT_EQ(nudge(1 + 0.5e-9), Rules{});
  EXPECT_EQ(nudge(1 + 3e-9), Rules{"ledger-sum"});
}

TEST(Validate, CalibrationIsPartOfTheSetupLedger) {
  EXPECT_EQ(rules_after([](Record& r) {
              RecordRow row =
                  test::sample_row("adc", Category::calibration, Boundary::B0, 10, 1e-12);
              r.setup_ledger.push_back(row);
              r.quantities["calibration_energy_J"] = test::modelled(row.energy_J);
            }),
            Rules{});
}

TEST(Validate, MovementShareIsOfB2) {
  EXPECT_EQ(rules_after([](Record& r) { r.quantities["data_movement_share_frac"].value *= 1.01; }),
            Rules{"ledger-sum"});
  EXPECT_EQ(rules_after([](Record& r) { r.quantities["data_movement_J_per_mac"].value *= 1.01; }),
            Rules{"ledger-sum"});
}

TEST(Validate, EnergyWithoutAReportedBoundaryIsSeen) {
  EXPECT_EQ(rules_after([](Record& r) {
              for (const char* name :
                   {"energy_B0_J_per_mac", "energy_B1_J_per_mac", "energy_B2_J_per_mac",
                    "data_movement_share_frac", "data_movement_J_per_mac"}) {
                r.quantities.erase(name);
              }
            }),
            Rules{"ledger-sum"});
}

TEST(Validate, BoundariesAreCumulativeAndLeaveNoneOut) {
  EXPECT_EQ(rules_after([](Record& r) { r.quantities.erase("energy_B1_J_per_mac"); }),
            Rules{"boundary-order"});
  const Rules swapped = rules_after([](Record& r) {
    std::swap(r.quantities["energy_B0_J_per_mac"], r.quantities["energy_B1_J_per_mac"]);
  });
  EXPECT_NE(std::find(swapped.begin(), swapped.end(), "boundary-order"), swapped.end());
  EXPECT_EQ(rules_after([](Record& r) {
              Quantity q = test::modelled(2e-12);
              q.provenance = Provenance::measured;
              r.quantities["measured_energy_B3_J_per_mac"] = q;
              q.value = 3e-12;
              r.quantities["measured_net_energy_B3_J_per_mac"] = q;
            }),
            Rules{"boundary-order"});
}

TEST(Validate, IdentityIsTheHashOfWhatTheRecordSays) {
  Record record = test::sample_record();
  record.point["age_s"] = 3600;
  EXPECT_EQ(rules(record), Rules{"identity"});
  record = test::sample_record();
  record.versions["model_version"] = 2;
  EXPECT_EQ(rules(record), Rules{"identity"});
  record = test::sample_record();
  record.record_id = "XYZ";
  EXPECT_EQ(rules(record), Rules{"identity"});
}

TEST(Validate, PointSaysWhatItIs) {
  EXPECT_EQ(rules_after([](Record& r) { r.point.erase("device"); }), Rules{"schema"});
  EXPECT_EQ(rules_after([](Record& r) { r.point["model_version"] = 7; }), Rules{"schema"});
}

TEST(Validate, StatusHasAReasonAndNoNumbersWithoutARun) {
  EXPECT_EQ(rules_after([](Record& r) { r.status = Status::inconsistent; }), Rules{"status"});
  EXPECT_EQ(rules_after([](Record& r) {
              r.status = Status::inconsistent;
              r.reason = "below Landauer";
            }),
            Rules{});
  EXPECT_EQ(rules_after([](Record& r) {
              r.status = Status::unavailable;
              r.reason = "not built in";
            }),
            Rules{"status"});
}

TEST(Validate, UnknownMetricIsNamedWithTheNearest) {
  Record record = test::sample_record();
  record.quantities["device_times_s"] = test::modelled(1);
  const std::vector<Violation> found = validate(record);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, "unknown-metric");
  EXPECT_NE(found[0].text.find("device_time_s"), std::string::npos) << found[0].text;
}

TEST(Validate, IntervalsHoldTheirValue) {
  const auto with = [](double low, double high, const char* kind, std::int64_t n) {
    return rules_after([&](Record& r) {
      Quantity& q = r.quantities["relative_error_frobenius"];
      q.ci_low = low;
      q.ci_high = high;
      q.interval_kind = kind;
      q.n = n;
    });
  };
  EXPECT_EQ(with(0.01, 0.02, "instances", 5), Rules{});
  EXPECT_EQ(with(0.02, 0.03, "instances", 5), Rules{"interval"});
  EXPECT_EQ(with(0.01, 0.02, "guess", 5), Rules{"interval"});
  EXPECT_EQ(with(0.01, 0.02, "", 5), Rules{"interval"});
  EXPECT_EQ(with(0.01, 0.02, "sampling", 0), Rules{"interval"});
}

TEST(Validate, NumbersStayInTheirRange) {
  const auto with = [](const char* name, double value) {
    return rules_after([&](Record& r) { r.quantities[name] = test::modelled(value); });
  };
  EXPECT_EQ(with("accuracy_top1_frac", 0.97), Rules{});
  EXPECT_EQ(with("accuracy_top1_frac", 97), Rules{"range"});
  EXPECT_EQ(with("accuracy_delta_frac", -0.01), Rules{});
  EXPECT_EQ(with("accuracy_delta_frac", -2), Rules{"range"});
  EXPECT_EQ(with("sqnr_dB", -3), Rules{});
  EXPECT_EQ(with("device_time_s", -1), Rules{"range"});
  EXPECT_EQ(with("device_time_s", std::numeric_limits<double>::quiet_NaN()), Rules{"finite"});
}

TEST(Validate, ProvenanceIsWhatTheNumbersAreMadeOf) {
  EXPECT_EQ(rules_after([](Record& r) {
              r.quantities["energy_B0_J_per_mac"].provenance = Provenance::measured;
            }),
            Rules{"provenance"});
  EXPECT_EQ(rules_after([](Record& r) { r.ledger[3].provenance = Provenance::literature; }),
            Rules{"provenance"});
  EXPECT_EQ(rules_after([](Record& r) {
              r.ledger[3].provenance = Provenance::literature;
              r.quantities["energy_B2_J_per_mac"].provenance = Provenance::literature;
            }),
            Rules{});
  EXPECT_EQ(
      rules_after([](Record& r) { r.quantities["measured_domain_energy_J"] = test::modelled(1); }),
      Rules{"provenance"});
  EXPECT_EQ(rules_after([](Record& r) {
              r.point["estimate"] = true;
              r.quantities["device_time_s"].provenance = Provenance::measured;
            }),
            Rules{"provenance"});
}

TEST(Validate, TdpTimesTimeIsNoEnergy) {
  EXPECT_EQ(
      rules_after([](Record& r) { r.quantities["setup_energy_J"].source = "75 W (TDP) x time"; }),
      Rules{"tdp"});
  EXPECT_EQ(rules_after([](Record& r) { r.ledger[0].constant = "chip/tdp_W"; }), Rules{"tdp"});
  EXPECT_EQ(rules_after([](Record& r) { r.ledger[0].constant = "chip/tdpx"; }), Rules{});
}

TEST(Validate, MacsAreTheProductOfTheShape) {
  Record record = test::sample_record();
  record.point["n"] = 101;
  test::set_ids(record);
  EXPECT_EQ(rules(record), Rules{"macs"});
  record.point.erase("n");
  test::set_ids(record);
  EXPECT_EQ(rules(record), Rules{"macs"});
}

TEST(Validate, TheoryBoundStopsAtB0) {
  EXPECT_EQ(rules_after([](Record& r) { r.point["theory_bound"] = true; }), Rules{"theory-bound"});
  EXPECT_EQ(rules_after([](Record& r) { r.point["theory_bound"] = false; }), Rules{});
}

TEST(Validate, OneRunHoldsARecordOnce) {
  Record record = test::sample_record();
  Record other_run = record;
  other_run.run_id = "another";
  EXPECT_TRUE(validate(std::vector<Record>{record, other_run}).empty());
  const std::vector<Violation> found =
      validate(std::vector<Record>{record, other_run, record, record});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, "duplicate-record");
}

}  // namespace
}  // namespace jb::results
