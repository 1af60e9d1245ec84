#pragma once
// Fixture of tests that type commands in a folder of their own, most of them `joulebench estimate`.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {

class EstimateCommand : public ::testing::Test {
 protected:
  CommandResult run(std::vector<std::string> arguments) {
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(std::move(arguments), options);
  }
  CommandResult estimate(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "estimate");
    return run(std::move(arguments));
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return folder_.path() / name;
  }

 private:
  TempFolder folder_;
};

}  // namespace jb::test
