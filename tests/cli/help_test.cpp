// Help, version, and the shape of messages.

#include <gtest/gtest.h>

#include "tests/support/run_command.h"

namespace jb::test {
namespace {

const std::vector<std::string> kVerbs = {
    "list",    "run",      "multiply", "infer",  "conformance", "estimate",  "train", "explain",
    "compare", "validate", "merge",    "pareto", "report",      "footprint", "doctor"};

TEST(Help, NamesEveryVerbAndFits80Columns) {
  const CommandResult help = joulebench({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.err, "");
  for (const std::string& verb : kVerbs) {
    EXPECT_NE(help.out.find("\n  " + verb + " "), std::string::npos) << verb;
  }
  EXPECT_LE(widest_line(help.out), 80);
}

TEST(Help, OfEveryVerbHasExamplesAndFits80Columns) {
  for (const std::string& verb : kVerbs) {
    const CommandResult help = joulebench({verb, "--help"});
    EXPECT_EQ(help.exit_code, 0) << verb;
    EXPECT_EQ(help.err, "") << verb;
    EXPECT_NE(help.out.find("Usage: joulebench " + verb), std::string::npos) << help.out;
    EXPECT_NE(help.out.find("Examples:\n  joulebench " + verb), std::string::npos) << help.out;
    EXPECT_LE(widest_line(help.out), 80) << verb;
    EXPECT_EQ(joulebench({verb, "-h"}).out, help.out) << verb;
  }
}

TEST(Help, OfRunNamesThePointFlagsOfTheContract) {
  const std::string help = joulebench({"run", "--help"}).out;
  for (const char* flag :
       {"--backend",   "--device",      "--set",       "--gemm",     "--conv",
        "--shape",     "--network",     "--data",      "--dataset",  "--batch",
        "--precision", "--dist",        "--seed",      "--age",      "--since-calibration",
        "--calibrate", "--temperature", "--instances", "--threads",  "--dynamic",
        "--filter",    "--dry-run",     "--json",      "--progress", "--color",
        "--strict",    "--cache",       "-a, --axis",  "--zip",      "-o, --output",
        "-q, --quiet", "-v, --verbose"}) {
    EXPECT_NE(help.find(flag), std::string::npos) << flag;
  }
}

TEST(Version, IsOneLine) {
  const CommandResult version = joulebench({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out.rfind("joulebench ", 0), 0U);
  EXPECT_EQ(lines_of(version.out).size(), 1U);
}

TEST(Output, ThatCannotBeWrittenIsAnErrorOfTheUser) {
  const CommandResult full =
      run_command({"/bin/sh", "-c", std::string(JOULEBENCH_BINARY) + " list backends > /dev/full"});
  EXPECT_EQ(full.exit_code, 2);
  EXPECT_NE(full.err.find("cannot write to standard output"), std::string::npos) << full.err;
}

}  // namespace
}  // namespace jb::test
