// IDX files (http://yann.lecun.com/exdb/mnist, "File formats"): big-endian magic 0x0000TTDD (type
// 0x08 = unsigned byte, DD dimensions), DD big-endian sizes, then the bytes.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/threads.h"
#include "models/dataset.h"

#ifdef JOULEBENCH_HAVE_ZLIB
#include <zlib.h>
#endif

namespace jb::models {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kImagesMagic = 0x00000803;
constexpr std::uint32_t kLabelsMagic = 0x00000801;
/// Largest unpacked content: a damaged or hostile file must not fill the memory (MNIST is 47 MB).
constexpr std::uint64_t kMaxContentBytes = std::uint64_t{1} << 30U;
constexpr std::int64_t kMaxImageSide = 65536;
constexpr std::size_t kChunkBytes = std::size_t{1} << 20U;
constexpr int kClasses = 10;

/// Bytes of a file, unpacked when it is gzipped.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `out` as far as the file goes and returns how many bytes there were.
  virtual std::size_t read(std::span<std::uint8_t> out) = 0;
};

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(const fs::path& path) : path_(path), stream_(path, std::ios::binary) {
    if (!stream_) fail_usage("cannot open '{}': check the path and its permissions", path.string());
  }
  std::size_t read(std::span<std::uint8_t> out) override {
    stream_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
    if (stream_.bad())
      fail_usage("cannot read '{}': the file system reports an error", path_.string());
    return static_cast<std::size_t>(stream_.gcount());
  }

 private:
  fs::path path_;
  std::ifstream stream_;
};

