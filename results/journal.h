#pragma once
// records.jsonl: append-only, one write and one fsync a record; a torn last line is tolerated.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "results/record.h"

namespace jb::results {

/// Appends records to a file, creating it. A torn last line that an interrupted run left (not whole
/// JSON) is cut off first, for it is no record and would make the next line unreadable; a whole
/// last line that lacks only its newline gets it. Usage error when it cannot be opened or another
/// process is writing to it; a usage error too when a write fails (disk full), after which the file
/// still ends with whole records plus at most one torn line.
class JournalWriter {
 public:
  explicit JournalWriter(const std::filesystem::path& file);
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;
  void append(const Record& record);

 private:
  int fd_ = -1;
  std::filesystem::path file_;
};

/// Streams the records of a .jsonl file in order, holding one line at a time (at most 16 MiB).
/// A torn last line (not whole JSON) is skipped, and true is returned then; anything else malformed
/// is a usage error naming file and line. Blank lines are passed over.
bool read_journal(const std::filesystem::path& file, const std::function<void(Record&&)>& sink);

/// Streams the records of what a user names (see load_results), with the file each stands in; the
/// same refusals. A .json file of more than 16 MiB is refused before it is read.
void stream_results(const std::filesystem::path& path,
                    const std::function<void(Record&&, const std::filesystem::path& file)>& sink);

/// Records of what a user names: a .jsonl file, a .json file with one record, a run folder (holds
/// records.jsonl), or a folder of runs (every records.jsonl one level down, sorted by name). All
/// records are kept, duplicates too. Usage error when nothing is there or no record is in it.
std::vector<Record> load_results(const std::filesystem::path& path);

}  // namespace jb::results
