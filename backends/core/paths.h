#pragma once
// Where presets, tables and suites lie: $JOULEBENCH_DATA_DIR, beside the installed binary
// (../share/joulebench), or the source tree that the binary was built from. Usage error when there
// is none of them.

#include <filesystem>

namespace jb {

std::filesystem::path presets_dir();  ///< holds <backend>/<device>.json
std::filesystem::path tables_dir();   ///< holds <table>.json
std::filesystem::path suites_dir();   ///< holds <suite>.json

}  // namespace jb
