#pragma once
// Where presets, tables and suites lie: $JOULEBENCH_DATA_DIR, beside the installed binary
// (../share/joulebench), or the source tree that the binary was built from. Usage error when there
// is none of them. A program that links the installed libraries names the folder itself.

#include <filesystem>

namespace jb {

/// From now on data lie in `dir` (presets/, tables/, suites/, literature/); before any other thread
/// starts.
void set_data_dir(const std::filesystem::path& dir);

std::filesystem::path presets_dir();     ///< holds <backend>/<device>.json
std::filesystem::path tables_dir();      ///< holds <table>.json
std::filesystem::path suites_dir();      ///< holds <suite>.json
std::filesystem::path footprint_dir();   ///< grids, prices, published footprints
std::filesystem::path literature_dir();  ///< holds energy-per-op.csv and references.bib

}  // namespace jb
