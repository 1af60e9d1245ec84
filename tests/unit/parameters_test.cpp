// Does the reader of device files refuse what it must, naming file, key and range?
#include "backends/core/parameters.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "backends/core/error.h"

namespace jb {
namespace {

const std::vector<ParameterSpec>& schema() {
  static const std::vector<ParameterSpec> specs = {
      integer_spec("tile.rows", "1", 1, 4096, "rows of a tile"),
      number_spec("energy.adc_J", "J", 0, 1e-6, "energy of one conversion"),
      choice_spec("norm", {"per_vector", "per_batch"}, "normalisation", "per_vector"),
      flag_spec("gated", "lanes are gated", false),
  };
  return specs;
}

constexpr const char* kRows =
    R"("tile.rows": {"value": 128, "unit": "1", "source": "test", "class": "exact"})";
constexpr const char* kAdc =
    R"("energy.adc_J": {"value": 1e-12, "unit": "J", "source": "test", "class": "C"})";

class DeviceFile : public testing::Test {
 protected:
  std::filesystem::path file_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".json");

  DeviceSpec load(const std::string& parameters, const std::string& more = "") {
    write_file_atomically(file_, R"({"schema":"joulebench/device/1","backend":"demo","name":"d",
      "description":"a demo")" + more +
                                     R"(,"parameters":{)" + parameters + "}}");
    return load_device_file(schema(), "demo", file_);
  }

  std::string refusal(const std::string& parameters, const std::string& more = "") {
    try {
      load(parameters, more);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::usage);
      EXPECT_NE(std::string(e.what()).find(file_.string()), std::string::npos) << e.what();
      return e.what();
    }
    return "accepted";
  }

  void TearDown() override { std::filesystem::remove(file_); }
};

std::string both() { return std::string(kRows) + "," + kAdc; }

TEST_F(DeviceFile, GivesValuesWithTheirSources) {
  const DeviceSpec spec = load(both());
  EXPECT_EQ(spec.integer("tile.rows"), 128);
  EXPECT_EQ(spec.number("tile.rows"), 128.0);
  EXPECT_EQ(spec.number("energy.adc_J"), 1e-12);
  EXPECT_EQ(spec.at("energy.adc_J").cls, ConstantClass::C);
  EXPECT_EQ(spec.text("norm"), "per_vector");
  EXPECT_FALSE(spec.flag("gated"));
}

TEST_F(DeviceFile, RefusesUnknownKeysWithTheNearest) {
  const std::string text =
      refusal(both() + R"(,"tile.row": {"value": 1, "unit": "1", "source": "s", "class": "A"})");
  EXPECT_NE(text.find("did you mean 'tile.rows'"), std::string::npos) << text;
}

TEST_F(DeviceFile, RefusesValuesOutOfRangeNamingTheRange) {
  const std::string text =
      refusal(std::string(kAdc) +
              R"(,"tile.rows": {"value": 5000, "unit": "1", "source": "s", "class": "exact"})");
  EXPECT_NE(text.find("tile.rows"), std::string::npos);
  EXPECT_NE(text.find("1 .. 4096"), std::string::npos) << text;
}

TEST_F(DeviceFile, RefusesWrongTypesUnitsClassesAndMissingParts) {
  const auto adc = [&](const std::string& body) {
    return refusal(std::string(kRows) + R"(,"energy.adc_J": {)" + body + "}");
  };
  EXPECT_NE(adc(R"("value":"x","unit":"J","source":"s","class":"C")").find("a number"),
            std::string::npos);
  EXPECT_NE(adc(R"("value":1e-12,"unit":"pJ","source":"s","class":"C")").find("pJ"),
            std::string::npos);
  EXPECT_NE(adc(R"("value":1e-12,"unit":"J","source":"s","class":"E")").find("'E'"),
            std::string::npos);
  EXPECT_NE(adc(R"("value":1e-12,"unit":"J","class":"C")").find("source"), std::string::npos);
  EXPECT_NE(adc(R"("value":1e-12,"source":"s","class":"C")").find("unit"), std::string::npos);
  EXPECT_NE(adc(R"("value":1e-12,"unit":"J","source":"s")").find("class"), std::string::npos);
  EXPECT_NE(refusal(kRows).find("energy.adc_J"), std::string::npos);
  EXPECT_NE(refusal(both() + R"(,"norm":{"value":"per_vec","unit":"1","source":"s",
            "class":"exact"})")
                .find("one of per_vector, per_batch"),
            std::string::npos);
  EXPECT_NE(refusal(both(), R"(,"colour":1)").find("colour"), std::string::npos);
}

TEST_F(DeviceFile, RefusesNamesAndTextsThatActOnATerminal) {
  const auto named = [this](const std::string& name, const std::string& description) {
    write_file_atomically(file_, R"({"schema":"joulebench/device/1","backend":"demo","name":")" +
                                     name + R"(","description":")" + description +
                                     R"(","parameters":{)" + both() + "}}");
    try {
      return load_device_file(schema(), "demo", file_).name();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::usage);
      return std::string(e.what());
    }
  };
  EXPECT_EQ(named("My_chip-2.0+b", "d"), "My_chip-2.0+b");
  for (const char* name : {"../../x", "a b", "-x", "a\\nb", "caf\xc3\xa9", "\\u001b[31m"}) {
    const std::string text = named(name, "d");
    EXPECT_TRUE(text.find("at most 64 letters") != std::string::npos ||
                text.find("control characters") != std::string::npos)
        << name << ": " << text;
  }
  EXPECT_NE(named(std::string(65, 'x'), "d").find("at most 64"), std::string::npos);
  EXPECT_EQ(named(std::string(64, 'x'), "d"), std::string(64, 'x'));
  EXPECT_NE(named("d", "\\u001b[2J").find("control characters"), std::string::npos);
}

TEST_F(DeviceFile, OverridesKeysFromTheCommandLine) {
  DeviceSpec spec = load(both());
  const std::string before = spec.hash();
  spec.set("tile.rows", "64");
  EXPECT_EQ(spec.integer("tile.rows"), 64);
  EXPECT_EQ(spec.at("tile.rows").source, "--set");
  EXPECT_NE(spec.hash(), before);
  EXPECT_THROW(spec.set("tile.rows", "0"), Error);
  EXPECT_THROW(spec.set("tile.rows", "many"), Error);
  EXPECT_THROW(spec.set("tile.cols", "1"), Error);
  EXPECT_EQ(spec.overrides().size(), 1U);
}

TEST_F(DeviceFile, TakesConstantsFromTables) {
  const DeviceSpec spec =
      load(std::string(kRows) + R"(,"energy.adc_J": {"from": "ops-45nm/mul.int8", "scale": 2})");
  EXPECT_DOUBLE_EQ(spec.number("energy.adc_J"), 0.4e-12);  // Horowitz, ISSCC 2014: 0.2 pJ
  EXPECT_NE(spec.at("energy.adc_J").source.find("ops-45nm/mul.int8"), std::string::npos);
  EXPECT_NE(refusal(std::string(kRows) + R"(,"energy.adc_J": {"from": "ops-45nm/mul.int9"})")
                .find("mul.int8"),
            std::string::npos);
}

}  // namespace
}  // namespace jb
