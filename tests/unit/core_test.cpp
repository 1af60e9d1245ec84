// Small pieces of core: text, JSON files, shapes, convolution lowering, threads, operand
// statistics.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "backends/core/conv.h"
#include "backends/core/json_file.h"
#include "backends/core/operand_statistics.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"

namespace jb {
namespace {

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::usage);
    return e.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Text, SuggestsOnlyNearNames) {
  const std::vector<std::string> names = {"crossbar", "photonic", "systolic"};
  EXPECT_EQ(did_you_mean("crosbar", names), ", did you mean 'crossbar'?");
  EXPECT_EQ(did_you_mean("phot", names), ", did you mean 'photonic'?");
  EXPECT_EQ(did_you_mean("zzz", names), "");
}

TEST(Text, ReadsWholeNumbersOnly) {
  double number = 0;
  std::int64_t integer = 0;
  EXPECT_TRUE(parse_number("1e-3", number));
  EXPECT_EQ(number, 1e-3);
  EXPECT_FALSE(parse_number("1x", number));
  EXPECT_FALSE(parse_number("nan", number));
  EXPECT_FALSE(parse_number("inf", number));
  EXPECT_FALSE(parse_number("", number));
  EXPECT_TRUE(parse_integer("1e6", integer));
  EXPECT_EQ(integer, 1000000);
  EXPECT_FALSE(parse_integer("1.5", integer));
  EXPECT_FALSE(parse_integer("99999999999999999999", integer));
}

TEST(Text, HashesAreStable) {
  // Fixed for ever: point and record identifiers rest on them.
  EXPECT_EQ(hash_hex("joulebench"), hash_hex("joulebench"));
  EXPECT_NE(hash_hex("a"), hash_hex("b"));
  EXPECT_NE(hash_hex(""), hash_hex(std::string(1, '\0')));
  EXPECT_EQ(hash_hex("").size(), 16U);
}

TEST(JsonFile, RefusesWhatTheStandardParserLetsPass) {
  EXPECT_TRUE(contains(message_of([] { parse_json("{\"a\":1,\"a\":2}", "x"); }), "twice"));
  EXPECT_TRUE(contains(message_of([] { parse_json("{\"a\":1e999}", "x"); }), "x"));
  EXPECT_TRUE(contains(message_of([] { parse_json("{\"a\":", "x"); }), "not valid JSON"));
  EXPECT_TRUE(
      contains(message_of([] { parse_json(std::string(100, '['), "x"); }), "deeper than 64"));
  EXPECT_EQ(parse_json("{/* why */ \"a\": 1}", "x").at("a"), 1);
}

TEST(JsonFile, WritesWholeFilesOrNone) {
  const auto dir = std::filesystem::path(testing::TempDir()) / "json_file_test";
  std::filesystem::create_directories(dir);
  write_file_atomically(dir / "a.json", "{}");
  EXPECT_EQ(read_text_file(dir / "a.json", 100), "{}");
  EXPECT_TRUE(contains(message_of([&] { write_file_atomically(dir / "no" / "a", "x"); }), "no/a"));
  EXPECT_TRUE(contains(message_of([&] { (void)read_text_file(dir / "a.json", 1); }), "more than"));
  EXPECT_TRUE(contains(message_of([&] { (void)read_text_file(dir, 1); }), "folder"));
  EXPECT_TRUE(contains(message_of([&] { (void)read_text_file(dir / "b", 1); }), "no such file"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir), {}), 1);
  std::filesystem::remove_all(dir);
}

// Renaming a file over a device is what root may do, and must not.
TEST(JsonFile, WritesIntoPipesAndThroughLinksInsteadOfReplacingThem) {
  namespace fs = std::filesystem;
  const fs::path dir = fs::path(testing::TempDir()) / "json_file_special_test";
  fs::remove_all(dir);
  fs::create_directories(dir);
  const fs::path pipe = dir / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  write_file_atomically(pipe, "text");
  std::array<char, 16> got{};
  EXPECT_EQ(::read(reader, got.data(), got.size()), 4);
  EXPECT_EQ(std::string(got.data()), "text");
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(pipe));

  write_file_atomically(dir / "target", "old");
  fs::create_symlink("target", dir / "link");
  write_file_atomically(dir / "link", "new");
  EXPECT_TRUE(fs::is_symlink(dir / "link"));
  EXPECT_EQ(read_text_file(dir / "target", 100), "new");

  EXPECT_TRUE(contains(message_of([&] { write_file_atomically(dir, "x"); }), "directory"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), {}), 3);
  fs::remove_all(dir);
}

