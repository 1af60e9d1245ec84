// The JSON Schemas accept what the program writes and ships, and refuse what its readers refuse.

#include "results/json_schema.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "backends/core/paths.h"
#include "results/record.h"
#include "results/validate.h"
#include "tests/support/sample_record.h"

namespace jb::results {
namespace {

namespace fs = std::filesystem;

class Schemas : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!schemas_available()) GTEST_SKIP() << schemas_available().reason;
  }
};

TEST_F(Schemas, AreFiveAndParse) {
  EXPECT_EQ(schema_names().size(), 5U);
  for (const std::string& name : schema_names()) {
    EXPECT_TRUE(Json::accept(schema_text(name))) << name;
    EXPECT_NO_THROW(JsonSchema{name});
  }
  EXPECT_THROW(schema_text("recrod"), Error);
}

TEST_F(Schemas, RecordsThatAreWrittenPass) {
  EXPECT_EQ(JsonSchema("record").error_in(to_json(test::sample_record())), std::nullopt);
}

TEST_F(Schemas, EveryPresetAndSuitePasses) {
  const JsonSchema preset("preset");
  std::size_t presets = 0;
  for (const auto& entry : fs::recursive_directory_iterator(presets_dir())) {
    if (entry.path().extension() != ".json") continue;
    ++presets;
    EXPECT_EQ(preset.error_in(read_json_file(entry.path())), std::nullopt) << entry.path();
  }
  EXPECT_GT(presets, 10U);
  const JsonSchema suite("suite");
  for (const auto& entry : fs::directory_iterator(suites_dir())) {
    EXPECT_EQ(suite.error_in(read_json_file(entry.path())), std::nullopt) << entry.path();
  }
}

struct Mutation {
  const char* what;
  std::function<void(Json&)> change;
};

// What the reader refuses, the schema refuses too: the reader stays the one that is sure to be
// there.
TEST_F(Schemas, RefuseRecordsThatTheReaderRefuses) {
  const JsonSchema schema("record");
  const std::vector<Mutation> mutations = {
      {"schema", [](Json& r) { r["schema"] = "joulebench/record/2"; }},
      {"id", [](Json& r) { r.erase("record_id"); }},
      {"number id", [](Json& r) { r["point_id"] = 3; }},
      {"status", [](Json& r) { r["status"] = "fine"; }},
      {"point", [](Json& r) { r["point"] = "gemm"; }},
      {"work", [](Json& r) { r.erase("work"); }},
      {"macs", [](Json& r) { r["work"]["macs"] = "many"; }},
      {"value", [](Json& r) { r["quantities"]["device_time_s"].erase("value"); }},
      {"null value", [](Json& r) { r["quantities"]["device_time_s"]["value"] = nullptr; }},
      {"n", [](Json& r) { r["quantities"]["device_time_s"]["n"] = 1.5; }},
      {"provenance", [](Json& r) { r["quantities"]["device_time_s"]["provenance"] = "guessed"; }},
      {"row", [](Json& r) { r["ledger"][0].erase("component"); }},
      {"boundary", [](Json& r) { r["ledger"][0]["boundary"] = "B9"; }},
      {"category", [](Json& r) { r["ledger"][0]["category"] = "magic"; }},
      {"energy", [](Json& r) { r["ledger"][0]["energy_J"] = "1"; }},
      {"ledger", [](Json& r) { r["ledger"] = Json::object(); }},
      {"lints",
       [](Json& r) {
         r["lints"] = {{{"text", "x"}}};
       }},
  };
  for (const Mutation& mutation : mutations) {
    Json json = to_json(test::sample_record());
    mutation.change(json);
    EXPECT_THROW(record_from_json(json, "x:1"), Error) << mutation.what;
    const auto error = schema.error_in(json);
    ASSERT_TRUE(error.has_value()) << mutation.what;
    EXPECT_FALSE(error->empty());
  }
}

TEST_F(Schemas, SayWhereSomethingIsWrong) {
  Json json = to_json(test::sample_record());
  json["ledger"][2]["boundary"] = "B9";
  const auto error = JsonSchema("record").error_in(json);
  ASSERT_TRUE(error.has_value());
  EXPECT_NE(error->find("ledger.2.boundary"), std::string::npos) << *error;
}

TEST_F(Schemas, DocumentsAreKnownByTheirSchemaField) {
  const Json suite = read_json_file(suites_dir() / "gate.json");
  EXPECT_EQ(schema_of(suite), "suite");
  EXPECT_TRUE(validate_document(suite).empty());
  Json broken = suite;
  broken["points"][0]["targest"] = broken["points"][0]["targets"];
  EXPECT_EQ(validate_document(broken).size(), 1U);
  EXPECT_THROW(validate_document(Json{{"schema", "other/1"}}), Error);
}

}  // namespace
}  // namespace jb::results
