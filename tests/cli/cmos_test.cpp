// CMOS machines as a user meets them: precisions, convolutions, presets, ledgers by level and
// operand, refusals that say what would do.

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;

class Cmos : public ::testing::Test {
 protected:
  CommandResult call(std::vector<std::string> arguments) {
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(std::move(arguments), options);
  }
  /// The record of one point.
  json record(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--json", "-q"});
    if (arguments[0] == "run") {
      arguments.insert(arguments.end(), {"-o", "out" + std::to_string(++runs_)});
    }
    const CommandResult result = call(arguments);
    const std::vector<std::string> lines = lines_of(result.out);
    EXPECT_EQ(lines.size(), 1U) << result.out << result.err;
    return lines.empty() ? json::object() : json::parse(lines[0]);
  }
  static double quantity(const json& record, const char* name) {
    return record.at("quantities").at(name).at("value").get<double>();
  }
  bool has_onednn() {
    const json all = json::parse(call({"list", "backends", "--json"}).out);
    for (const json& backend : all) {
      if (backend.at("id") == "onednn") return backend.at("available").get<bool>();
    }
    return false;
  }
  std::set<std::string> rows(const json& record) {
    std::set<std::string> names;
    for (const json& row : record.at("ledger")) {
      names.insert(row.at("component").get<std::string>() + ": " +
                   row.at("action").get<std::string>());
    }
    return names;
  }

 private:
  TempFolder folder_;
  int runs_ = 0;
};

TEST_F(Cmos, OnednnRunsInEveryPrecisionItHas) {
  if (!has_onednn()) GTEST_SKIP() << "built without oneDNN";
  // Relative errors: rounding of operands to 24 and 8 bits of significand, 8-bit codes of normal
  // data.
  for (const auto& [precision, most] :
       {std::pair{"f32", 1e-5}, std::pair{"s8", 3e-2}, std::pair{"u8s8", 3e-2}}) {
    const json r =
        record({"run", "--backend", "onednn", "--precision", precision, "--gemm", "32,48,64"});
    ASSERT_EQ(r.at("status"), "ok") << precision;
    EXPECT_EQ(r.at("point").at("precision"), precision);
    EXPECT_FALSE(r.at("point").at("implementation").get<std::string>().empty());
    EXPECT_LT(quantity(r, "relative_error_frobenius"), most) << precision;
    EXPECT_GT(quantity(r, "relative_error_frobenius"), 0) << precision;
  }
}

TEST_F(Cmos, ConvolutionsRunAsTheLibrarysOwnPrimitive) {
  if (!has_onednn()) GTEST_SKIP() << "built without oneDNN";
  const json r = record({"run", "--backend", "onednn", "--conv", "2,4,9,9,8,3,3,2,1,1,2"});
  ASSERT_EQ(r.at("status"), "ok");
  EXPECT_NE(r.at("point").at("implementation").get<std::string>().find(":"), std::string::npos);
  EXPECT_EQ(r.at("measurement").at("lowering").get<std::string>().rfind("none", 0), 0U);
  EXPECT_LT(quantity(r, "relative_error_frobenius"), 1e-5);
}

TEST_F(Cmos, TheInstructionSetCanBeLowered) {
  if (!has_onednn()) GTEST_SKIP() << "built without oneDNN";
  const json low =
      record({"run", "--backend", "onednn", "--gemm", "16,16,16", "--set", "isa=sse41"});
  ASSERT_EQ(low.at("status"), "ok");
  EXPECT_EQ(low.at("point").at("implementation").get<std::string>().find("avx512"),
            std::string::npos);
  const json bf16 = record({"run", "--backend", "onednn", "--precision", "bf16", "--gemm",
                            "16,16,16", "--set", "isa=avx2"});
  EXPECT_EQ(bf16.at("status"), "unsupported");
  EXPECT_NE(bf16.at("reason").get<std::string>().find("--precision f32"), std::string::npos);
}

