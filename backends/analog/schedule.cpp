#include "backends/analog/schedule.h"

#include <cmath>

#include "backends/core/error.h"
#include "backends/core/text.h"

namespace jb::analog {
namespace {

constexpr double kFirst_s =
    1;  // first calibration of a logarithmic schedule, first look of another

[[noreturn]] void fail_trigger(std::string_view text) {
  fail_usage(
      "--calibrate {}: after the method comes @every=S (seconds above 0), @log=F (a factor above "
      "1) or @error=E (a relative error above 0)",
      text);
}

}  // namespace

Schedule schedule_from(std::string_view text) {
  const std::size_t at = text.find('@');
  Schedule schedule;
  schedule.method = std::string(text.substr(0, at));
  if (schedule.method.empty()) fail_usage("--calibrate {}: the method is missing", text);
  if (at == std::string_view::npos) return schedule;
  const std::string_view trigger = text.substr(at + 1);
  const std::size_t equals = trigger.find('=');
  if (equals == std::string_view::npos ||
      !parse_number(std::string(trigger.substr(equals + 1)), schedule.value)) {
    fail_trigger(text);
  }
  const std::string_view word = trigger.substr(0, equals);
  double above = 0;
  if (word == "every") {
    schedule.kind = Schedule::Kind::every;
  } else if (word == "log") {
    schedule.kind = Schedule::Kind::logarithmic;
    above = 1;
  } else if (word == "error") {
    schedule.kind = Schedule::Kind::error;
  } else {
    fail_trigger(text);
  }
  if (!(schedule.value > above)) fail_trigger(text);
  if (schedule.method == "none") {
    fail_usage("--calibrate {}: 'none' calibrates never and takes no schedule", text);
  }
  return schedule;
}

std::vector<double> times_until(const Schedule& schedule, double age_s) {
  const bool every = schedule.kind == Schedule::Kind::every;
  if (!every && schedule.kind != Schedule::Kind::logarithmic) return {};
  std::vector<double> times;
  for (std::int64_t i = 0;; ++i) {
    // From the index, not from the time before: rounding does not add up over a long life.
    const auto step = static_cast<double>(i);
    const double t =
        every ? schedule.value * (step + 1) : kFirst_s * std::pow(schedule.value, step);
    if (t > age_s) return times;
    if (i == kMostCalibrations) {
      fail_usage("--calibrate {}@{}={}: more than {} calibrations within an age of {} s",
                 schedule.method, every ? "every" : "log", schedule.value, kMostCalibrations,
                 age_s);
    }
    times.push_back(t);
  }
}

double next_look_s(double last_s, double look_s) noexcept {
  return look_s <= last_s ? last_s + kFirst_s : last_s + 2 * (look_s - last_s);
}

}  // namespace jb::analog
