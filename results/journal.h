#pragma once
// records.jsonl: append-only, one write and one fsync a record; a torn last line is tolerated.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "results/record.h"

namespace jb::results {

/// A record that could not be written: the disk is full, or has failed. What stands before it is
/// kept.
class WriteFailed : public Error {
 public:
  explicit WriteFailed(const std::string& message) : Error(ErrorCode::usage, message) {}
};

/// Appends records to a file, creating it. A torn last line that an interrupted run left (not whole
/// JSON) is cut off first, for it is no record and would make the next line unreadable; a whole
/// last line that lacks only its newline gets it. Usage error when it cannot be opened or another
/// process is writing to it; WriteFailed when a write fails, after which the file still ends with
/// whole records plus at most one torn line.
class JournalWriter {
 public:
  explicit JournalWriter(const std::filesystem::path& file);
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;
  /// One write and one fsync.
  void append(const Record& record);
  /// Without the fsync: a killed program loses nothing, a power failure what sync() did not reach.
  void add(const Record& record);
  /// A line that is a record already, without its newline.
  void add_line(const std::string& line);
  void sync();

 private:
  void write(const std::string& line);

  int fd_ = -1;
  std::filesystem::path file_;
};

/// Streams the records of a .jsonl file in order, holding one line at a time (at most 16 MiB).
/// A torn last line (not whole JSON) is skipped, and true is returned then; anything else malformed
/// is a usage error naming file and line. Blank lines are passed over.
bool read_journal(const std::filesystem::path& file, const std::function<void(Record&&)>& sink);

/// The files behind what a user names: a .jsonl file, a .json file with one record, a run folder
/// (holds records.jsonl), or a folder of runs (every records.jsonl one level down, sorted by name).
/// Usage error when there is none.
std::vector<std::filesystem::path> record_files(const std::filesystem::path& path);

/// Streams the records of what a user names (record_files), with the file each stands in. A .json
/// file of more than 16 MiB is refused before it is read. Usage error when no record is there.
void stream_results(const std::filesystem::path& path,
                    const std::function<void(Record&&, const std::filesystem::path& file)>& sink);

/// Records of what a user names (record_files). All are kept, duplicates too. Usage error when
/// nothing is there or no record is in it.
std::vector<Record> load_results(const std::filesystem::path& path);

}  // namespace jb::results