TEST_F(Cmos, LedgersTellLevelsOperandsAndDirections) {
  const std::set<std::string> cpu = rows(
      record({"estimate", "--backend", "onednn", "--device", "xeon-server", "--gemm", "99,88,77"}));
  for (const char* row :
       {"dram: read a byte", "dram: read b byte", "dram: read c byte", "dram: write c byte",
        "l3: read a byte", "l3: read b byte", "l3: write c byte", "l2: read a byte",
        "l2: read b byte", "l1: read a byte", "l1: write c byte", "fma: multiply"}) {
    EXPECT_EQ(cpu.count(row), 1U) << row;
  }
  const std::set<std::string> gpu =
      rows(record({"estimate", "--backend", "cublas", "--device", "h100", "--precision", "f16",
                   "--gemm", "990,880,770"}));
  for (const char* row : {"hbm: read a byte", "hbm: read b byte", "hbm: write c byte",
                          "l2: read a byte", "shared memory: read b byte"}) {
    EXPECT_EQ(gpu.count(row), 1U) << row;
  }
  const std::set<std::string> array =
      rows(record({"estimate", "--backend", "systolic", "--gemm", "990,880,770"}));
  for (const char* row : {"dram: read a byte", "dram: weight byte", "dram: write c byte",
                          "sram a: read byte", "accumulators: byte", "pe registers: bit"}) {
    EXPECT_EQ(array.count(row), 1U) << row;
  }
}

TEST_F(Cmos, ConvolutionsReadTheirInputAndNotItsWindowsFromDram) {
  // 227 x 227 x 3 elements once (the windows hold 3025 x 363), 96 x 363 weights, 3025 x 96 sums.
  const json array = record(
      {"estimate", "--backend", "systolic", "--device", "tpu-v1", "--shape", "alexnet-conv1"});
  double read = 0;
  for (const json& row : array.at("ledger")) {
    if (row.at("component") == "dram" && row.at("action") == "read a byte") {
      read += row.at("count").get<double>();
    }
  }
  EXPECT_EQ(read, 227.0 * 227 * 3);
  for (const auto& [backend, device, element] :
       {std::tuple{"onednn", "xeon-server", 4.0}, std::tuple{"cublas", "a100", 4.0}}) {
    const json r =
        record({"estimate", "--backend", backend, "--device", device, "--shape", "conv1"});
    double input = 0;
    for (const json& row : r.at("ledger")) {
      if (row.at("boundary") == "B2" && row.at("action") == "read a byte") {
        input += row.at("count").get<double>();
      }
    }
    EXPECT_EQ(input, 227.0 * 227 * 3 * element) << backend;
  }
}

TEST_F(Cmos, TheLeastTrafficOfAnyScheduleStandsInTheRecord) {
  for (const auto& [backend, device] :
       {std::pair{"onednn", "xeon-server"}, std::pair{"cublas", "h100"},
        std::pair{"systolic", "scale-sim-32"}, std::pair{"systolic", "eyeriss-like"}}) {
    for (const char* gemm : {"64,64,64", "4096,4096,4096", "1,5000,3000"}) {
      const json r = record({"estimate", "--backend", backend, "--device", device, "--gemm", gemm});
      ASSERT_EQ(r.at("status"), "ok") << device << r.at("reason");
      const double bound = r.at("measurement").at("communication_bound_bytes").get<double>();
      double moved = 0;
      for (const json& row : r.at("ledger")) {
        const std::string component = row.at("component");
        if (component == "dram" || component == "hbm") moved += row.at("count").get<double>();
      }
      EXPECT_GT(bound, 0) << device << " " << gemm;
      EXPECT_GE(moved, bound) << device << " " << gemm;
    }
  }
}

