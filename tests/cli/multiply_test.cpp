// joulebench multiply: known products, orders and types of .npy, fidelity of the record.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/npy_bytes.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;

class Multiply : public ::testing::Test {
 protected:
  CommandResult multiply(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"multiply", (folder_.path() / "A.npy").string(),
                                         (folder_.path() / "B.npy").string()});
    return joulebench(std::move(arguments));
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  // [1 2 3; 4 5 6] [7 8; 9 10; 11 12] = [58 64; 139 154], exact in any floating-point type.
  template <class T>
  void write_known(bool fortran) {
    write_file(file("A.npy"), npy_bytes<T>(2, 3, {1, 2, 3, 4, 5, 6}, fortran));
    write_file(file("B.npy"), npy_bytes<T>(3, 2, {7, 8, 9, 10, 11, 12}, fortran));
  }

 private:
  TempFolder folder_;
};

TEST_F(Multiply, KnownProductInFloat32) {
  write_known<float>(false);
  const CommandResult result = multiply({"--backend", "reference", "-o", file("C.npy")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(npy_values<float>(bytes_of_file(file("C.npy")), 2, 2),
            (std::vector<float>{58, 64, 139, 154}));
  EXPECT_LE(widest_line(result.out), 80);
}

TEST_F(Multiply, FortranOrderMeansTheSameMatrix) {
  write_known<float>(true);
  ASSERT_EQ(multiply({"--backend", "reference", "-o", file("C.npy")}).exit_code, 0);
  EXPECT_EQ(npy_values<float>(bytes_of_file(file("C.npy")), 2, 2),
            (std::vector<float>{58, 64, 139, 154}));
}

TEST_F(Multiply, Float64InFloat64OutOnReferenceAndSimulators) {
  // 1 + 2^-40 has no float32: only arithmetic and output in float64 keep it.
  const double tiny = std::ldexp(1.0, -40);
  write_file(file("A.npy"), npy_bytes<double>(1, 2, {1.0, tiny}));
  write_file(file("B.npy"), npy_bytes<double>(2, 1, {1.0, 1.0}));
  for (const std::string device :
       {"reference", "systolic ideal", "crossbar ideal", "photonic ideal"}) {
    const std::size_t space = device.find(' ');
    std::vector<std::string> arguments = {"--backend", device.substr(0, space), "-o",
                                          file("C.npy")};
    if (space != std::string::npos) {
      arguments.insert(arguments.end(), {"--device", device.substr(space + 1)});
    }
    const CommandResult result = multiply(arguments);
    ASSERT_EQ(result.exit_code, 0) << device << result.err;
    const double c = npy_values<double>(bytes_of_file(file("C.npy")), 1, 1).front();
    // Scaling by a largest element that is no power of two and back costs a few roundings of 2^-53.
    EXPECT_NEAR(c, 1.0 + tiny, std::ldexp(1.0, -48)) << device;
  }
}

TEST_F(Multiply, MixedTypesGiveFloat64) {
  write_file(file("A.npy"), npy_bytes<float>(1, 2, {1, 2}));
  write_file(file("B.npy"), npy_bytes<double>(2, 1, {3, 4}, true));
  ASSERT_EQ(multiply({"--backend", "reference", "-o", file("C.npy")}).exit_code, 0);
  EXPECT_EQ(npy_values<double>(bytes_of_file(file("C.npy")), 1, 1), std::vector<double>{11});
}

TEST_F(Multiply, BackendsOfFloat32TakeFloat64OnlyWhereItFits) {
  for (const json& backend : json::parse(joulebench({"list", "backends", "--json"}).out)) {
    if (backend.at("id") != "onednn" || !backend.at("available").get<bool>()) continue;
    write_file(file("A.npy"), npy_bytes<double>(1, 2, {1, 2}));
    write_file(file("B.npy"), npy_bytes<double>(2, 1, {3, 4}));
    ASSERT_EQ(multiply({"--backend", "onednn", "-o", file("C.npy")}).exit_code, 0);
    EXPECT_EQ(npy_values<float>(bytes_of_file(file("C.npy")), 1, 1), std::vector<float>{11});
    write_file(file("B.npy"), npy_bytes<double>(2, 1, {3, 1e300}));
    const CommandResult result = multiply({"--backend", "onednn", "-o", file("D.npy")});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_NE(result.err.find("row 1, column 0"), std::string::npos) << result.err;
    EXPECT_FALSE(std::filesystem::exists(file("D.npy")));
  }
}

TEST_F(Multiply, DefaultDeviceOfEachBackend) {
  write_known<float>(false);
  const std::map<std::string, std::string> defaults = {
      {"crossbar", "pcm-hermes"}, {"photonic", "photonic-2025"}, {"systolic", "tpu-v1"}};
  for (const auto& [backend, device] : defaults) {
    const CommandResult result = multiply({"--backend", backend, "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json record = json::parse(result.out);
    EXPECT_EQ(record.at("point").at("backend"), backend);
    EXPECT_EQ(record.at("point").at("device"), device);
    EXPECT_EQ(record.at("work").at("macs"), 12);
    EXPECT_EQ(record.at("status"), "ok");
  }
}

TEST_F(Multiply, RecordTellsTheErrorOfTheFileItWrote) {
  std::vector<double> a(64 * 32);
  std::vector<double> b(32 * 16);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<double>(i));
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = std::cos(1.7 * static_cast<double>(i));
  write_file(file("A.npy"), npy_bytes<double>(64, 32, a));
  write_file(file("B.npy"), npy_bytes<double>(32, 16, b, true));
  const CommandResult result =
      multiply({"--backend", "photonic", "-o", file("C.npy"), "--json", "--seed", "5"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<double> c = npy_values<double>(bytes_of_file(file("C.npy")), 64, 16);
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    for (std::size_t j = 0; j < 16; ++j) {
      double exact = 0;
      for (std::size_t l = 0; l < 32; ++l) exact += a[i * 32 + l] * b[l * 16 + j];
      error += (c[i * 16 + j] - exact) * (c[i * 16 + j] - exact);
      norm += exact * exact;
    }
  }
  const double told =
      json::parse(result.out).at("quantities").at("relative_error_frobenius").at("value");
  EXPECT_GT(told, 1e-6) << "a realistic preset has noise";
  // Both are float64 sums of 1024 squares of the same numbers: 1024 x 2^-53 = 1e-13, and a product
  // that differs by rounding (32 x 2^-53) changes an error of 1e-2 in the 13th digit.
  EXPECT_NEAR(told, std::sqrt(error / norm), 1e-9 * told);
}

TEST_F(Multiply, SameSeedSameBytesForAnyThreads) {
  write_known<float>(false);
  std::string first;
  for (const char* threads : {"1", "2", "3"}) {
    ASSERT_EQ(multiply({"--backend", "crossbar", "-o", file("C.npy"), "--threads", threads, "-q"})
                  .exit_code,
              0);
    const std::string bytes = bytes_of_file(file("C.npy"));
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first);
  }
  ASSERT_EQ(multiply({"--backend", "crossbar", "-o", file("C.npy"), "--seed", "2"}).exit_code, 0);
  EXPECT_NE(bytes_of_file(file("C.npy")), first);
}

struct BadMatrices {
  const char* name;
  std::string a, b;
  const char* says;
};

TEST_F(Multiply, BadMatricesAreRefusedAndNothingIsWritten) {
  const std::string good_a = npy_bytes<float>(2, 3, {1, 2, 3, 4, 5, 6});
  const std::string good_b = npy_bytes<float>(3, 2, {1, 2, 3, 4, 5, 6});
  std::string int_type = good_a;
  int_type.replace(int_type.find("<f4"), 3, "<i4");
  const std::vector<BadMatrices> cases = {
      {"shapes", good_a, good_a, "2 x 3"},
      {"nan", npy_bytes<float>(2, 3, {1, 2, 3, 4, 5, std::nanf("")}), good_b, "row 1, column 2"},
      {"infinity", good_a, npy_bytes<double>(3, 2, {1, 2, 3, HUGE_VAL, 5, 6}), "row 1, column 1"},
      {"truncated", good_a.substr(0, good_a.size() - 4), good_b, "A.npy"},
      {"trailing", good_a + "xxxx", good_b, "A.npy"},
      {"empty", "", good_b, "A.npy"},
      {"text", "1 2 3\n4 5 6\n", good_b, "A.npy"},
      {"integers", int_type, good_b, "i4"},
  };
  for (const BadMatrices& bad : cases) {
    write_file(file("A.npy"), bad.a);
    write_file(file("B.npy"), bad.b);
    const CommandResult result = multiply({"--backend", "crossbar", "-o", file("C.npy")});
    EXPECT_EQ(result.exit_code, 2) << bad.name << result.err;
    EXPECT_NE(result.err.find(bad.says), std::string::npos) << bad.name << ": " << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << bad.name << ": " << result.err;
    EXPECT_EQ(result.out, "") << bad.name;
    EXPECT_FALSE(std::filesystem::exists(file("C.npy"))) << bad.name;
  }
}

TEST_F(Multiply, PlacesThatCannotBeReadOrWritten) {
  write_known<float>(false);
  EXPECT_EQ(multiply({"-o", file("missing/C.npy")}).exit_code, 2);
  EXPECT_EQ(multiply({"-o", std::filesystem::path(file("A.npy")).parent_path()}).exit_code, 2);
  EXPECT_EQ(joulebench({"multiply", file("A.npy"), file("missing.npy")}).exit_code, 2);
  EXPECT_EQ(joulebench({"multiply", file("A.npy")}).exit_code, 2);
}

TEST_F(Multiply, DumpWritesWeightsConductancesAndEffectiveMatrices) {
  write_known<double>(false);
  const std::string dump = file("held");
  ASSERT_EQ(multiply({"--backend", "crossbar", "--device", "ideal", "--set", "weight.bits=8",
                      "--set", "weight.slices=2", "--set", "cell.bits=4", "--set",
                      "cell.on_off=100", "--dump", dump, "-q"})
                .exit_code,
            0);
  const auto values = [&](const std::string& name) {
    return npy_values<double>(bytes_of_file(dump + "/" + name + ".npy"), 3, 2);
  };
  EXPECT_EQ(values("weights"), (std::vector<double>{7, 8, 9, 10, 11, 12}));
  // 7 / 12 of 127 steps is 74 = 4 16 + 10: digits 10 and 4 of 15.
  EXPECT_NEAR(values("conductances_slice0_positive")[0], 0.01 + 0.99 * 10 / 15, 1e-12);
  EXPECT_NEAR(values("conductances_slice1_positive")[0], 0.01 + 0.99 * 4 / 15, 1e-12);
  EXPECT_NEAR(values("conductances_slice1_negative")[0], 0.01, 1e-12);
  EXPECT_NEAR(values("effective_slice0")[0], 0.99 * 10 / 15, 1e-12);
  EXPECT_NEAR(values("effective")[0], 74 * 12 / 127.0, 1e-12);
}

TEST_F(Multiply, DumpIsForMachinesThatHoldConductances) {
  write_known<float>(false);
  const CommandResult result = multiply({"--backend", "reference", "--dump", file("held")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("--dump"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace jb::test