TEST(Shape, RefusesSizesThatMakeNoSense) {
  EXPECT_TRUE(contains(message_of([] {
                         check_computable(GemmShape{0, 1, 1}, "--gemm");
                       }),
                       "at least 1"));
  EXPECT_TRUE(contains(message_of([] {
                         check_computable(GemmShape{1, -1, 1}, "--gemm");
                       }),
                       "--gemm"));
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  EXPECT_TRUE(contains(message_of([&] {
                         check_computable(GemmShape{huge, huge, huge}, "x");
                       }),
                       "too large"));
  EXPECT_NO_THROW(check_computable(GemmShape{1, 1, 1}, "x"));
}

TEST(Conv, LowersToTheDirectConvolution) {
  const ConvShape shape{2, 4, 9, 8, 6, 3, 2, 2, 1, 2, 2};
  check_computable(shape, "conv");
  std::vector<double> input(2 * 4 * 9 * 8);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = std::sin(static_cast<double>(i));
  for (std::int64_t group = 0; group < 2; ++group) {
    const ConvLowering<double> lowering(shape, input.data(), group);
    ASSERT_EQ(lowering.rows(), 2 * shape.out_h() * shape.out_w());
    ASSERT_EQ(lowering.cols(), 4 / 2 * 3 * 2);
    Matrix<double> block(3, lowering.cols());
    lowering.gather(5, block.view());
    for (std::int64_t image = 0, row = 0; image < 2; ++image) {
      for (std::int64_t p = 0; p < shape.out_h(); ++p) {
        for (std::int64_t q = 0; q < shape.out_w(); ++q, ++row) {
          for (std::int64_t c = 0, col = 0; c < 2; ++c) {
            for (std::int64_t r = 0; r < 3; ++r) {
              for (std::int64_t s = 0; s < 2; ++s, ++col) {
                const std::int64_t y = p * 2 - 1 + r * 2;
                const std::int64_t x = q * 2 - 1 + s * 2;
                const bool inside = y >= 0 && y < 9 && x >= 0 && x < 8;
                const double expected = inside ? input[static_cast<std::size_t>(
                                                     ((image * 4 + group * 2 + c) * 9 + y) * 8 + x)]
                                               : 0.0;
                ASSERT_EQ(lowering.at(row, col), expected);
                if (row >= 5 && row < 8) {
                  ASSERT_EQ(block(row - 5, col), expected);
                }
              }
            }
          }
        }
      }
    }
  }
}

TEST(Conv, RefusesShapesWithoutOutput) {
  const auto refuse = [](const ConvShape& s) {
    return message_of([&] { check_computable(s, "--conv"); });
  };
  EXPECT_TRUE(contains(refuse({1, 1, 2, 2, 1, 3, 3}), "does not fit"));
  EXPECT_TRUE(contains(refuse({1, 3, 8, 8, 4, 3, 3, 1, 0, 1, 2}), "groups"));
  EXPECT_TRUE(contains(refuse({1, 1, 8, 8, 1, 3, 3, 0}), "1.."));
}

TEST(Threads, CoverEveryIndexOnceAndPassErrorsOn) {
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    std::vector<std::atomic<int>> seen(1001);
    parallel_for(1001, 10, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
    });
    for (const auto& count : seen) ASSERT_EQ(count, 1);
    EXPECT_THROW(parallel_for(100, 1,
                              [](std::int64_t begin, std::int64_t) {
                                if (begin == 57) fail_usage("piece {}", begin);
                              }),
                 Error);
  }
  set_thread_count(available_threads());
}

TEST(OperandStatistics, MeasuresMomentsOfAnyView) {
  Matrix<float> x(2, 3);
  const float values[] = {0, -2, 1, 3, 0, 0};
  for (std::int64_t i = 0; i < 6; ++i) x.data()[i] = values[i];
  const OperandMoments moments = measure_operand(std::as_const(x).view());
  EXPECT_DOUBLE_EQ(moments.mean_square, 14.0 / 6);
  EXPECT_DOUBLE_EQ(moments.mean_abs, 1.0);
  EXPECT_DOUBLE_EQ(moments.max_abs, 3.0);
  EXPECT_DOUBLE_EQ(moments.nonzero_frac, 0.5);
  EXPECT_DOUBLE_EQ(moments.papr(), 9 / (14.0 / 6));
  EXPECT_FALSE(has_non_finite(std::as_const(x).view()));
  x(1, 1) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(has_non_finite(std::as_const(x).view()));
}

}  // namespace
}  // namespace jb
