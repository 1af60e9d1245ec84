#include "harness/io/npy.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/text.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

// Payloads are copied as they lie in memory; .npy dtypes '<f4' and '<f8' are little-endian.
static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;  // of the payload in the file, as NumPy writes it
/// Real headers have about 100 bytes; NumPy itself refuses more than 10,000 unless told.
constexpr std::uint32_t kMaxHeaderBytes = 65536;
constexpr std::int64_t kTransposeBlock = 32;

/// The dictionary in the header, a literal of Python:
///   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
struct NpyHeader {
  std::string descr;  ///< as written, without quotes
  bool fortran_order = false;
  std::vector<std::int64_t> shape;  ///< no negative sizes
};

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

/// An open .npy file up to its payload.
struct NpyFile {
  std::string name;
  std::ifstream stream;
  std::uint64_t file_bytes = 0;
  std::uint64_t header_bytes = 0;
  NpyHeader header;
};

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

ElementType element_type(const NpyFile& file) {
  if (file.header.descr == "<f4") return ElementType::f32;
  if (file.header.descr == "<f8") return ElementType::f64;
  fail_usage(
      "'{}' has dtype '{}': '<f4' (float32) and '<f8' (float64) are accepted, use a.astype('<f4')",
      file.name, file.header.descr);
}

/// Rows and columns, after comparing them with what the file really holds.
void check_sizes(const NpyFile& file, ElementType type) {
  const std::vector<std::int64_t>& shape = file.header.shape;
  if (shape.size() != 2) {
    std::string text;
    for (const std::int64_t size : shape)
      text += fmt::format("{}{}", text.empty() ? "" : ", ", size);
    fail_usage("'{}' has shape ({}{}): a matrix has two dimensions, use a.reshape(rows, columns)",
               file.name, text, shape.size() == 1 ? "," : "");
  }
  if (shape[0] < 1 || shape[1] < 1) {
    fail_usage("'{}' has shape ({}, {}): sizes of at least 1 are accepted", file.name, shape[0],
               shape[1]);
  }
  const std::uint64_t held = file.file_bytes - file.header_bytes;
  const auto item = static_cast<std::uint64_t>(bytes_of(type));
  const auto rows = static_cast<std::uint64_t>(shape[0]);
  const auto cols = static_cast<std::uint64_t>(shape[1]);
  // Divisions first: the product of two sizes may be anything.
  if (rows > held / item || cols > held / item / rows) {
    fail_usage(
        "'{}' is truncated: shape ({}, {}) of '{}' needs more than the {} bytes after its header",
        file.name, rows, cols, file.header.descr, held);
  }
  if (rows * cols * item != held) {
    fail_usage("'{}' is too long: shape ({}, {}) of '{}' is {} bytes and {} follow its header",
               file.name, rows, cols, file.header.descr, rows * cols * item, held);
  }
}

template <class T>
Matrix<T> read_payload(NpyFile& file) {
  const std::int64_t rows = file.header.shape[0];
  const std::int64_t cols = file.header.shape[1];
  const std::size_t bytes =
      static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols) * sizeof(T);
  try {
    Matrix<T> stored(file.header.fortran_order ? cols : rows,
                     file.header.fortran_order ? rows : cols);
    read_exactly(file, reinterpret_cast<char*>(stored.data()), bytes, "data");
    if (!file.header.fortran_order) return stored;
    Matrix<T> matrix(rows, cols);
    for (std::int64_t i0 = 0; i0 < rows; i0 += kTransposeBlock) {
      for (std::int64_t j0 = 0; j0 < cols; j0 += kTransposeBlock) {
        for (std::int64_t i = i0; i < std::min(i0 + kTransposeBlock, rows); ++i) {
          for (std::int64_t j = j0; j < std::min(j0 + kTransposeBlock, cols); ++j) {
            matrix(i, j) = stored(j, i);
          }
        }
      }
    }
    return matrix;
  } catch (const std::bad_alloc&) {
    fail_usage("'{}' holds {} bytes, more than the memory of this machine takes", file.name, bytes);
  }
}

template <class T>
void write_matrix(const fs::path& path, MatrixView<const T> matrix, std::string_view descr) {
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}, {}), }}", descr,
                  matrix.rows, matrix.cols);
  const std::size_t start = kMagic.size() + 4;  // version and the length of the dictionary
  const std::size_t whole =
      (start + dictionary.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  dictionary.resize(whole - start - 1, ' ');
  dictionary.push_back('\n');

  std::string text(kMagic);
  text += {'\x01', '\x00'};
  text.push_back(static_cast<char>(static_cast<unsigned char>(dictionary.size() & 0xffU)));
  text.push_back(static_cast<char>(static_cast<unsigned char>(dictionary.size() >> 8U)));
  text += dictionary;
  const auto count = static_cast<std::size_t>(matrix.rows) * static_cast<std::size_t>(matrix.cols);
  text.resize(whole + count * sizeof(T));
  char* out = text.data() + whole;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      const T value = matrix(i, j);
      if (!std::isfinite(value)) {
        fail_usage("'{}' is not written: the value in row {}, column {} is {}", path.string(), i, j,
                   static_cast<double>(value));
      }
      std::memcpy(out, &value, sizeof(T));
      out += sizeof(T);
    }
  }
  write_file_atomically(path, text);
}

}  // namespace

ConstMatrixRef NpyMatrix::ref() const {
  return type == ElementType::f64 ? ConstMatrixRef(f64.view()) : ConstMatrixRef(f32.view());
}

NpyMatrix read_npy(const fs::path& path) {
  NpyFile file = open_npy(path);
  NpyMatrix result;
  result.type = element_type(file);
  check_sizes(file, result.type);
  result.rows = file.header.shape[0];
  result.cols = file.header.shape[1];
  if (result.type == ElementType::f64) {
    result.f64 = read_payload<double>(file);
  } else {
    result.f32 = read_payload<float>(file);
  }
  return result;
}

void write_npy(const fs::path& path, MatrixView<const float> matrix) {
  write_matrix(path, matrix, "<f4");
}

void write_npy(const fs::path& path, MatrixView<const double> matrix) {
  write_matrix(path, matrix, "<f8");
}

}  // namespace jb::harness