TEST_F(Cmos, PresetsAreThereWithSources) {
  const json devices = json::parse(call({"list", "devices", "--json"}).out);
  std::set<std::string> names;
  for (const json& device : devices) {
    names.insert(device.at("backend").get<std::string>() + " " +
                 device.at("name").get<std::string>());
    const json& figure =
        device.at("validation").is_null() ? device.at("compared") : device.at("validation");
    if (device.at("validation").is_null()) continue;
    EXPECT_FALSE(figure.at("against").get<std::string>().empty());
  }
  for (const char* name :
       {"systolic tpu-v1", "systolic tpu-v4i", "systolic eyeriss-like", "systolic scale-sim-32",
        "cublas a100", "cublas h100", "cublas h200", "onednn xeon-server", "onednn host"}) {
    EXPECT_EQ(names.count(name), 1U) << name;
  }
}

TEST_F(Cmos, ABf16ArrayRuns) {
  const json r = record({"run", "--backend", "systolic", "--device", "tpu-v4i", "--precision",
                         "bf16", "--gemm", "20,30,300"});
  ASSERT_EQ(r.at("status"), "ok");
  EXPECT_EQ(r.at("point").at("implementation"), "bf16/ws");
  // Two operands rounded to 8 bits: relative error about 2^-9 sqrt(2 / 3).
  EXPECT_NEAR(quantity(r, "relative_error_frobenius"), 2.3e-3, 1e-3);
  const json s8 =
      record({"run", "--backend", "systolic", "--device", "tpu-v4i", "--gemm", "20,30,300"});
  EXPECT_EQ(s8.at("point").at("implementation"), "s8/ws");
}

TEST_F(Cmos, RefusalsSayWhatWouldDo) {
  const auto refused = [&](std::vector<std::string> arguments, const char* says) {
    const CommandResult result = call(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
    EXPECT_NE(result.err.find(says), std::string::npos) << result.err;
  };
  refused({"run", "--backend", "onednn", "--precision", "f8e4m3", "--gemm", "2,2,2"},
          "--backend cublas");
  refused({"estimate", "--backend", "systolic", "--precision", "f16", "--gemm", "2,2,2"},
          "--backend cublas");
  refused({"estimate", "--backend", "systolic", "--set", "rows=0", "--gemm", "2,2,2"},
          "1 .. 65536");
  refused({"estimate", "--backend", "systolic", "--set", "arrays=0", "--gemm", "2,2,2"}, "arrays");
  refused({"estimate", "--backend", "systolic", "--set", "accumulator.bytes=8", "--gemm", "2,2,2"},
          "1024 ..");
  refused({"estimate", "--backend", "onednn", "--device", "xeon-server", "--set",
           "cache.l1_bytes=16", "--gemm", "2,2,2"},
          "64 to");
  refused({"estimate", "--backend", "onednn", "--device", "xeon-server", "--set",
           "cache.l2_bytes=1000", "--gemm", "2,2,2"},
          "49152 to");
  refused({"estimate", "--backend", "onednn", "--device", "xeon-server", "--set",
           "blocking.kc=100000", "--gemm", "2,2,2"},
          "1 to 768");
  const json deep = record({"estimate", "--backend", "systolic", "--gemm", "1,1,200000"});
  EXPECT_EQ(deep.at("status"), "unsupported");
  EXPECT_NE(deep.at("reason").get<std::string>().find("--backend onednn"), std::string::npos);
  const json tpu = record({"estimate", "--backend", "systolic", "--device", "tpu-v1", "--precision",
                           "bf16", "--gemm", "4,4,4"});
  EXPECT_EQ(tpu.at("status"), "unsupported");
  EXPECT_NE(tpu.at("reason").get<std::string>().find("tpu-v4i"), std::string::npos);
}

TEST_F(Cmos, LayersOfAlexNetAnswerToTheirOwnNames) {
  const json fc8 = record({"estimate", "--backend", "systolic", "--shape", "fc8"});
  EXPECT_EQ(fc8.at("work").at("macs"), 4096000.0);
  const json same = record({"estimate", "--backend", "systolic", "--shape", "alexnet-fc8"});
  EXPECT_EQ(fc8.at("point_id"), same.at("point_id"));
}

}  // namespace
}  // namespace jb::test