#ifdef JOULEBENCH_HAVE_ZLIB
class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(const fs::path& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr) {
      fail_usage("cannot open '{}': check the path and its permissions", path.string());
    }
  }
  ~GzipSource() override { gzclose_r(file_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  std::size_t read(std::span<std::uint8_t> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto want = static_cast<unsigned>(std::min(out.size() - done, kChunkBytes));
      const int got = gzread(file_, out.data() + done, want);
      int status = Z_OK;
      const char* message = gzerror(file_, &status);
      // A cut file ends without its check sum, which zlib reports as Z_BUF_ERROR.
      if (got < 0 || status == Z_BUF_ERROR) {
        fail_usage("'{}' is a damaged or truncated gzip file ({}): get the file again",
                   path_.string(), status == Z_BUF_ERROR ? "it ends too early" : message);
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  fs::path path_;
  gzFile file_;
};
#endif

/// An open IDX file; `plain_bytes` is its exact size when it is not packed.
struct IdxFile {
  fs::path path;
  std::unique_ptr<ByteSource> source;
  bool packed = false;
  std::uint64_t plain_bytes = 0;
};

IdxFile open_idx(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    fail_usage("'{}' is no readable file: give the path of an IDX file", path.string());
  }
  IdxFile file;
  file.path = path;
  auto plain = std::make_unique<PlainSource>(path);
  std::array<std::uint8_t, 2> start{};
  const std::size_t got = plain->read(start);
  file.packed = got == 2 && start[0] == 0x1f && start[1] == 0x8b;  // RFC 1952, section 2.3.1
  if (file.packed) {
#ifdef JOULEBENCH_HAVE_ZLIB
    file.source = std::make_unique<GzipSource>(path);
#else
    fail_usage(
        "'{}' is gzipped and this build has no zlib: unpack it with gunzip, or install zlib1g-dev "
        "and rebuild",
        path.string());
#endif
  } else {
    file.plain_bytes = fs::file_size(path, error);
    if (error) fail_usage("cannot tell the size of '{}': {}", path.string(), error.message());
    file.source = std::make_unique<PlainSource>(path);
  }
  return file;
}

std::uint32_t read_u32(IdxFile& file) {
  std::array<std::uint8_t, 4> b{};
  if (file.source->read(b) != b.size()) {
    fail_usage("'{}' is truncated: it ends inside the IDX header", file.path.string());
  }
  return (std::uint32_t{b[0]} << 24U) | (std::uint32_t{b[1]} << 16U) | (std::uint32_t{b[2]} << 8U) |
         std::uint32_t{b[3]};
}

void check_magic(IdxFile& file, std::uint32_t expected, const char* what) {
  const std::uint32_t magic = read_u32(file);
  if (magic == expected) return;
  const bool swapped = magic == kImagesMagic || magic == kLabelsMagic;
  fail_usage("'{}' starts with {:#010x} where an IDX file of {} has {:#010x}{}", file.path.string(),
             magic, what, expected,
             swapped ? ": images and labels are exchanged" : ": it is no such file");
}

/// The `count` bytes that the header (of `header_bytes`) promises, and nothing behind them. Memory
/// grows with what the file really holds, never with what its header claims.
std::vector<std::uint8_t> read_content(IdxFile& file, std::uint64_t header_bytes,
                                       std::uint64_t count) {
  if (count > kMaxContentBytes) {
    fail_usage("'{}' claims {} bytes of content, more than the {} that are accepted",
               file.path.string(), count, kMaxContentBytes);
  }
  if (!file.packed && file.plain_bytes != header_bytes + count) {
    fail_usage("'{}' is {}: its header promises {} bytes and the file has {}", file.path.string(),
               file.plain_bytes < header_bytes + count ? "truncated" : "too long",
               header_bytes + count, file.plain_bytes);
  }
  std::vector<std::uint8_t> content;
  while (content.size() < count) {
    const std::size_t before = content.size();
    const auto step = static_cast<std::size_t>(
        std::min<std::uint64_t>(count - before, std::max<std::size_t>(kChunkBytes, before)));
    content.resize(before + step);
    const std::size_t got = file.source->read(std::span(content).subspan(before));
    if (got != step) {
      fail_usage("'{}' is truncated: its header promises {} bytes of content and it has {}",
                 file.path.string(), count, before + got);
    }
  }
  std::array<std::uint8_t, 1> extra{};
  if (file.source->read(extra) != 0) {
    fail_usage("'{}' is too long: bytes follow the {} that its header promises", file.path.string(),
               count);
  }
  return content;
}

std::vector<std::uint8_t> read_labels(const fs::path& path) {
  IdxFile file = open_idx(path);
  check_magic(file, kLabelsMagic, "labels");
  const std::uint32_t count = read_u32(file);
  if (count == 0) fail_usage("'{}' holds no labels", path.string());
  std::vector<std::uint8_t> labels = read_content(file, 8, count);
  const auto wrong = std::find_if(labels.begin(), labels.end(),
                                  [](std::uint8_t label) { return label >= kClasses; });
  if (wrong != labels.end()) {
    fail_usage("'{}' has label {} at index {}: labels 0 to {} are accepted", path.string(),
               static_cast<int>(*wrong), wrong - labels.begin(), kClasses - 1);
  }
  return labels;
}

}  // namespace

LabelledImages read_idx_pair(const fs::path& images, const fs::path& labels) {
  LabelledImages data;
  data.labels = read_labels(labels);

  IdxFile file = open_idx(images);
  check_magic(file, kImagesMagic, "images");
  const std::int64_t count = read_u32(file);
  data.height = read_u32(file);
  data.width = read_u32(file);
  if (data.height < 1 || data.width < 1 || data.height > kMaxImageSide ||
      data.width > kMaxImageSide) {
    fail_usage("'{}' has images of {}x{} pixels: sides of 1 to {} are accepted", images.string(),
               data.height, data.width, kMaxImageSide);
  }
  if (count != static_cast<std::int64_t>(data.labels.size())) {
    fail_usage("'{}' holds {} images and '{}' {} labels: they must be one pair", images.string(),
               count, labels.string(), data.labels.size());
  }
  // Both sides are at most 2^16 and count below 2^32: no overflow in 64 bits.
  const std::int64_t pixels = data.height * data.width;
  if (static_cast<std::uint64_t>(pixels) > kMaxContentBytes / static_cast<std::uint64_t>(count)) {
    fail_usage("'{}' claims {} images of {}x{} pixels, more than the {} bytes that are accepted",
               images.string(), count, data.height, data.width, kMaxContentBytes);
  }
  const std::vector<std::uint8_t> bytes = read_content(
      file, 16, static_cast<std::uint64_t>(count) * static_cast<std::uint64_t>(pixels));
  data.images = Matrix<float>(count, pixels);
  float* out = data.images.data();
  parallel_for(count * pixels, std::int64_t{1} << 20U, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      out[i] = static_cast<float>(bytes[static_cast<std::size_t>(i)]) / 255.0F;
    }
  });
  return data;
}

}  // namespace jb::models
