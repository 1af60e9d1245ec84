// What a run says about the computer and the program.

#include "harness/environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace jb::harness {
namespace {

TEST(Environment, DescribesTheHostWithoutItsName) {
  const HostDescription host = describe_host();
  EXPECT_GE(host.logical_cpus, 1);
  EXPECT_GE(host.usable_cpus, 1);
  EXPECT_GE(host.load_1min, 0);
  EXPECT_EQ(host.host_hash.size(), 16U);
  std::array<char, 256> name{};
  ASSERT_EQ(gethostname(name.data(), name.size() - 1), 0);
  const std::string text = to_json(host).dump();
  // A name as short as "a" occurs in any text; longer ones must not.
  if (std::string(name.data()).size() > 8) {
    EXPECT_EQ(text.find(name.data()), std::string::npos) << text;
  }
  EXPECT_EQ(describe_host().host_hash, host.host_hash);
}

TEST(Environment, MemoryIsPlausible) {
  const HostDescription host = describe_host();
  EXPECT_GT(host.memory_bytes, 0);
  EXPECT_GT(available_memory_bytes(), 0);
  EXPECT_LE(available_memory_bytes(), host.memory_bytes);
}

TEST(Environment, NamesVersions) {
  const Json libraries = library_versions();
  for (const char* name :
       {"eigen", "fmt", "nlohmann_json", "cli11", "onednn", "google_benchmark"}) {
    ASSERT_TRUE(libraries.contains(name)) << name;
    EXPECT_FALSE(libraries.at(name).get<std::string>().empty()) << name;
  }
  const Json build = build_description();
  EXPECT_EQ(build.at("version").get<std::string>(), program_version());
  EXPECT_FALSE(build.at("compiler").get<std::string>().empty());
}

TEST(Environment, FindingsFollowFromTheDescription) {
  const auto ids = [](const HostDescription& host) {
    std::vector<std::string> names;
    for (const Finding& finding : host_findings(host)) {
      EXPECT_FALSE(finding.text.empty());
      EXPECT_FALSE(finding.mend.empty());
      names.push_back(finding.id);
    }
    return names;
  };
  HostDescription quiet;
  quiet.logical_cpus = 4;
  quiet.usable_cpus = 4;
  quiet.governor = "performance";
  const std::vector<std::string> none = ids(quiet);
  HostDescription loud = quiet;
  loud.usable_cpus = 2;
  loud.governor = "powersave";
  loud.virtualised = true;
  loud.load_1min = 3;
  std::vector<std::string> all = ids(loud);
  for (const char* id : {"virtualised", "governor", "load", "few-cores"}) {
    EXPECT_EQ(std::count(none.begin(), none.end(), id), 0) << id;
    EXPECT_EQ(std::count(all.begin(), all.end(), id), 1) << id;
  }
}

}  // namespace
}  // namespace jb::harness
