#pragma once
// Shards of a run joined into one folder: what is there twice, and what is missing.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace jb::harness {

class LogJoin;  // harness/join_log.h

struct MergeResult {
  std::size_t records = 0;
  std::size_t duplicates = 0;      ///< records that another input holds too; kept once
  std::size_t contradictions = 0;  ///< of these, with other modelled numbers
  std::size_t joined = 0;          ///< records that a log was joined to
  std::size_t missing = 0;         ///< points without a record, as far as run.json tells
  std::vector<std::string> notes;  ///< one sentence each
};

/// Writes the records of all inputs (run folders, folders of runs, .jsonl files), in their order
/// and each record_id once, with run.json and the files beside them, into a new folder. Streams:
/// memory is some hundred bytes a record. Usage error before anything is written for inputs that
/// are no records, and for a folder that holds a run already (unless `force`).
/// `log`: joined to the records that wait for one, before anything is written; usage error when
/// none does.
MergeResult merge_runs(const std::vector<std::filesystem::path>& inputs,
                       const std::filesystem::path& output, bool force,
                       const std::vector<std::string>& command, const LogJoin* log = nullptr);

}  // namespace jb::harness
