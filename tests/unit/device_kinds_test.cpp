// Does a backend with several kinds of machine keep their keys apart?

#include <gtest/gtest.h>

#include <filesystem>

#include "backends/core/error.h"
#include "backends/core/parameters.h"

namespace jb {
namespace {

/// Two kinds of machine: `only_a` belongs to one, `shared` has another range in each.
const std::vector<ParameterSpec>& schema() {
  static const std::vector<ParameterSpec> specs = [] {
    std::vector<ParameterSpec> rows = {
        choice_spec("architecture", {"a", "b"}, "kind of machine", "a"),
        integer_spec("only_a", "1", 0, 9, "of one kind", 1),
        integer_spec("shared", "1", 0, 9, "of both", 2),
        integer_spec("shared", "1", 0, 99, "of both", 3),
    };
    rows[1].architecture = rows[2].architecture = "a";
    rows[3].architecture = "b";
    return rows;
  }();
  return specs;
}

class DeviceKinds : public testing::Test {
 protected:
  DeviceSpec load(const std::string& parameters) const {
    write_file_atomically(file_, R"({"schema":"joulebench/device/1","backend":"demo","name":"d",
      "description":"a demo","parameters":{)" +
                                     parameters + "}}");
    return load_device_file(schema(), "demo", file_);
  }
  std::string refusal(const std::string& parameters) const {
    try {
      load(parameters);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::usage);
      return e.what();
    }
    return "accepted";
  }
  static std::string kind(const std::string& name) {
    return R"("architecture": {"value": ")" + name +
           R"(", "unit": "1", "source": "test", "class": "exact"})";
  }
  void TearDown() override { std::filesystem::remove(file_); }

 private:
  std::filesystem::path file_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".kind.json");
};

TEST_F(DeviceKinds, HaveKeysAndRangesOfTheirOwn) {
  DeviceSpec a = load("");
  DeviceSpec b = load(kind("b"));
  EXPECT_EQ(a.text("architecture"), "a");
  EXPECT_EQ(a.schema().size(), 3U);
  EXPECT_EQ(b.schema().size(), 2U);
  EXPECT_EQ(b.integer("shared"), 3);
  b.set("shared", "50");
  EXPECT_EQ(b.integer("shared"), 50);
  EXPECT_THROW(a.set("shared", "50"), Error);
  EXPECT_NE(a.hash(), b.hash());
}

TEST_F(DeviceKinds, RefuseTheKeysOfOthersByName) {
  const std::string text = refusal(
      kind("b") + R"(,"only_a": {"value": 1, "unit": "1", "source": "test", "class": "exact"})");
  EXPECT_NE(text.find("'only_a' is a parameter of architecture = a"), std::string::npos) << text;
  EXPECT_NE(text.find("this device is of architecture = b"), std::string::npos) << text;
  EXPECT_NE(refusal(kind("c")).find("one of a, b"), std::string::npos);
  DeviceSpec b = load(kind("b"));
  EXPECT_THROW(b.set("only_a", "1"), Error);
  EXPECT_THROW(b.set("architecture", "a"), Error);
}

}  // namespace
}  // namespace jb
