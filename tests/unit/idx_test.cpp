// Are IDX files read right, and is every damaged one refused with one sentence?

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/error.h"
#include "models/dataset.h"
#include "tests/support/temp_folder.h"

namespace jb::models {
namespace {

using test::TempFolder;

std::string u32(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
  }
  return bytes;
}

std::string images_file(std::uint32_t count, std::uint32_t height, std::uint32_t width,
                        std::size_t pixels) {
  std::string bytes = u32(0x803) + u32(count) + u32(height) + u32(width);
  for (std::size_t i = 0; i < pixels; ++i) bytes.push_back(static_cast<char>(i * 37 % 256));
  return bytes;
}

std::string labels_file(std::uint32_t count, std::string_view labels) {
  std::string bytes = u32(0x801) + u32(count);
  for (const char c : labels) bytes.push_back(static_cast<char>(c - '0'));
  return bytes;
}

/// A gzip file by hand (RFC 1952) with one stored block (RFC 1951, 3.2.4): no compressor needed.
std::string gzip(std::string_view content) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : content) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ (0xedb88320U & (0U - (crc & 1U)));
  }
  const auto little = [](std::uint32_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xffU));
    return out;
  };
  const auto size = static_cast<std::uint32_t>(content.size());
  std::string out("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01", 11);
  out += little(size, 2) + little(~size & 0xffffU, 2);
  out += content;
  return out + little(~crc, 4) + little(size, 4);
}

