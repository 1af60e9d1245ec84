#include "harness/io/npy_header.h"

#include <fmt/core.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <system_error>

#include "backends/core/error.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;  // of the payload in the file, as NumPy writes it
/// Real headers have about 100 bytes; NumPy itself refuses more than 10,000 unless told.
constexpr std::uint32_t kMaxHeaderBytes = 65536;

/// Reads the dictionary from left to right.
class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      bool* seen = key == "descr"           ? &descr
                   : key == "fortran_order" ? &order
                   : key == "shape"         ? &shape
                                            : nullptr;
      if (seen == nullptr)
        fail_usage("'{}': its .npy header has the unknown key '{}'", where_, key);
      if (*seen) fail_usage("'{}': its .npy header has the key '{}' twice", where_, key);
      *seen = true;
      if (key == "descr") header.descr = dtype();
      if (key == "fortran_order") header.fortran_order = boolean();
      if (key == "shape") header.shape = tuple();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) malformed("text follows the dictionary");
    if (!descr || !order || !shape) {
      malformed("the keys 'descr', 'fortran_order' and 'shape' are needed");
    }
    return header;
  }

 private:
  [[noreturn]] void malformed(std::string_view why) const {
    fail_usage("'{}': its .npy header is malformed at byte {}: {}", where_, at_, why);
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) malformed(fmt::format("'{}' expected", c));
  }
  std::string string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') malformed("a quoted name expected");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) malformed("a quote is not closed");
    const std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }
  std::string dtype() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[') {
      fail_usage("'{}' holds records (a structured dtype): '<f4' and '<f8' are accepted", where_);
    }
    return string();
  }
  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    }
    malformed("True or False expected");
  }
  std::int64_t integer() {
    skip_space();
    const std::size_t start = at_;
    std::int64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      const int digit = text_[at_++] - '0';
      if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) {
        fail_usage("'{}': its .npy header has a size above 2^63", where_);
      }
      value = value * 10 + digit;
    }
    if (at_ == start) malformed("a size (digits) expected");
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // long integers of Python 2
    return value;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!accept(')')) {
      values.push_back(integer());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return values;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace

void read_exactly(NpyFile& file, char* out, std::size_t bytes, std::string_view what) {
  file.stream.read(out, static_cast<std::streamsize>(bytes));
  if (static_cast<std::size_t>(file.stream.gcount()) != bytes) {
    fail_usage("'{}' is truncated: it ends inside its {}", file.name, what);
  }
}

NpyFile open_npy(const fs::path& path) {
  NpyFile file;
  file.name = path.string();
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    fail_usage("'{}' is no readable file: give the path of a .npy file", file.name);
  }
  file.file_bytes = fs::file_size(path, error);
  file.stream.open(path, std::ios::binary);
  if (error || !file.stream) {
    fail_usage("cannot open '{}': check the path and its permissions", file.name);
  }
  std::array<char, 8> start{};  // magic, major, minor
  read_exactly(file, start.data(), start.size(), ".npy header");
  if (std::string_view(start.data(), kMagic.size()) != kMagic) {
    fail_usage("'{}' is no .npy file: write it with numpy.save", file.name);
  }
  const auto major = static_cast<unsigned char>(start[6]);
  const auto minor = static_cast<unsigned char>(start[7]);
  if (major < 1 || major > 3 || minor != 0) {
    fail_usage("'{}' has .npy version {}.{}: 1.0, 2.0 and 3.0 are accepted", file.name, major,
               minor);
  }
  std::array<char, 4> length_bytes{};
  const std::size_t width = major == 1 ? 2 : 4;
  read_exactly(file, length_bytes.data(), width, ".npy header");
  std::uint32_t length = 0;
  std::memcpy(&length, length_bytes.data(), length_bytes.size());
  if (length > kMaxHeaderBytes) {
    fail_usage("'{}' claims a .npy header of {} bytes: at most {} are accepted", file.name, length,
               kMaxHeaderBytes);
  }
  std::string text(length, '\0');
  read_exactly(file, text.data(), text.size(), ".npy header");
  file.header = Parser(text, file.name).parse();
  file.header_bytes = start.size() + width + length;
  return file;
}

std::string npy_header(std::string_view descr, const std::vector<std::int64_t>& shape) {
  std::string sizes;
  for (const std::int64_t size : shape)
    sizes += fmt::format("{}{}", sizes.empty() ? "" : ", ", size);
  if (shape.size() == 1) sizes += ",";
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, sizes);
  const std::size_t start = kMagic.size() + 4;  // version and the length of the dictionary
  const std::size_t whole =
      (start + dictionary.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  dictionary.resize(whole - start - 1, ' ');
  dictionary.push_back('\n');
  std::string text(kMagic);
  text += {'\x01', '\x00'};
  text.push_back(static_cast<char>(static_cast<unsigned char>(dictionary.size() & 0xffU)));
  text.push_back(static_cast<char>(static_cast<unsigned char>(dictionary.size() >> 8U)));
  return text + dictionary;
}

}  // namespace jb::harness
