#include "harness/meter/power_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/text.h"

namespace jb::harness::meter {
namespace {

constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 28U;  // some ten million samples
// The largest data centres draw hundreds of megawatts: more than a gigawatt is another unit.
constexpr double kMostPower_W = 1e9;
constexpr double kMedianIntervalsInGap = 3;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\"");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\"") - first + 1);
}

/// Takes `digits` digits off the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const char* end = text.data() + digits;
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end || value < 0 || text[0] == '-') return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Seconds east of UTC: "Z", "+01:00", "-0530". A time without zone is ambiguous: nothing.
std::optional<int> zone_s(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  const int sign = !text.empty() && text[0] == '-' ? -1 : 1;
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_digits(text, 2);
  take(text, ":");
  const auto minutes = take_digits(text, 2);
  if (!hours || !minutes || !text.empty()) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

/// Seconds since 1970 of "2025-11-25T14:40:00.5Z".
std::optional<double> iso_time_s(std::string_view text) {
  using namespace std::chrono;
  const auto y = take_digits(text, 4);
  if (!y || !take(text, "-")) return std::nullopt;
  const auto m = take_digits(text, 2);
  if (!m || !take(text, "-")) return std::nullopt;
  const auto d = take_digits(text, 2);
  if (!d || !take(text, "Tt ")) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)},
                            day{static_cast<unsigned>(*d)}};
  if (!second || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  double fraction = 0;
  if (take(text, ".,")) {
    const std::size_t length = std::min(text.find_first_not_of("0123456789"), text.size());
    if (length == 0 || !parse_number(fmt::format("0.{}", text.substr(0, length)), fraction)) {
      return std::nullopt;
    }
    text.remove_prefix(length);
  }
  const auto zone = zone_s(text);
  if (!zone) return std::nullopt;
  const auto days = static_cast<double>(sys_days{date}.time_since_epoch().count());
  return days * 86400 + *hour * 3600 + *minute * 60 + *second - *zone + fraction;
}

struct Units {
  double time = 1;   // of the log's unit in seconds
  double power = 1;  // of the log's unit in watts
};

/// Units by the names of the heading; nothing when it is none that this reader knows.
std::optional<Units> units_of(std::string_view time, std::string_view power) {
  constexpr std::array<std::string_view, 5> kSeconds = {"time", "time_s", "timestamp", "t", "t_s"};
  constexpr std::array<std::string_view, 7> kWatts = {"watts",   "watt", "w",        "power",
                                                      "power_w", "p_w",  "power (w)"};
  const auto lower = [](std::string_view text) {
    std::string low(text);
    std::transform(low.begin(), low.end(), low.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return low;
  };
  const std::string t = lower(time);
  const std::string p = lower(power);
  Units units;
  if (t == "time_ms" || t == "timestamp_ms") {
    units.time = 1e-3;
  } else if (std::find(kSeconds.begin(), kSeconds.end(), t) == kSeconds.end()) {
    return std::nullopt;
  }
  if (p == "mw" || p == "power_mw") {
    units.power = 1e-3;
  } else if (std::find(kWatts.begin(), kWatts.end(), p) == kWatts.end()) {
    return std::nullopt;
  }
  return units;
}

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  void take_line(std::string_view line, std::size_t number) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#') return;
    const std::size_t first = line.find_first_of(",;\t");
    if (first == std::string_view::npos) {
      fail_usage("{}, line {}: '{}' is not time,watts", name_, number, shortened(line));
    }
    const std::size_t second = line.find_first_of(",;\t", first + 1);
    const std::string_view time = trimmed(line.substr(0, first));
    const std::string_view power = trimmed(
        line.substr(first + 1, second == std::string_view::npos ? second : second - first - 1));
    if (samples_.empty() && !heading_seen_ && is_heading(time, power, number)) return;
    samples_.push_back({time_of(time, number), power_of(power, number)});
  }

  std::vector<PowerSample> take() { return std::move(samples_); }

 private:
  static std::string shortened(std::string_view text) {
    constexpr std::size_t kMost = 60;
    return text.size() <= kMost ? std::string(text) : std::string(text.substr(0, kMost)) + "...";
  }

  /// The first line may name the columns; names that are none of those known are refused, because
  /// nothing else tells the units.
  bool is_heading(std::string_view time, std::string_view power, std::size_t number) {
    const auto looks_like_text = [](std::string_view word) {
      return !word.empty() && std::isalpha(static_cast<unsigned char>(word[0])) != 0;
    };
    if (!looks_like_text(time) || !looks_like_text(power)) return false;
    const auto units = units_of(time, power);
    if (!units) {
      fail_usage(
          "{}, line {}: columns '{}' and '{}' are not known; call them time (or time_s, time_ms, "
          "timestamp) and watts (or power_W, power_mW)",
          name_, number, shortened(time), shortened(power));
    }
    units_ = *units;
    heading_seen_ = true;
    return true;
  }

  double time_of(std::string_view text, std::size_t number) const {
    double time = 0;
    if (parse_number(text, time)) return time * units_.time;
    if (const auto iso = iso_time_s(text)) return *iso;
    fail_usage(
        "{}, line {}: '{}' is no time: give seconds, or ISO 8601 with Z or an offset from UTC",
        name_, number, shortened(text));
  }

  double power_of(std::string_view text, std::size_t number) const {
    double power = 0;
    if (!parse_number(text, power)) {
      fail_usage("{}, line {}: '{}' is no power: a finite number of watts is needed", name_, number,
                 shortened(text));
    }
    power *= units_.power;
    if (power < 0 || power > kMostPower_W) {
      fail_usage("{}, line {}: a power of {} W is not possible (0 to {} W)", name_, number,
                 shortest(power), shortest(kMostPower_W));
    }
    return power;
  }

  const std::string& name_;
  std::vector<PowerSample> samples_;
  Units units_;
  bool heading_seen_ = false;
};

}  // namespace

