#include "backends/core/json_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <vector>

#include "backends/core/error.h"

namespace jb {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 64;

/// Watches the parser: duplicate keys, depth and numbers that became infinite are refused.
class StrictChecks {
 public:
  explicit StrictChecks(const std::string& where) : where_(where) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMaxDepth) {
      fail_usage("{}: JSON is nested deeper than {} levels", where_, kMaxDepth);
    }
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(parsed.get<std::string>()).second) {
      fail_usage("{}: key '{}' stands twice in the same object", where_, parsed.get<std::string>());
    }
    if (event == Event::value && parsed.is_number_float() && !std::isfinite(parsed.get<double>())) {
      fail_usage("{}: a number is too large for a double", where_);
    }
    return true;
  }

 private:
  const std::string& where_;
  std::vector<std::set<std::string>> keys_;
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(fd) == 0 || errno == EINVAL;  // EINVAL: a pipe or a device, which has no disk
}

/// The part of a parser's message that tells position and cause, without its internal codes.
std::string plain_cause(const char* what) {
  const std::string text(what);
  const std::size_t at = text.find("parse error");
  if (at != std::string::npos) return text.substr(at);
  const std::size_t end = text.rfind("[json.", 0) == 0 ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  // The parser takes a NUL byte for the end and would not see what stands behind it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    fail_usage("{}: not valid JSON: NUL byte at position {}", where, nul);
  }
  try {
    StrictChecks checks(where);
    return Json::parse(text, std::ref(checks), true, true);
  } catch (const nlohmann::json::exception& e) {
    fail_usage("{}: not valid JSON: {}", where, plain_cause(e.what()));
  }
}

std::string read_text_file(const fs::path& path, std::uintmax_t max_bytes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error || !fs::exists(status)) fail_usage("cannot read '{}': no such file", path.string());
  if (fs::is_directory(status)) fail_usage("cannot read '{}': it is a folder", path.string());
  if (!fs::is_regular_file(status)) {
    fail_usage("cannot read '{}': it is not a regular file", path.string());
  }
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) fail_usage("cannot read '{}': {}", path.string(), error.message());
  if (size > max_bytes) {
    fail_usage("'{}' has {} bytes, more than the {} allowed for such a file", path.string(), size,
               max_bytes);
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_usage("cannot read '{}': {}", path.string(), std::strerror(errno));
  std::string text(static_cast<std::size_t>(size), '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

Json read_json_file(const fs::path& path, std::uintmax_t max_bytes) {
  return parse_json(read_text_file(path, max_bytes), "'" + path.string() + "'");
}

void write_file_atomically(const fs::path& given, std::string_view text) {
  std::error_code error;
  const fs::file_status status = fs::status(given, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    // Renaming would put a file in the place of /dev/null, or of what a pipe's reader waits at.
    const Descriptor file(::open(given.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0 || !write_whole(file.get(), text)) {
      fail_usage("cannot write '{}': {}", given.string(), std::strerror(errno));
    }
    return;
  }
  // A link stays one: what it points at is replaced.
  fs::path path = fs::is_symlink(given, error) ? fs::weakly_canonical(given, error) : given;
  if (error || path.empty()) path = given;
  std::string temporary = path.string() + ".XXXXXX";
  const Descriptor file(::mkstemp(temporary.data()));
  if (file.get() < 0) {
    fail_usage("cannot write '{}': {}", path.string(), std::strerror(errno));
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(file.get(), 0666 & ~mask);
  if (!write_whole(file.get(), text) || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int cause = errno;
    ::unlink(temporary.c_str());
    fail_usage("cannot write '{}': {}", path.string(), std::strerror(cause));
  }
}

}  // namespace jb
