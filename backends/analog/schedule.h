#pragma once
// When a machine is calibrated over its life: `METHOD[@every=S|@log=F|@error=E]`.
//
//   METHOD            once, just before the run (or --since-calibration seconds before it)
//   METHOD@every=S    at S, 2 S, 3 S, ... seconds of age
//   METHOD@log=F      at 1 s and at F times the age of the one before: 1, F, F^2, ... (F > 1), as
//                     suits drift that slows down with the logarithm of time
//   METHOD@error=E    when the machine sees an error above E: it looks 1, 2, 4, ... seconds after
//                     each calibration, and every look is charged

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jb::analog {

struct Schedule {
  enum class Kind : std::uint8_t { once, every, logarithmic, error };
  Kind kind = Kind::once;
  std::string method = "none";
  double value = 0;  ///< S, F or E

  /// Calibrates on its own clock: --since-calibration then has nothing to say.
  [[nodiscard]] bool repeats() const noexcept { return kind != Kind::once; }
};

/// Reads the text of `--calibrate`. Usage error for an unknown trigger, a value out of its range,
/// and "none" with a trigger.
Schedule schedule_from(std::string_view text);

/// Ages at which a schedule by the clock (every, logarithmic) calibrates, up to and including
/// `age_s`, in order. Usage error when there are more than kMostCalibrations.
inline constexpr std::int64_t kMostCalibrations = 10000;
std::vector<double> times_until(const Schedule& schedule, double age_s);

/// Age of the look that follows one at `look_s` when the last calibration was at `last_s`.
double next_look_s(double last_s, double look_s) noexcept;

}  // namespace jb::analog
