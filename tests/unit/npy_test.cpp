// Are .npy files read and written as NumPy does, and is every damaged one refused?

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/error.h"
#include "harness/io/npy.h"
#include "tests/support/temp_folder.h"

namespace jb::harness {
namespace {

using test::bytes_of_file;
using test::TempFolder;

template <class T>
std::string raw(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::string npy(int major, const std::string& dictionary, const std::string& payload) {
  std::string bytes("\x93NUMPY", 6);
  bytes.push_back(static_cast<char>(major));
  bytes.push_back('\0');
  const std::size_t length = dictionary.size();
  for (std::size_t i = 0; i < (major == 1 ? 2U : 4U); ++i) {
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(length >> (8 * i))));
  }
  return bytes + dictionary + payload;
}

std::string dict(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

/// The message of the usage error of reading those bytes; "" when they were read.
std::string error_of(const TempFolder& folder, const std::string& bytes) {
  try {
    read_npy(folder.write("bad.npy", bytes));
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

const std::vector<float> kSix = {1, 2, 3, 4, 5, 6.5F};

TEST(Npy, ReadsEveryVersionInCOrder) {
  const TempFolder folder;
  for (const int major : {1, 2, 3}) {
    const auto file = folder.write("a.npy", npy(major, dict("<f4", "False", "(2, 3)"), raw(kSix)));
    const NpyMatrix m = read_npy(file);
    EXPECT_EQ(m.type, ElementType::f32);
    ASSERT_EQ(m.rows, 2);
    ASSERT_EQ(m.cols, 3);
    const MatrixView<const float> view = m.ref().as<float>();
    for (std::int64_t i = 0; i < 2; ++i) {
      for (std::int64_t j = 0; j < 3; ++j) {
        EXPECT_EQ(view(i, j), kSix[static_cast<std::size_t>(i * 3 + j)]);
      }
    }
  }
}

TEST(Npy, ReadsFortranOrderAndDoubles) {
  const TempFolder folder;
  // 40 x 70: more than one block of the transposition, and no multiple of it.
  std::vector<double> values;
  for (int j = 0; j < 70; ++j) {
    for (int i = 0; i < 40; ++i) values.push_back(100.0 * i + j);
  }
  const auto file = folder.write("f.npy", npy(1, dict("<f8", "True", "(40, 70)"), raw(values)));
  const NpyMatrix m = read_npy(file);
  EXPECT_EQ(m.type, ElementType::f64);
  EXPECT_EQ(m.f32.size(), 0);
  const MatrixView<const double> view = m.ref().as<double>();
  ASSERT_EQ(view.rows, 40);
  ASSERT_EQ(view.cols, 70);
  for (int i = 0; i < 40; ++i) {
    for (int j = 0; j < 70; ++j) ASSERT_EQ(view(i, j), 100.0 * i + j);
  }
}

TEST(Npy, ReadsOtherSpellingsOfTheDictionary) {
  const TempFolder folder;
  for (const char* text :
       {"{\"shape\": (2,3), \"descr\":\"<f4\",\"fortran_order\":False}",
        "{'fortran_order': False, 'shape': (2L, 3L), 'descr': '<f4'}   \n",
        " { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , } "}) {
    EXPECT_EQ(read_npy(folder.write("a.npy", npy(1, text, raw(kSix)))).f32(1, 2), 6.5F) << text;
  }
}

TEST(Npy, WritesTheBytesOfNumpy) {
  const TempFolder folder;
  Matrix<float> m(2, 3);
  std::copy(kSix.begin(), kSix.end(), m.data());
  write_npy(folder.path() / "w.npy", m.view());
  // What numpy.save writes: 10 bytes, then the dictionary padded by spaces to 118 with a newline.
  std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  dictionary.resize(117, ' ');
  EXPECT_EQ(bytes_of_file(folder.path() / "w.npy"), npy(1, dictionary + "\n", raw(kSix)));

  write_npy(folder.path() / "t.npy", m.view().transposed());
  const NpyMatrix t = read_npy(folder.path() / "t.npy");
  ASSERT_EQ(t.rows, 3);
  EXPECT_EQ(t.f32(2, 1), 6.5F);
  EXPECT_EQ(t.f32(0, 1), 4.0F);

  Matrix<double> d(1, 2);
  d(0, 1) = -0.1;
  write_npy(folder.path() / "d.npy", d.view());
  EXPECT_EQ(read_npy(folder.path() / "d.npy").f64(0, 1), -0.1);
}

TEST(Npy, WritesNoNanAndNothingHalf) {
  const TempFolder folder;
  const auto file = folder.write("old.npy", "old");
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Matrix<double> m(2, 2);
    m(1, 0) = bad;
    try {
      write_npy(file, m.view());
      ADD_FAILURE() << "written";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_TRUE(mentions(error.what(), "row 1, column 0"));
    }
  }
  EXPECT_EQ(bytes_of_file(file), "old");
  EXPECT_THROW(write_npy(file / "below-a-file.npy", Matrix<double>(1, 1).view()), Error);
}

TEST(Npy, ReturnsNanForTheCallerToJudge) {
  const TempFolder folder;
  const std::vector<float> values = {std::nanf("")};
  const auto file = folder.write("n.npy", npy(1, dict("<f4", "False", "(1, 1)"), raw(values)));
  EXPECT_TRUE(std::isnan(read_npy(file).f32(0, 0)));
}

TEST(Npy, RefusesOtherTypesAndDimensions) {
  const TempFolder folder;
  for (const char* type : {">f4", "<f2", "<i4", "|u1", "<c16", "|O", "f4", ""}) {
    const std::string message =
        error_of(folder, npy(1, dict(type, "False", "(2, 3)"), std::string(24, 'x')));
    EXPECT_TRUE(mentions(message, "dtype '" + std::string(type) + "'"));
    EXPECT_TRUE(mentions(message, "'<f4' (float32) and '<f8' (float64)"));
  }
  EXPECT_TRUE(mentions(
      error_of(folder, npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}",
                           raw(kSix))),
      "structured"));
  EXPECT_TRUE(mentions(error_of(folder, npy(1, dict("<f4", "False", "(6,)"), raw(kSix))), "(6,)"));
  EXPECT_TRUE(
      mentions(error_of(folder, npy(1, dict("<f4", "False", "()"), raw(kSix))), "shape ()"));
  EXPECT_TRUE(mentions(error_of(folder, npy(1, dict("<f4", "False", "(1, 2, 3)"), raw(kSix))),
                       "(1, 2, 3)"));
}

TEST(Npy, RefusesSizesThatTheFileDoesNotHold) {
  const TempFolder folder;
  const auto with_shape = [&](const std::string& shape) {
    return error_of(folder, npy(1, dict("<f4", "False", shape), raw(kSix)));
  };
  EXPECT_EQ(with_shape("(3, 2)"), "");
  EXPECT_TRUE(mentions(with_shape("(2, 4)"), "truncated"));
  EXPECT_TRUE(mentions(with_shape("(2, 2)"), "too long"));
  EXPECT_TRUE(mentions(with_shape("(1000000000000, 1000000000000)"), "truncated"));
  // Products that overflow to 0, to 6 and to small numbers modulo 2^64.
  EXPECT_TRUE(mentions(with_shape("(4294967296, 4294967296)"), "truncated"));
  EXPECT_TRUE(mentions(with_shape("(9223372036854775807, 9223372036854775807)"), "truncated"));
  EXPECT_TRUE(mentions(with_shape("(6148914691236517206, 3)"), "truncated"));
  EXPECT_TRUE(mentions(with_shape("(99999999999999999999, 1)"), "2^63"));
  EXPECT_TRUE(mentions(with_shape("(0, 3)"), "at least 1"));
  EXPECT_TRUE(mentions(with_shape("(-2, 3)"), "malformed"));
}

TEST(Npy, RefusesMalformedHeaders) {
  const TempFolder folder;
  const std::string good = npy(1, dict("<f4", "False", "(2, 3)"), raw(kSix));
  ASSERT_EQ(error_of(folder, good), "");
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_NE(error_of(folder, good.substr(0, cut)), "") << cut;
  }
  for (const char* text :
       {"", "{", "{}", "[]", "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 6}",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x"}) {
    EXPECT_NE(error_of(folder, npy(1, text, raw(kSix))), "") << text;
  }
  EXPECT_TRUE(mentions(error_of(folder, "PK\x03\x04 and so on, a zip"), "no .npy file"));
  EXPECT_TRUE(mentions(error_of(folder, npy(4, dict("<f4", "False", "(2, 3)"), raw(kSix))), "4.0"));
  std::string huge("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12);
  EXPECT_TRUE(mentions(error_of(folder, huge + raw(kSix)), "4294967295"));
  EXPECT_THROW(read_npy(folder.path() / "missing.npy"), Error);
  EXPECT_THROW(read_npy(folder.path()), Error);
}

}  // namespace
}  // namespace jb::harness
