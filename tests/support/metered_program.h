#pragma once
// The program beside a powercap tree in a folder, whose machine draws more while the program
// computes.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/fakes/fake_powercap.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {

inline constexpr double kIdle_W = 22;  // package and memory of the fake machine
inline constexpr double kBusy_W = 84;

class MeteredProgram : public testing::Test {
 protected:
  MeteredProgram() { options_.folder = folder_.path(); }

  /// A package with its memory that draws more while the program computes.
  void make_machine() {
    constexpr std::uint64_t kRange_uJ = 100000000;  // comes around every 1.2 s of work
    tree_.add("intel-rapl:0", "package-0", 99000000, kRange_uJ, 100);
    tree_.add("intel-rapl:0:0", "dram", 0, kRange_uJ, 20);
    options_.variables["JOULEBENCH_POWERCAP_DIR"] = tree_.root();
    machine_ = std::make_unique<FakeMachine>(
        tree_, std::vector<FakeMachine::Zone>{{"intel-rapl:0", 20, 80}, {"intel-rapl:0:0", 2, 4}},
        [this] { return program_is_busy(); });
    options_.started = [this](pid_t pid) { pid_ = pid; };
  }
  bool program_is_busy() {
    const pid_t pid = pid_;
    if (pid == 0) return false;
    if (pid != watched_) {
      watched_ = pid;
      busy_.emplace(pid);
    }
    return (*busy_)();
  }
  void make_phantom() {
    tree_.add("intel-rapl:0", "package-0");
    options_.variables["JOULEBENCH_POWERCAP_DIR"] = tree_.root();
  }

  CommandResult command(std::vector<std::string> arguments) {
    return joulebench(std::move(arguments), options_);
  }
  static nlohmann::json meter_of(const nlohmann::json& meters, const std::string& id) {
    for (const nlohmann::json& meter : meters) {
      if (meter.at("id") == id) return meter;
    }
    return nlohmann::json();
  }
  [[nodiscard]] nlohmann::json file_json(const std::string& name) const {
    return nlohmann::json::parse(bytes_of_file(folder_.path() / name));
  }
  /// A short but whole measurement.
  static std::vector<std::string> quick(std::vector<std::string> arguments) {
    for (const char* word : {"--window", "0.6", "--windows", "3", "--idle", "0.5", "--warmup",
                             "0.8", "--progress", "none"}) {
      arguments.emplace_back(word);
    }
    return arguments;
  }

  TempFolder folder_{memory_directory_path()};
  FakePowercap tree_{folder_.path() / "powercap"};
  CommandOptions options_;
  std::atomic<pid_t> pid_{0};
  pid_t watched_ = 0;
  std::optional<ProcessIsBusy> busy_;
  std::unique_ptr<FakeMachine> machine_;
};

}  // namespace jb::test
