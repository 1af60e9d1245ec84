#include "results/journal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "backends/core/error.h"

namespace jb::results {
namespace fs = std::filesystem;
namespace {

// A record is a few kB; a line a thousand times as long is not one of ours.
constexpr std::size_t kLongestLine = std::size_t{16} << 20U;

std::string system_reason(int error) { return std::strerror(error); }

bool is_whole_json(const std::string& line) { return Json::accept(line); }

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

// Writes all bytes: a signal or a full pipe may cut a write short.
void write_all(int fd, std::string_view bytes, const fs::path& file) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw WriteFailed(fmt::format("cannot write to {}: {}", file.string(), system_reason(errno)));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_file(int fd, const fs::path& file) {
  while (::fsync(fd) != 0) {
    if (errno == EINTR) continue;
    // Some file systems and pipes have nothing to sync.
    if (errno == EINVAL || errno == EROFS || errno == ENOTSUP) return;
    throw WriteFailed(
        fmt::format("cannot write {} to disk: {}", file.string(), system_reason(errno)));
  }
}

// The last line of a file of `size` bytes, without its newline, and where it begins.
struct LastLine {
  std::string text;
  off_t begin = 0;
  bool newline = false;
};

LastLine read_last_line(int fd, off_t size, const fs::path& file) {
  LastLine last;
  std::array<char, 65536> buffer{};
  off_t end = size;
  while (end > 0) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(buffer.size()));
    const auto wanted = static_cast<std::size_t>(end - begin);
    const ssize_t got = ::pread(fd, buffer.data(), wanted, begin);
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(wanted)) {
      fail_usage("cannot read {}: {}", file.string(), system_reason(got < 0 ? errno : EIO));
    }
    std::string_view block(buffer.data(), wanted);
    if (end == size && block.back() == '\n') {
      last.newline = true;
      block.remove_suffix(1);
    }
    const std::size_t at = block.rfind('\n');
    if (at != std::string_view::npos) {
      last.text.insert(0, block.substr(at + 1));
      last.begin = begin + static_cast<off_t>(at) + 1;
      return last;
    }
    last.text.insert(0, block);
    if (last.text.size() > kLongestLine) {
      fail_usage("{} is no journal: its last line is longer than {} bytes", file.string(),
                 kLongestLine);
    }
    end = begin;
  }
  return last;
}

// Leaves the file empty or ending with a whole line.
void mend_tail(int fd, const fs::path& file) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    fail_usage("cannot read {}: {}", file.string(), system_reason(errno));
  }
  if (!S_ISREG(status.st_mode) || status.st_size == 0) return;
  const LastLine last = read_last_line(fd, status.st_size, file);
  if (!is_blank(last.text) && !is_whole_json(last.text)) {
    if (::ftruncate(fd, last.begin) != 0) {
      fail_usage("cannot cut the torn last line off {}: {}", file.string(), system_reason(errno));
    }
  } else if (!last.newline) {
    write_all(fd, "\n", file);
  }
}

}  // namespace

JournalWriter::JournalWriter(const fs::path& file) : file_(file) {
  fd_ = ::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    fail_usage("cannot write records to {}: {}; name a folder that can be written with -o",
               file.string(), system_reason(errno));
  }
  try {
    // Advisory; file systems without locks let it pass.
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      fail_usage("another run is writing to {}; give this one its own folder with -o",
                 file.string());
    }
    mend_tail(fd_, file);
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

JournalWriter::~JournalWriter() {
  if (fd_ >= 0) ::close(fd_);
}

void JournalWriter::append(const Record& record) {
  add(record);
  sync();
}

void JournalWriter::add(const Record& record) {
  write(to_json(record).dump(-1, ' ', false, Json::error_handler_t::replace) + '\n');
}

void JournalWriter::add_line(const std::string& line) { write(line + '\n'); }

void JournalWriter::sync() { sync_file(fd_, file_); }

void JournalWriter::write(const std::string& line) {
  try {
    write_all(fd_, line, file_);
  } catch (const WriteFailed&) {
    try {
      mend_tail(fd_, file_);  // half a record is none; where this fails too, readers pass over it
    } catch (const Error&) {
    }
    throw;
  }
}

bool read_journal(const fs::path& file, const std::function<void(Record&&)>& sink) {
  std::error_code error;
  if (fs::is_directory(file, error)) {
    fail_usage("{} is a folder, not a file of records", file.string());
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) fail_usage("cannot read records from {}", file.string());

  std::string line;      // being read
  std::string previous;  // whole line whose successor is not known yet: only the last may be torn
  std::size_t number = 0;
  std::size_t previous_number = 0;
  const auto where = [&](std::size_t at) { return file.string() + ":" + std::to_string(at); };
  const auto flush = [&] {
    if (previous_number == 0) return;
    sink(record_from_json(parse_json(previous, where(previous_number)), where(previous_number)));
    previous_number = 0;
  };
  const auto take_line = [&] {
    ++number;
    if (!is_blank(line)) {
      flush();
      previous.swap(line);
      previous_number = number;
    }
    line.clear();
  };

  std::array<char, 65536> buffer{};
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0) {
    std::string_view block(buffer.data(), static_cast<std::size_t>(in.gcount()));
    while (!block.empty()) {
      const std::size_t at = block.find('\n');
      line.append(block.substr(0, at));
      if (line.size() > kLongestLine) {
        fail_usage("{}: line is longer than {} bytes; this is no file of records",
                   where(number + 1), kLongestLine);
      }
      if (at == std::string_view::npos) break;
      take_line();
      block.remove_prefix(at + 1);
    }
  }
  if (in.bad()) fail_usage("cannot read {} to its end", file.string());
  if (!line.empty()) take_line();
  if (previous_number != 0 && !is_whole_json(previous)) return true;
  flush();
  return false;
}

namespace {

constexpr const char* kJournalName = "records.jsonl";

std::vector<fs::path> journals_of_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder / kJournalName, error)) return {folder / kJournalName};
  std::vector<fs::path> found;
  fs::directory_iterator it(folder, error);
  if (error) fail_usage("cannot read folder {}: {}", folder.string(), error.message());
  for (; it != fs::directory_iterator(); it.increment(error)) {
    const fs::path candidate = it->path() / kJournalName;
    std::error_code ignored;
    if (fs::is_regular_file(candidate, ignored)) found.push_back(candidate);
    if (error) break;
  }
  if (error) fail_usage("cannot read folder {}: {}", folder.string(), error.message());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<fs::path> record_files(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) fail_usage("there are no results at {}", path.string());
  if (!fs::is_directory(path, error)) return {path};
  std::vector<fs::path> journals = journals_of_folder(path);
  if (journals.empty()) {
    fail_usage("no {} in {} or in the folders directly under it", kJournalName, path.string());
  }
  return journals;
}

void stream_results(const fs::path& path,
                    const std::function<void(Record&&, const fs::path& file)>& sink) {
  std::size_t records = 0;
  for (const fs::path& file : record_files(path)) {
    const auto take = [&](Record&& record) {
      ++records;
      sink(std::move(record), file);
    };
    if (file.extension() == ".json") {
      take(record_from_json(read_json_file(file, kLongestLine), file.string()));
    } else {
      read_journal(file, take);
    }
  }
  if (records == 0) fail_usage("{} holds no record", path.string());
}

std::vector<Record> load_results(const fs::path& path) {
  std::vector<Record> records;
  stream_results(path,
                 [&](Record&& record, const fs::path&) { records.push_back(std::move(record)); });
  return records;
}

}  // namespace jb::results
