// Does a record survive the way to disk and back, in the field order of the contract?

#include "results/record.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "tests/support/sample_record.h"

namespace jb::results {
namespace {

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

std::string message_of(const std::function<void()>& act, ErrorCode code) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(Record, FieldsStandInTheOrderOfTheContract) {
  Record record = test::sample_record();
  record.setup_ledger.clear();
  EXPECT_EQ(
      keys(to_json(record)),
      (std::vector<std::string>{"schema", "record_id", "point_id", "run_id", "time_utc", "status",
                                "reason", "repro", "point", "versions", "work", "quantities",
                                "ledger", "verification", "measurement", "lints"}));
  EXPECT_EQ(keys(to_json(record)["ledger"][0]),
            (std::vector<std::string>{"component", "action", "category", "layer", "count",
                                      "energy_per_action_J", "energy_J", "boundary", "class",
                                      "constant", "provenance", "source"}));
  Quantity& q = record.quantities["device_time_s"];
  q.ci_low = 0.0;
  q.ci_high = 1.0;
  q.interval_kind = "sampling";
  EXPECT_EQ(keys(to_json(record)["quantities"]["device_time_s"]),
            (std::vector<std::string>{"value", "ci_low", "ci_high", "interval_kind", "n",
                                      "provenance", "source"}));
  EXPECT_EQ(to_json(record)["schema"], "joulebench/record/1");
}

TEST(Record, PointCarriesTheVersionsOfTheContract) {
  const Json point = to_json(test::sample_record())["point"];
  EXPECT_EQ(point["device_hash"], "00000000000000aa");
  EXPECT_EQ(point["model_version"], 1);
  const std::vector<std::string> names = keys(point);
  EXPECT_EQ(names[2], "device");
  EXPECT_EQ(names[3], "device_hash");
  EXPECT_EQ(names[4], "set");
  EXPECT_EQ(names[5], "model_version");
}

TEST(Record, RoundTripKeepsEveryByte) {
  Record record = test::sample_record();
  record.status = Status::inconsistent;
  record.reason = "too good";
  record.lints = {{"unvalidated", "no published figure"}};
  record.verification = {{"reference", "float64"}};
  record.statistics = {{"a", {{"mean_abs", 0.1}}}};
  record.ledger[1].data_dependent = true;
  record.ledger[1].layer = "fc1";
  record.quantities["relative_error_frobenius"].value = 0.1 + 0.2;
  const std::string text = to_json(record).dump();
  const Record back = record_from_json(Json::parse(text), "x:1");
  EXPECT_EQ(to_json(back).dump(), text);
  EXPECT_EQ(back.find("relative_error_frobenius")->value, 0.1 + 0.2);
  EXPECT_TRUE(back.ledger[1].data_dependent);
  EXPECT_FALSE(back.ledger[0].data_dependent);
  EXPECT_EQ(back.find("no_such_thing"), nullptr);
}

TEST(Record, UnknownFieldsAreKept) {
  Json json = to_json(test::sample_record());
  json["comment"] = {{"by", "a later version"}};
  const Record back = record_from_json(json, "x:1");
  EXPECT_EQ(back.extra["comment"]["by"], "a later version");
  EXPECT_EQ(to_json(back)["comment"], json["comment"]);
}

TEST(Record, CountsAreIntegersUpTo2To53) {
  Record record = test::sample_record();
  record.work.macs = 1073741824;
  record.work.executed_macs = 1e18;  // above 2^53: not every integer near it is a double
  record.ledger[0].count = 2.5;
  const Json json = to_json(record);
  EXPECT_EQ(json["work"]["macs"].dump(), "1073741824");
  EXPECT_TRUE(json["work"]["executed_macs"].is_number_float());
  EXPECT_EQ(json["ledger"][0]["count"].dump(), "2.5");
  EXPECT_EQ(json["ledger"][1]["count"].dump(), "100000");
}

TEST(Record, NonFiniteNumbersAreADefect) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Record record = test::sample_record();
  record.quantities["device_time_s"].value = nan;
  EXPECT_NE(message_of([&] { to_json(record); }, ErrorCode::internal).find("device_time_s"),
            std::string::npos);
  record = test::sample_record();
  record.ledger[0].energy_J = std::numeric_limits<double>::infinity();
  message_of([&] { to_json(record); }, ErrorCode::internal);
  record = test::sample_record();
  record.verification = {{"deep", {1.0, nan}}};
  EXPECT_NE(message_of([&] { to_json(record); }, ErrorCode::internal).find("verification.deep"),
            std::string::npos);
}

TEST(Record, MalformedRecordsAreNamedByPlaceAndField) {
  const Json good = to_json(test::sample_record());
  const auto refused = [](const Json& json) {
    return message_of([&] { record_from_json(json, "r.jsonl:7"); }, ErrorCode::usage);
  };
  const auto expect = [&](const Json& json, const std::string& part) {
    const std::string message = refused(json);
    EXPECT_EQ(message.rfind("r.jsonl:7: ", 0), 0U) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(Json::array(), "object");
  Json bad = good;
  bad["schema"] = "jb/1";
  expect(bad, "'jb/1'");
  bad = good;
  bad["status"] = "fine";
  expect(bad, "'fine'");
  bad = good;
  bad.erase("point");
  expect(bad, "'point' is missing");
  bad = good;
  bad["work"]["macs"] = "many";
  expect(bad, "'work.macs' must be a number");
  bad = good;
  bad["quantities"]["device_time_s"]["provenance"] = "derived";
  expect(bad, "quantities.device_time_s.provenance");
  bad = good;
  bad["quantities"]["device_time_s"]["n"] = 1.5;
  expect(bad, "must be an integer");
  bad = good;
  bad["ledger"][2]["boundary"] = "B9";
  expect(bad, "ledger[2].boundary");
  bad = good;
  bad["ledger"] = 3;
  expect(bad, "'ledger' must be a list");
  bad = good;
  bad["lints"] = {{{"text", "no id"}}};
  expect(bad, "lints[0].id");
}

TEST(Record, VersionsAreTakenFromThePointWhenTheyStandOnlyThere) {
  Json json = to_json(test::sample_record());
  json.erase("versions");
  const Record back = record_from_json(json, "x:1");
  EXPECT_EQ(back.versions["model_version"], 1);
  EXPECT_EQ(back.versions["device_hash"], "00000000000000aa");
}

TEST(Record, StatusNamesGoBothWays) {
  for (const Status s :
       {Status::ok, Status::unsupported, Status::unavailable, Status::failed, Status::inconsistent,
        Status::throttled, Status::timeout, Status::skipped}) {
    EXPECT_EQ(status_from(name_of(s)), s);
  }
  EXPECT_FALSE(status_from("OK").has_value());
}

TEST(PointId, IsOfTheQuestionAndNotOfVersions) {
  const Json point = test::sample_record().point;
  const std::string id = point_id_of(point);
  EXPECT_EQ(id.size(), 16U);
  Json other = point;
  for (const char* key : {"model_version", "device_hash", "tables_hash", "implementation"}) {
    other[key] = "something else";
  }
  other["theory_bound"] = true;
  EXPECT_EQ(point_id_of(other), id);
  other = Json::object();  // the same keys the other way round
  const std::vector<std::string> names = keys(point);
  for (auto it = names.rbegin(); it != names.rend(); ++it) other[*it] = point[*it];
  EXPECT_EQ(point_id_of(other), id);
  other = point;
  other["age_s"] = 0.0;
  EXPECT_EQ(point_id_of(other), id) << "0 and 0.0 are one age";
  other.erase("threads");
  EXPECT_EQ(point_id_of(other), id) << "no threads and 0 threads are one";
  other["threads"] = 2;
  EXPECT_NE(point_id_of(other), id);
  for (const auto& item : point.items()) {
    if (item.key() == "threads") continue;
    other = point;
    other[item.key()] = "another value";
    EXPECT_NE(point_id_of(other), id) << item.key();
  }
}

TEST(PointId, RecordIdTellsVersionsApart) {
  const Record record = test::sample_record();
  Json versions = record.versions;
  EXPECT_EQ(record_id_of(record.point_id, versions), record.record_id);
  versions["model_version"] = 2;
  EXPECT_NE(record_id_of(record.point_id, versions), record.record_id);
  EXPECT_NE(record_id_of("0000000000000000", record.versions), record.record_id);
}

}  // namespace
}  // namespace jb::results
