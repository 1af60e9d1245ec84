#include "results/record_index.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "backends/core/error.h"
#include "backends/core/random.h"
#include "results/journal.h"

namespace jb::results {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestLine = std::size_t{16} << 20U;  // as read_journal allows

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// Reads on from `at` past a JSON text that begins there; its inside without quotes.
std::string_view quoted(std::string_view json, std::size_t& at) {
  const std::size_t begin = ++at;
  while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
  const std::size_t end = std::min(at, json.size());
  at = end + 1;
  return json.substr(begin, end - begin);
}

}  // namespace

std::string_view top_level_text(std::string_view json, std::string_view key) {
  int depth = 0;
  bool key_next = false;  // the next text is a key of the first level
  bool found = false;     // the key sought has been read
  for (std::size_t at = 0; at < json.size();) {
    switch (json[at]) {
      case '"': {
        const std::string_view text = quoted(json, at);
        if (depth != 1) break;
        if (found) return text.find('\\') == std::string_view::npos ? text : std::string_view{};
        if (key_next && text == key) found = true;
        key_next = false;
        break;
      }
      case '{':
      case '[':
        if (found && depth == 1) return {};
        ++depth;
        key_next = depth == 1;
        ++at;
        break;
      case '}':
      case ']':
        --depth;
        ++at;
        break;
      case ',':
        if (depth == 1) {
          if (found) return {};  // a number, or a literal
          key_next = true;
        }
        ++at;
        break;
      default:
        ++at;
    }
  }
  return {};
}

RecordIndex::RecordIndex(const fs::path& path) : named_(path) {
  try {
    for (const fs::path& file : record_files(path)) {
      const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0)
        fail_usage("cannot read records from {}: {}", file.string(), std::strerror(errno));
      files_.push_back({file, fd});
      struct stat status {};
      if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        fail_usage("cannot read records from {}: it is not a regular file", file.string());
      }
      scan(static_cast<std::uint32_t>(files_.size() - 1));
    }
    if (entries_.empty()) fail_usage("{} holds no record", path.string());
  } catch (...) {
    close();
    throw;
  }
}

RecordIndex::~RecordIndex() { close(); }

void RecordIndex::close() noexcept {
  for (File& file : files_) {
    if (file.fd >= 0) ::close(file.fd);
    file.fd = -1;
  }
}

void RecordIndex::take(std::uint32_t file, std::uint64_t offset, std::uint32_t line,
                       std::string_view text, bool last) {
  if (is_blank(text)) return;
  const std::string_view whole = trimmed(text);
  // A line that is cut off has lost its last brace; whether others are JSON is seen when read.
  if (last && !Json::accept(whole)) return;
  const std::string_view id = top_level_text(whole, "point_id");
  if (id.empty()) {
    const std::string where = fmt::format("{}:{}", files_[file].path.string(), line);
    record_from_json(parse_json(whole, where), where);  // says what is wrong
    fail_usage("{}: field 'point_id' is empty", where);
  }
  Entry entry;
  entry.file = file;
  entry.offset = offset;
  entry.length = static_cast<std::uint32_t>(text.size());
  entry.line = line;
  entry.point_key = tag_of(id);
  entries_.push_back(entry);
}

void RecordIndex::scan(std::uint32_t file) {
  const bool one = files_[file].path.extension() == ".json";
  std::string pending;  // a line whose end is not read yet
  std::uint64_t offset = 0;
  std::uint32_t line = 1;
  std::vector<char> buffer(std::size_t{1} << 20U);
  std::uint64_t read_to = 0;
  for (;;) {
    const ssize_t got =
        ::pread(files_[file].fd, buffer.data(), buffer.size(), static_cast<off_t>(read_to));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      fail_usage("cannot read {} to its end: {}", files_[file].path.string(), std::strerror(errno));
    }
    if (got == 0) break;
    read_to += static_cast<std::uint64_t>(got);
    std::string_view block(buffer.data(), static_cast<std::size_t>(got));
    while (!block.empty()) {
      const std::size_t end = one ? std::string_view::npos : block.find('\n');
      const std::string_view piece = block.substr(0, end);
      if (pending.size() + piece.size() > kLongestLine) {
        fail_usage("{}:{}: line is longer than {} bytes; this is no file of records",
                   files_[file].path.string(), line, kLongestLine);
      }
      if (end == std::string_view::npos) {
        pending.append(piece);
        break;
      }
      if (pending.empty()) {
        take(file, offset, line, piece, false);
        offset += piece.size() + 1;
      } else {
        pending.append(piece);
        take(file, offset, line, pending, false);
        offset += pending.size() + 1;
        pending.clear();
      }
      ++line;
      block.remove_prefix(end + 1);
    }
  }
  take(file, offset, line, pending, !one);
}

Record RecordIndex::read(std::size_t i) const { return record_from_json(read_json(i), where(i)); }

Json RecordIndex::read_json(std::size_t i) const {
  const Entry& entry = entries_[i];
  std::string text(entry.length, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::pread(files_[entry.file].fd, text.data() + have, text.size() - have,
                                static_cast<off_t>(entry.offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail_usage("{} changed while it was read", files_[entry.file].path.string());
    have += static_cast<std::size_t>(got);
  }
  return parse_json(text, where(i));
}

std::string RecordIndex::where(std::size_t i) const {
  const Entry& entry = entries_[i];
  return fmt::format("{}:{}", files_[entry.file].path.string(), entry.line);
}

std::unordered_map<std::uint64_t, std::size_t> RecordIndex::last_of_each_point() const {
  std::unordered_map<std::uint64_t, std::size_t> last;
  last.reserve(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) last[entries_[i].point_key] = i;
  return last;
}

}  // namespace jb::results
