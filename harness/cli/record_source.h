#pragma once
// Records that a user names by a path and the start of an id.

#include <filesystem>
#include <string>

#include "results/record.h"

namespace jb::harness::cli {

/// The one record of `path` (.jsonl, .json, run folder, folder of runs) whose record id, or point
/// id, starts with `id_prefix`; "" when the path holds a single record. Usage error listing what is
/// there otherwise.
results::Record load_one_record(const std::filesystem::path& path, const std::string& id_prefix);

/// "saturated: 0.3 % of ADC samples clipped": id and sentence, the id once.
std::string lint_text(const results::Lint& lint);

}  // namespace jb::harness::cli
