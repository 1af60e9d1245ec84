#pragma once
// Where the records of files lie, so that any of them can be read without holding all.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "results/record.h"

namespace jb::results {

/// The text of a field of a JSON object's first level, read without parsing the rest; "" when it is
/// not there, no text, or holds escapes.
std::string_view top_level_text(std::string_view json, std::string_view key);

/// Lines of the files that a user names (record_files), in order. Memory is some ten bytes a
/// record.
class RecordIndex {
 public:
  /// Usage error when nothing is there, no record is in it, or a line is no record's. A torn last
  /// line of a file is passed over.
  explicit RecordIndex(const std::filesystem::path& path);
  ~RecordIndex();
  RecordIndex(const RecordIndex&) = delete;
  RecordIndex& operator=(const RecordIndex&) = delete;

  /// What the user named.
  [[nodiscard]] const std::filesystem::path& named() const noexcept { return named_; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// Reads record i; may be called by several threads.
  [[nodiscard]] Record read(std::size_t i) const;
  [[nodiscard]] Json read_json(std::size_t i) const;
  /// "file:line" of record i.
  [[nodiscard]] std::string where(std::size_t i) const;
  [[nodiscard]] const std::filesystem::path& file(std::size_t i) const {
    return files_[entries_[i].file].path;
  }
  [[nodiscard]] std::size_t file_number(std::size_t i) const { return entries_[i].file; }
  [[nodiscard]] std::uint64_t point_key(std::size_t i) const { return entries_[i].point_key; }

  /// The last record of each point, by its key.
  [[nodiscard]] std::unordered_map<std::uint64_t, std::size_t> last_of_each_point() const;

 private:
  struct File {
    std::filesystem::path path;
    int fd = -1;
  };
  struct Entry {
    std::uint64_t offset = 0;
    std::uint64_t point_key = 0;  ///< hash of point_id
    std::uint32_t length = 0;
    std::uint32_t line = 0;
    std::uint32_t file = 0;
  };
  void scan(std::uint32_t file);
  void take(std::uint32_t file, std::uint64_t offset, std::uint32_t line, std::string_view text,
            bool last);
  void close() noexcept;

  std::filesystem::path named_;
  std::vector<File> files_;
  std::vector<Entry> entries_;
};

}  // namespace jb::results
