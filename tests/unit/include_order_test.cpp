// The order of the rooms, read from the #include lines:
//   core < energy < analog and the interface (backend.h, host/) < each backend
//   core, energy, interface < models;  core, energy < results;  all of them < harness
// No backend includes another, and no product source includes a test.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace jb {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> kTopFolders = {"backends", "models", "results", "harness",
                                                         "tests"};

// The room of a path from the root, "" for a path in none: "core", "energy", "analog", "interface"
// (files directly in backends/, and backends/host), "backend <id>", "models", "results", "harness",
// "tests".
std::string room_of(const fs::path& path) {
  std::vector<std::string> parts;
  for (const fs::path& part : path.lexically_normal()) parts.push_back(part.string());
  if (parts.size() < 2 ||
      std::find(kTopFolders.begin(), kTopFolders.end(), parts[0]) == kTopFolders.end()) {
    return "";
  }
  if (parts[0] != "backends") return parts[0];
  if (parts.size() == 2) return "interface";
  if (parts[1] == "host") return "interface";
  if (parts[1] == "core" || parts[1] == "energy" || parts[1] == "analog") return parts[1];
  return "backend " + parts[1];
}

bool may_include(const std::string& from, const std::string& to) {
  if (from == to || from == "tests") return true;
  if (to == "tests") return false;
  if (from == "harness") return true;
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"core", {}},
      {"energy", {"core"}},
      {"analog", {"core", "energy"}},
      {"interface", {"core", "energy"}},
      {"models", {"core", "energy", "interface"}},
      {"results", {"core", "energy"}},
  };
  static const std::set<std::string> below_a_backend = {"core", "energy", "analog", "interface"};
  if (from.rfind("backend ", 0) == 0) return below_a_backend.count(to) > 0;
  const auto entry = allowed.find(from);
  return entry != allowed.end() && entry->second.count(to) > 0;
}

// What is wrong with one line of `file` (both paths from the root); nothing when it is no include,
// a system header or an include that the order allows.
std::optional<std::string> objection(const std::string& file, const std::string& line) {
  static const std::regex pattern(R"re(^\s*#\s*include\s*(["<])([^">]+)[">])re");
  std::smatch match;
  if (!std::regex_search(line, match, pattern)) return std::nullopt;
  const std::string target = match[2];
  const std::string to = room_of(target);
  if (to.empty()) {
    if (match[1] == "<") return std::nullopt;
    return file + ": \"" + target + "\" is not a path from the root of the project";
  }
  const std::string from = room_of(file);
  if (may_include(from, to)) return std::nullopt;
  return file + ": room '" + from + "' must not include \"" + target + "\" of room '" + to + "'";
}

std::vector<std::string> objections(const std::string& file, std::istream& text) {
  std::vector<std::string> found;
  for (std::string line; std::getline(text, line);) {
    if (auto words = objection(file, line)) found.push_back(*words);
  }
  return found;
}

bool is_source(const fs::path& file) {
  static const std::set<std::string> extensions = {".h",  ".hpp", ".cpp", ".cc",
                                                   ".cu", ".cuh", ".in"};
  return extensions.count(file.extension().string()) > 0;
}

TEST(IncludeOrder, HoldsInEverySource) {
  const fs::path root = JOULEBENCH_SOURCE_DIR;
  std::map<std::string, int> sources_in_room;
  for (const std::string_view top : kTopFolders) {
    ASSERT_TRUE(fs::is_directory(root / top)) << top;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      const std::string file = entry.path().lexically_relative(root).generic_string();
      ++sources_in_room[room_of(file)];
      std::ifstream text(entry.path());
      ASSERT_TRUE(text) << file;
      for (const std::string& words : objections(file, text)) ADD_FAILURE() << words;
    }
  }
  // A walk that saw nothing would pass: the rooms that everything rests on must have been read.
  for (const char* room : {"core", "energy", "interface", "models", "results", "harness"}) {
    EXPECT_GT(sources_in_room[room], 0) << room;
  }
}