/// The message of the usage error of reading the pair; "" when it was read.
std::string error_of(const std::filesystem::path& images, const std::filesystem::path& labels) {
  try {
    read_idx_pair(images, labels);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "";
}

::testing::AssertionResult mentions(const std::string& text, std::string_view part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << text << "' does not mention '" << part << "'";
}

void expect_small_set(const LabelledImages& data) {
  ASSERT_EQ(data.images.rows(), 3);
  ASSERT_EQ(data.images.cols(), 6);
  EXPECT_EQ(data.height, 2);
  EXPECT_EQ(data.width, 3);
  EXPECT_EQ(data.labels, (std::vector<std::uint8_t>{7, 0, 9}));
  for (int i = 0; i < 18; ++i) {
    EXPECT_EQ(data.images.data()[i], static_cast<float>(i * 37 % 256) / 255.0F);
  }
}

TEST(Idx, ReadsPlainFiles) {
  const TempFolder folder;
  expect_small_set(read_idx_pair(folder.write("i", images_file(3, 2, 3, 18)),
                                 folder.write("l", labels_file(3, "709"))));
}

TEST(Idx, ReadsGzippedFiles) {
  const TempFolder folder;
  const auto images = folder.write("i.gz", gzip(images_file(3, 2, 3, 18)));
  const auto labels = folder.write("l.gz", gzip(labels_file(3, "709")));
#ifdef JOULEBENCH_HAVE_ZLIB
  expect_small_set(read_idx_pair(images, labels));
#else
  EXPECT_TRUE(mentions(error_of(images, labels), "zlib"));
#endif
}

TEST(Idx, RefusesWrongMagicAndExchangedFiles) {
  const TempFolder folder;
  const auto images = folder.write("i", images_file(3, 2, 3, 18));
  const auto labels = folder.write("l", labels_file(3, "709"));
  EXPECT_TRUE(mentions(error_of(labels, images), "exchanged"));
  EXPECT_TRUE(mentions(error_of(folder.write("x", u32(0x1234) + std::string(40, 'x')), labels),
                       "0x00000803"));
  EXPECT_TRUE(mentions(error_of(folder.write("e", ""), labels), "truncated"));
  EXPECT_TRUE(mentions(error_of(folder.write("h", u32(0x803) + "ab"), labels), "truncated"));
}

TEST(Idx, RefusesTruncatedAndTooLongFiles) {
  const TempFolder folder;
  const auto images = folder.write("i", images_file(3, 2, 3, 18));
  const auto labels = folder.write("l", labels_file(3, "709"));
  EXPECT_TRUE(mentions(error_of(folder.write("s", images_file(3, 2, 3, 17)), labels), "truncated"));
  EXPECT_TRUE(mentions(error_of(folder.write("t", images_file(3, 2, 3, 19)), labels), "too long"));
  EXPECT_TRUE(mentions(error_of(images, folder.write("u", labels_file(3, "70"))), "truncated"));
  EXPECT_TRUE(mentions(error_of(images, folder.write("v", labels_file(3, "7091"))), "too long"));
}

TEST(Idx, RefusesBadLabelsAndCounts) {
  const TempFolder folder;
  const auto images = folder.write("i", images_file(3, 2, 3, 18));
  const std::string bad = error_of(images, folder.write("l", labels_file(3, "7:9")));
  EXPECT_TRUE(mentions(bad, "label 10 at index 1"));
  EXPECT_TRUE(mentions(error_of(images, folder.write("m", labels_file(2, "70"))), "3 images"));
  EXPECT_TRUE(mentions(error_of(images, folder.write("n", labels_file(0, ""))), "no labels"));
}

TEST(Idx, RefusesHugeClaimsWithoutAllocatingThem) {
  const TempFolder folder;
  const auto labels = folder.write("l", labels_file(3, "709"));
  const auto claim = [&](std::uint32_t count, std::uint32_t height, std::uint32_t width) {
    return error_of(folder.write("c", images_file(count, height, width, 18)), labels);
  };
  EXPECT_TRUE(mentions(claim(3, 0xffffffffU, 0xffffffffU), "sides"));
  EXPECT_TRUE(mentions(claim(3, 0, 3), "sides"));
  EXPECT_TRUE(mentions(claim(3, 65536, 65536), "more than"));
  EXPECT_TRUE(mentions(error_of(folder.write("i", images_file(3, 2, 3, 18)),
                                folder.write("m", labels_file(0xffffffffU, "7"))),
                       "more than"));
}

#ifdef JOULEBENCH_HAVE_ZLIB
TEST(Idx, RefusesDamagedGzip) {
  const TempFolder folder;
  const auto labels = folder.write("l", labels_file(3, "709"));
  const std::string whole = gzip(images_file(3, 2, 3, 18));
  for (std::size_t cut = 2; cut < whole.size(); ++cut) {
    EXPECT_NE(error_of(folder.write("c.gz", whole.substr(0, cut)), labels), "") << cut;
  }
  std::string flipped = whole;
  flipped[20] = static_cast<char>(flipped[20] ^ 1);  // a byte of the content: the CRC tells
  EXPECT_NE(error_of(folder.write("f.gz", flipped), labels), "");
  EXPECT_TRUE(mentions(error_of(folder.write("s.gz", gzip(images_file(3, 2, 3, 17))), labels),
                       "truncated"));
  EXPECT_TRUE(
      mentions(error_of(folder.write("t.gz", gzip(images_file(3, 2, 3, 19))), labels), "too long"));
  // 3 images of 17000 x 17000 would be 867 MB; the file has 18 bytes of them.
  EXPECT_TRUE(mentions(
      error_of(folder.write("h.gz", gzip(images_file(3, 17000, 17000, 18))), labels), "truncated"));
}
#endif

TEST(Idx, FolderHoldsFourFiles) {
  const TempFolder folder;
  folder.write("train-images-idx3-ubyte", images_file(3, 2, 3, 18));
  folder.write("train-labels-idx1-ubyte", labels_file(3, "709"));
  folder.write("t10k-images-idx3-ubyte", images_file(2, 2, 3, 12));
  EXPECT_THROW(load_dataset("mnist", folder.path()), Error);
  folder.write("t10k-labels-idx1-ubyte", labels_file(2, "12"));
  const Dataset data = load_dataset("mnist", folder.path());
  EXPECT_EQ(data.name, "mnist");
  expect_small_set(data.train);
  EXPECT_EQ(data.test.labels, (std::vector<std::uint8_t>{1, 2}));
  EXPECT_EQ(data.content_hash.size(), 16U);

  folder.write("t10k-labels-idx1-ubyte", labels_file(2, "13"));
  EXPECT_NE(load_dataset("mnist", folder.path()).content_hash, data.content_hash);
  folder.write("t10k-images-idx3-ubyte", images_file(2, 3, 2, 12));
  EXPECT_THROW(load_dataset("mnist", folder.path()), Error);  // 3x2 pixels beside 2x3
}

TEST(Idx, UnknownAndFolderlessDatasetsAreRefused) {
  try {
    load_dataset("minst", "");
    FAIL() << "an unknown data set was accepted";
  } catch (const Error& error) {
    EXPECT_TRUE(mentions(error.what(), "did you mean 'mnist'"));
  }
  EXPECT_THROW(load_dataset("mnist", ""), Error);
  EXPECT_THROW(load_dataset("mnist", "no such folder"), Error);
}

}  // namespace
}  // namespace jb::models
