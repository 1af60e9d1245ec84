#include "harness/meter/log_meter.h"

#include <fmt/core.h>

#include <chrono>
#include <thread>

#include "harness/meter/power_log.h"

namespace jb::harness::meter {
namespace {

// A wall analyser is specified to 0.5 to 1 %; which one this is, nobody told.
constexpr double kUncertainty_frac = 0.01;
constexpr const char* kUncertaintySource = "wall analysers are specified to 0.5 to 1 %";
constexpr double kLongestWait_s = 5;  // beyond three intervals, for the logger's own buffer
constexpr double kIntervalsWaited = 3;
constexpr std::chrono::milliseconds kLookAgain{50};

class LogMeter final : public Meter {
 public:
  /// `finished`: the log itself, which is then not read again.
  LogMeter(std::filesystem::path file, const PowerLog& log, std::optional<Boundary> boundary,
           std::optional<PowerLog> finished = {})
      : file_(std::move(file)), finished_(std::move(finished)) {
    info_.id = "log";
    info_.title = "external power log";
    info_.machine = Machine::any;
    info_.uncertainty_frac = kUncertainty_frac;
    info_.uncertainty_source = kUncertaintySource;
    info_.domains.push_back({file_.filename().string(), DomainKind::log, true, "", 0});
    info_.boundary = boundary;
    info_.update_period_s = log.interval_s();
  }

  Mark mark() override { return mark_now(); }

  std::vector<double> joules_between(const Mark& from, const Mark& to) override {
    const auto give_up =
        std::chrono::steady_clock::now() +
        std::chrono::duration<double>(kLongestWait_s + kIntervalsWaited * info_.update_period_s);
    while (true) {
      const PowerLog log = finished_ ? *finished_ : read();
      if (log.begin_s() > from.unix_s) {
        throw Error(
            ErrorCode::not_available,
            fmt::format("the power log {} begins after the window to be metered", file_.string()));
      }
      if (log.end_s() >= to.unix_s) return {log.energy_J(from.unix_s, to.unix_s)};
      if (finished_ || std::chrono::steady_clock::now() > give_up) {
        throw Error(ErrorCode::not_available,
                    fmt::format("the power log {} stopped {:.3g} s before the end of the window to "
                                "be metered",
                                file_.string(), to.unix_s - log.end_s()));
      }
      std::this_thread::sleep_for(kLookAgain);
    }
  }

 private:
  /// What is wrong with the log ends the metering, not the program.
  [[nodiscard]] PowerLog read() const {
    try {
      return read_power_log(file_, {0, false, true});
    } catch (const Error& error) {
      throw Error(ErrorCode::not_available, error.what());
    }
  }

  std::filesystem::path file_;
  std::optional<PowerLog> finished_;
};

Candidate log_candidate() {
  return {"log", "what an external wattmeter was put around", Machine::any, nullptr, "", ""};
}

}  // namespace

Candidate finished_power_log(const std::filesystem::path& file, std::optional<Boundary> boundary) {
  Candidate candidate = log_candidate();
  const PowerLog log = read_power_log(file);
  candidate.meter = std::make_unique<LogMeter>(file, log, boundary, log);
  return candidate;
}

Candidate find_power_log(const MeterPlaces& places, std::optional<Boundary> boundary) {
  Candidate candidate = log_candidate();
  if (places.power_log.empty()) {
    candidate.reason = "no log is named";
    candidate.mend = "name a file of time,watts that a wattmeter writes: --power-log FILE";
    return candidate;
  }
  const PowerLog log = read_power_log(places.power_log, {0, false, true});
  const double now_s = mark_now().unix_s;
  const double late_s = now_s - log.end_s();
  if (log.begin_s() > now_s || late_s > kLongestWait_s + kIntervalsWaited * log.interval_s()) {
    candidate.reason = fmt::format(
        "{} does not reach to now: it ends {:.6g} s ago; is the logger running, and are its times "
        "seconds since 1970 (UTC)?",
        places.power_log.string(), late_s);
    candidate.mend = "start the logger, or set its clock (NTP)";
    return candidate;
  }
  candidate.meter = std::make_unique<LogMeter>(places.power_log, log, boundary);
  return candidate;
}

}  // namespace jb::harness::meter