struct Arrow {
  const char* file;
  const char* include;
};

TEST(IncludeOrder, AcceptsArrowsThatRunUpwards) {
  for (const auto& [file, include] : std::vector<Arrow>{
           {"backends/core/gemm.cpp", "backends/core/gemm.h"},
           {"backends/energy/ledger.h", "backends/core/shape.h"},
           {"backends/analog/adc.h", "backends/energy/activity.h"},
           {"backends/backend.h", "backends/energy/ledger.h"},
           {"backends/registry.cpp.in", "backends/backend.h"},
           {"backends/crossbar/tile.cpp", "backends/analog/adc.h"},
           {"backends/crossbar/tile.cpp", "backends/crossbar/tile.h"},
           {"backends/crossbar/device.cpp", "backends/backend.h"},
           {"models/mlp.h", "backends/backend.h"},
           {"results/record.h", "backends/energy/ledger.h"},
           {"results/report/markdown.cpp", "results/record.h"},
           {"harness/cli/main.cpp", "results/record.h"},
           {"harness/runner.cpp", "models/mlp.h"},
           {"tests/unit/record_test.cpp", "results/record.h"},
       }) {
    const std::string line = std::string("#include \"") + include + "\"";
    EXPECT_EQ(objection(file, line), std::nullopt) << line;
  }
}

TEST(IncludeOrder, RefusesArrowsThatRunTheOtherWay) {
  for (const auto& [file, include] : std::vector<Arrow>{
           {"backends/core/gemm.cpp", "backends/energy/ledger.h"},
           {"backends/core/graph_view.h", "backends/backend.h"},
           {"backends/energy/ledger.h", "backends/analog/adc.h"},
           {"backends/energy/ledger.h", "results/record.h"},
           {"backends/analog/adc.h", "backends/backend.h"},
           {"backends/backend.h", "backends/analog/adc.h"},
           {"backends/backend.h", "backends/crossbar/tile.h"},
           {"backends/crossbar/tile.cpp", "backends/photonic/mesh.h"},
           {"backends/crossbar/tile.cpp", "models/mlp.h"},
           {"backends/systolic/device.cpp", "harness/point.h"},
           {"models/mlp.cpp", "backends/analog/adc.h"},
           {"models/mlp.cpp", "backends/reference/reference.h"},
           {"models/mlp.cpp", "results/record.h"},
           {"results/record.h", "backends/backend.h"},
           {"results/record.h", "backends/onednn/onednn.h"},
           {"results/record.h", "models/dataset.h"},
           {"results/report/csv.cpp", "harness/point.h"},
           {"harness/runner.cpp", "tests/support/fake_meter.h"},
           {"models/mlp.cpp", "models/../results/record.h"},
       }) {
    const std::string line = std::string("#include \"") + include + "\"";
    EXPECT_NE(objection(file, line), std::nullopt) << file << ": " << line;
  }
}

TEST(IncludeOrder, ReadsIncludeLinesAsACompilerDoes) {
  const std::string file = "results/record.h";
  for (const char* line : {"#include \"models/mlp.h\"", "#include <models/mlp.h>",
                           "  #  include \"models/mlp.h\"  // x", "#include\"models/mlp.h\"",
                           "#include \"record.h\"", "#include \"../models/mlp.h\""}) {
    EXPECT_NE(objection(file, line), std::nullopt) << line;
  }
  for (const char* line :
       {"#include <vector>", "#include <nlohmann/json.hpp>", "// #include \"models/mlp.h\"",
        "text with \"models/mlp.h\" in it", ""}) {
    EXPECT_EQ(objection(file, line), std::nullopt) << line;
  }
  std::istringstream text("#pragma once\n#include <map>\n#include \"models/mlp.h\"\nint x;\n");
  const auto found = objections(file, text);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].find("results/record.h: room 'results' must not include \"models/mlp.h\""),
            std::string::npos)
      << found[0];
}

}  // namespace
}  // namespace jb
