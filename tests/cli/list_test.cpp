// joulebench list: the keys that scripts rely on.

#include <gtest/gtest.h>

#include <set>

#include "tests/support/run_command.h"

namespace jb::test {
namespace {

using nlohmann::json;

json list_json(const std::vector<std::string>& what) {
  std::vector<std::string> arguments = {"list"};
  arguments.insert(arguments.end(), what.begin(), what.end());
  arguments.emplace_back("--json");
  const CommandResult result = joulebench(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out);
}

TEST(List, BackendsHaveTheKeysOfTheContract) {
  const json backends = list_json({"backends"});
  const std::set<std::string> kinds = {"cmos", "analog", "photonic", "reference"};
  std::set<std::string> ids;
  for (const json& backend : backends) {
    ids.insert(backend.at("id").get<std::string>());
    EXPECT_EQ(kinds.count(backend.at("kind").get<std::string>()), 1U) << backend;
    EXPECT_TRUE(backend.at("simulated").is_boolean());
    EXPECT_TRUE(backend.at("precisions").is_array());
    EXPECT_TRUE(backend.at("devices").is_array());
    EXPECT_TRUE(backend.at("default_device").is_string());
    // A backend that cannot run says why, one that can has nothing to excuse.
    EXPECT_EQ(backend.at("available").get<bool>(), backend.at("reason").get<std::string>().empty())
        << backend;
    if (backend.at("available").get<bool>()) {
      const json& devices = backend.at("devices");
      EXPECT_NE(std::find(devices.begin(), devices.end(), backend.at("default_device")),
                devices.end())
          << backend;
    }
  }
  for (const char* id : {"reference", "onednn", "cublas", "systolic", "crossbar", "photonic"}) {
    EXPECT_EQ(ids.count(id), 1U) << id;
  }
}

TEST(List, DefaultDevicesAreThoseOfTheContract) {
  for (const json& backend : list_json({"backends"})) {
    const std::string id = backend.at("id");
    const std::map<std::string, std::string> expected = {
        {"crossbar", "pcm-hermes"}, {"photonic", "photonic-2025"}, {"systolic", "tpu-v1"}};
    const auto at = expected.find(id);
    if (at == expected.end()) continue;
    EXPECT_EQ(backend.at("default_device"), at->second);
    const std::vector<std::string> devices = backend.at("devices");
    EXPECT_NE(std::find(devices.begin(), devices.end(), "ideal"), devices.end()) << id;
  }
}

TEST(List, DevicesGiveEveryKeyThatSetTakes) {
  const json devices = list_json({"devices"});
  ASSERT_FALSE(devices.empty());
  for (const json& device : devices) {
    for (const char* key : {"backend", "name", "description", "theory_bound", "lowest_boundary",
                            "highest_boundary", "parameters"}) {
      EXPECT_TRUE(device.contains(key)) << key << " of " << device.at("name");
    }
    for (const auto& [name, parameter] : device.at("parameters").items()) {
      for (const char* key : {"value", "unit", "type", "source", "class", "description"}) {
        EXPECT_TRUE(parameter.contains(key)) << name << "." << key;
      }
      const std::string type = parameter.at("type");
      if (type == "number" || type == "integer") {
        EXPECT_TRUE(parameter.contains("min") && parameter.contains("max")) << name;
      } else if (type == "choice") {
        EXPECT_FALSE(parameter.at("choices").empty()) << name;
      }
    }
  }
}

TEST(List, KeysThatScriptsRelyOnAreThere) {
  std::map<std::string, std::set<std::string>> keys;
  for (const json& device : list_json({"devices"})) {
    for (const auto& [name, parameter] : device.at("parameters").items()) {
      keys[device.at("backend")].insert(name);
    }
  }
  for (const char* key : {"n_mac", "split", "eta", "papr", "norm"}) {
    EXPECT_EQ(keys["photonic"].count(key), 1U) << key;
  }
  for (const char* key : {"rows", "cols", "clock_Hz", "dataflow"}) {
    EXPECT_EQ(keys["systolic"].count(key), 1U) << key;
  }
}

TEST(List, DevicesOfOneBackend) {
  const json devices = list_json({"devices", "--backend", "crossbar"});
  ASSERT_FALSE(devices.empty());
  for (const json& device : devices) EXPECT_EQ(device.at("backend"), "crossbar");
}

TEST(List, MetersDoNotPretend) {
  // Tests run without the computer's own meters (run_command.h).
  for (const json& meter : list_json({"meters"})) {
    EXPECT_EQ(meter.at("status"), "unavailable") << meter;
    EXPECT_FALSE(meter.at("available").get<bool>());
    EXPECT_FALSE(meter.at("reason").get<std::string>().empty());
  }
}

TEST(List, EverythingHasATextAndAJsonForm) {
  for (const char* what :
       {"backends", "devices", "networks", "suites", "meters", "formats", "shapes"}) {
    const CommandResult text = joulebench({"list", what});
    EXPECT_EQ(text.exit_code, 0) << what << text.err;
    EXPECT_FALSE(text.out.empty()) << what;
    EXPECT_LE(widest_line(text.out), 80) << what;
    EXPECT_EQ(text.err, "") << what;
    EXPECT_FALSE(list_json({what}).empty()) << what;
  }
}

}  // namespace
}  // namespace jb::test