PowerLog::PowerLog(std::string name, std::vector<PowerSample> samples,
                   const PowerLogOptions& options)
    : name_(std::move(name)), samples_(std::move(samples)) {
  drop_what_does_not_advance(options.bridge);
  if (samples_.size() < 2) {
    fail_usage("{}: {} sample{}; a power log needs at least two", name_, samples_.size(),
               samples_.size() == 1 ? "" : "s");
  }
  std::vector<double> intervals;
  intervals.reserve(samples_.size() - 1);
  joules_.reserve(samples_.size());
  joules_.push_back(0);
  for (std::size_t i = 1; i < samples_.size(); ++i) {
    const double step = samples_[i].time_s - samples_[i - 1].time_s;
    intervals.push_back(step);
    joules_.push_back(joules_.back() +
                      0.5 * (samples_[i].power_W + samples_[i - 1].power_W) * step);
  }
  const auto middle = intervals.begin() + static_cast<std::ptrdiff_t>(intervals.size() / 2);
  std::nth_element(intervals.begin(), middle, intervals.end());
  interval_s_ = *middle;
  check_gaps(options);
}

void PowerLog::drop_what_does_not_advance(bool bridge) {
  std::vector<PowerSample> kept;
  kept.reserve(samples_.size());
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    if (kept.empty() || samples_[i].time_s > kept.back().time_s) {
      kept.push_back(samples_[i]);
    } else if (!bridge) {
      const double back = kept.back().time_s - samples_[i].time_s;
      fail_usage(
          "{}: time {} at sample {} (from 1), at {} s: mend the log, or have such samples dropped "
          "by asking to bridge",
          name_, back > 0 ? fmt::format("runs backwards by {} s", shortest(back)) : "stands still",
          i + 1, shortest(samples_[i].time_s));
    }
  }
  if (kept.size() < samples_.size()) {
    notes_.push_back(fmt::format("{}: {} of {} samples dropped, because time did not advance",
                                 name_, samples_.size() - kept.size(), samples_.size()));
  }
  samples_ = std::move(kept);
}

void PowerLog::check_gaps(const PowerLogOptions& options) {
  const double most =
      options.max_gap_s > 0 ? options.max_gap_s : kMedianIntervalsInGap * interval_s_;
  std::size_t gaps = 0;
  double bridged_s = 0;
  for (std::size_t i = 1; i < samples_.size(); ++i) {
    const double step = samples_[i].time_s - samples_[i - 1].time_s;
    // Times of the size of 1.7e9 s are spaced by 2.4e-7 s in float64.
    if (step <= most + 1e-6) continue;
    if (!options.bridge) {
      fail_usage(
          "{}: a gap of {:.6g} s after sample {} (from 1), at {} s; samples are {:.6g} s apart and "
          "{:.6g} s are allowed: mend the log, allow longer gaps, or ask to bridge them",
          name_, step, i, shortest(samples_[i - 1].time_s), interval_s_, most);
    }
    ++gaps;
    bridged_s += step;
  }
  if (gaps > 0) {
    notes_.push_back(fmt::format(
        "{}: {} gap{} of {:.6g} s in all bridged: power interpolated between their ends", name_,
        gaps, gaps == 1 ? "" : "s", bridged_s));
  }
}

double PowerLog::joules_until(double time_s) const {
  const auto after =
      std::lower_bound(samples_.begin(), samples_.end(), time_s,
                       [](const PowerSample& sample, double time) { return sample.time_s < time; });
  if (after == samples_.begin()) return 0;
  const auto i = static_cast<std::size_t>(after - samples_.begin());
  const PowerSample& left = samples_[i - 1];
  const PowerSample& right = samples_[i];
  const double step = time_s - left.time_s;
  const double slope = (right.power_W - left.power_W) / (right.time_s - left.time_s);
  return joules_[i - 1] + (left.power_W + 0.5 * slope * step) * step;
}

double PowerLog::energy_J(double from_s, double to_s) const {
  if (!(from_s <= to_s)) fail_usage("{}: the time asked for ends before it begins", name_);
  if (from_s < begin_s() || to_s > end_s()) {
    fail_usage("{}: the log covers {} s to {} s, not {} s to {} s", name_, shortest(begin_s()),
               shortest(end_s()), shortest(from_s), shortest(to_s));
  }
  return joules_until(to_s) - joules_until(from_s);
}

PowerLog power_log_from(std::string_view text, const std::string& name,
                        const PowerLogOptions& options) {
  Reader reader(name);
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos && options.growing) break;
    reader.take_line(text.substr(0, end), number);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return {name, reader.take(), options};
}

PowerLog read_power_log(const std::filesystem::path& file, const PowerLogOptions& options) {
  return power_log_from(read_text_file(file, kMostBytes), file.string(), options);
}

}  // namespace jb::harness::meter
