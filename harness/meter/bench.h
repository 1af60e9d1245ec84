#pragma once
// The meters of this computer: found, tested, and read while points run.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/core/json_file.h"
#include "harness/meter/perf_event.h"
#include "harness/meter/self_test.h"

namespace jb::harness::meter {

enum class MeterStatus {
  available,    ///< passed its self-test
  unavailable,  ///< not there, or not to be read
  rejected,     ///< there, but it failed
};
std::string_view name_of(MeterStatus status) noexcept;

struct MeterState {
  Candidate candidate;
  MeterStatus status = MeterStatus::unavailable;
  std::string reason;  ///< empty where available
  SelfTest test;
};

struct BenchOptions {
  MeterPlaces places = MeterPlaces::from_environment();
  std::optional<Boundary> log_boundary = Boundary::B4;
  bool search = true;  ///< false: there are no meters, and none is looked for
  /// A log that nobody writes any more, which is then the only meter. It is joined to what ran
  /// before, so there is no self-test.
  std::filesystem::path finished_log;
  SelfTestOptions self_test;
  std::function<Load(Machine)> load_for = load_of;
  PerfCalls perf = PerfCalls::of_kernel();
};

class Bench {
 public:
  /// Looks for every kind of meter and tests what is there; takes some five seconds where there is
  /// one and none where there is not.
  explicit Bench(BenchOptions options = {});

  [[nodiscard]] const std::vector<MeterState>& states() const noexcept { return states_; }
  [[nodiscard]] const MeterPlaces& places() const noexcept { return options_.places; }

  /// Meters that passed, of a machine, in order of preference; indices for the calls below.
  [[nodiscard]] std::vector<std::size_t> usable(Machine machine) const;
  [[nodiscard]] Meter& meter(std::size_t i) const { return *meters_.at(i); }
  [[nodiscard]] const MeterState& state(std::size_t i) const { return states_.at(state_of_.at(i)); }
  [[nodiscard]] Sampler& sampler() const { return *sampler_; }

  /// Pairs of meters of one boundary whose busy power differs by more than 15 %, a sentence each.
  [[nodiscard]] const std::vector<std::string>& disagreements() const noexcept {
    return disagreements_;
  }
  /// Why a machine has no meter and what to do, one sentence.
  [[nodiscard]] std::string missing(Machine machine) const;

 private:
  void find();
  void compare();

  BenchOptions options_;
  std::vector<MeterState> states_;
  std::vector<Meter*> meters_;
  std::vector<std::size_t> state_of_;  ///< of each meter
  std::unique_ptr<Sampler> sampler_;
  std::vector<std::string> disagreements_;
};

/// Two meters of the same domains may differ that much.
inline constexpr double kMostDisagreement_frac = 0.15;

/// For `list meters`, `doctor` and run.json.
Json to_json(const MeterState& state);

}  // namespace jb::harness::meter
