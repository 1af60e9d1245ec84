#include "backends/core/paths.h"

#include <cstdlib>
#include <vector>

#include "backends/core/error.h"

namespace jb {
namespace {

namespace fs = std::filesystem;

bool holds_data(const fs::path& dir) {
  std::error_code error;
  return fs::is_directory(dir / "presets", error) && fs::is_directory(dir / "tables", error);
}

/// The source tree keeps presets and tables in two rooms.
bool holds_sources(const fs::path& dir) {
  std::error_code error;
  return fs::is_directory(dir / "backends" / "presets", error);
}

fs::path executable_dir() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : self.parent_path();
}

struct DataFolders {
  fs::path presets, tables, suites, footprint, literature;
};

fs::path& given_dir() {
  static fs::path dir;
  return dir;
}

/// An installation keeps them side by side.
DataFolders folders_below(const fs::path& dir) {
  return {dir / "presets", dir / "tables", dir / "suites", dir / "footprint", dir / "literature"};
}

DataFolders find_folders() {
  if (!given_dir().empty()) {
    return folders_below(given_dir());
  }
  if (const char* given = std::getenv("JOULEBENCH_DATA_DIR"); given != nullptr && *given != '\0') {
    const fs::path dir(given);
    if (!holds_data(dir)) {
      fail_usage("JOULEBENCH_DATA_DIR is '{}', which holds no presets/ and tables/ folders", given);
    }
    return folders_below(dir);
  }
  const fs::path installed = executable_dir().parent_path() / "share" / "joulebench";
  if (holds_data(installed)) {
    return folders_below(installed);
  }
  const fs::path source(JOULEBENCH_SOURCE_DIR);
  if (holds_sources(source)) {
    return {source / "backends" / "presets", source / "backends" / "energy" / "tables",
            source / "harness" / "suites", source / "results" / "footprint" / "data",
            source / "results" / "literature"};
  }
  fail_usage(
      "presets and tables are neither beside the program nor in its source tree: set "
      "JOULEBENCH_DATA_DIR to the folder that holds presets/ and tables/");
}

}  // namespace

void set_data_dir(const fs::path& dir) {
  if (!holds_data(dir)) fail_usage("'{}' holds no presets/ and tables/ folders", dir.string());
  given_dir() = dir;
}

fs::path presets_dir() { return find_folders().presets; }
fs::path tables_dir() { return find_folders().tables; }
fs::path suites_dir() { return find_folders().suites; }
fs::path footprint_dir() { return find_folders().footprint; }
fs::path literature_dir() { return find_folders().literature; }

}  // namespace jb
