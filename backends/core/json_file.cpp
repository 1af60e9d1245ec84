#include "backends/core/json_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include "backends/core/error.h"

namespace jb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxDepth = 64;

/// The part of a parser's message that tells position and cause, without its internal codes.
std::string plain_cause(const char* what) {
  const std::string text(what);
  const std::size_t at = text.find("parse error");
  if (at != std::string::npos) return text.substr(at);
  const std::size_t end = text.rfind("[json.", 0) == 0 ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

/// Builds the tree as the parser reads; duplicate keys, depth and numbers that became infinite are
/// refused. A watching callback of the library would take twice the time.
class StrictBuilder {
 public:
  StrictBuilder(const std::string& where, Json& root) : where_(where), root_(root) {}

  bool null() { return value(nullptr); }
  bool boolean(bool v) { return value(v); }
  bool number_integer(Json::number_integer_t v) { return value(v); }
  bool number_unsigned(Json::number_unsigned_t v) { return value(v); }
  bool number_float(Json::number_float_t v, const Json::string_t& /*text*/) {
    if (!std::isfinite(v)) fail_usage("{}: a number is too large for a double", where_);
    return value(v);
  }
  bool string(Json::string_t& v) { return value(std::move(v)); }
  bool binary(Json::binary_t& v) { return value(std::move(v)); }
  bool start_object(std::size_t /*elements*/) { return open(Json::object()); }
  bool start_array(std::size_t /*elements*/) { return open(Json::array()); }
  bool key(Json::string_t& v) {
    Json& object = *open_.back();
    if (object.contains(v)) fail_usage("{}: key '{}' stands twice in the same object", where_, v);
    key_ = std::move(v);
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::json::exception& error) {
    fail_usage("{}: not valid JSON: {}", where_, plain_cause(error.what()));
  }

 private:
  /// Puts a value where the parser stands and returns it there.
  template <class T>
  Json* put(T&& v) {
    if (open_.empty()) {
      root_ = std::forward<T>(v);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::forward<T>(v));
      return &parent.back();
    }
    // key() has seen that it is not there: no second search.
    auto& members = parent.get_ref<Json::object_t&>();
    members.emplace_back(std::move(key_), std::forward<T>(v));
    return &members.back().second;
  }
  template <class T>
  bool value(T&& v) {
    put(Json(std::forward<T>(v)));
    return true;
  }
  bool open(Json&& container) {
    if (open_.size() >= kMaxDepth) {
      fail_usage("{}: JSON is nested deeper than {} levels", where_, kMaxDepth);
    }
    open_.push_back(put(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& where_;
  Json& root_;
  std::vector<Json*> open_;  ///< containers being read; a closed one is never touched again
  Json::string_t key_;
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

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  // The parser takes a NUL byte for the end and would not see what stands behind it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    fail_usage("{}: not valid JSON: NUL byte at position {}", where, nul);
  }
  Json root;
  StrictBuilder builder(where, root);
  Json::sax_parse(text, &builder, Json::input_format_t::json, true, true);
  return root;
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
