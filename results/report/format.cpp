// Numbers as people read them.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "results/report/terminal_table.h"

namespace jb::results {
namespace {

constexpr std::array<std::string_view, 16> kPrefixes{"z", "a", "f", "p", "n", "u", "m", "",
                                                     "k", "M", "G", "T", "P", "E", "Z", "Y"};
constexpr int kUnitPrefix = 7;

// `value` rounded to `digits` significant digits.
double rounded(double value, int digits) {
  if (value == 0) return 0;
  return std::stod(fmt::format("{:.{}e}", value, std::max(0, digits - 1)));
}

// A number already rounded to `digits` significant digits, without exponent.
std::string plain(double value, int digits) {
  int before_point = 1;
  for (double rest = std::abs(value); rest >= 10; rest /= 10) ++before_point;
  return fmt::format("{:.{}f}", value, std::max(0, digits - before_point));
}

std::string with_prefix(double value, int digits, std::string_view unit, int highest_prefix) {
  if (value == 0) return unit.empty() ? "0" : fmt::format("0 {}", unit);
  const double shown = rounded(value, digits);
  const int decade = static_cast<int>(std::floor(std::log10(std::abs(shown)) + 1e-12));
  const int prefix = kUnitPrefix + static_cast<int>(std::floor(decade / 3.0));
  if (prefix < 0 || prefix > highest_prefix) {
    const std::string number = fmt::format("{:.{}e}", shown, std::max(0, digits - 1));
    return unit.empty() ? number : fmt::format("{} {}", number, unit);
  }
  const double scaled = rounded(shown * std::pow(10.0, -3.0 * (prefix - kUnitPrefix)), digits);
  const std::string number = plain(scaled, digits);
  const std::string suffix = fmt::format("{}{}", kPrefixes[static_cast<std::size_t>(prefix)], unit);
  return suffix.empty() ? number : fmt::format("{} {}", number, suffix);
}

}  // namespace

std::string format_energy(double joules, int digits) {
  constexpr int kKilo = kUnitPrefix + 1;
  return with_prefix(joules, digits, "J", kKilo);
}

std::string format_si(double value, int digits) {
  return with_prefix(value, digits, "", static_cast<int>(kPrefixes.size()) - 1);
}

std::string format_duration(double seconds) {
  constexpr double kMinute = 60;
  constexpr double kHour = 3600;
  constexpr double kDay = 86400;
  constexpr double kYear = 365.25 * kDay;
  const double size = std::abs(seconds);
  if (size < 1 && size > 0) return with_prefix(seconds, 3, "s", kUnitPrefix);
  if (size < 2 * kMinute) return fmt::format("{:.3g} s", seconds);
  if (size < kHour) return fmt::format("{:.3g} min", seconds / kMinute);
  if (size < 2 * kDay) return fmt::format("{:.3g} h", seconds / kHour);
  if (size < 2 * kYear) return fmt::format("{:.3g} d", seconds / kDay);
  return fmt::format("{:.3g} y", seconds / kYear);
}

}  // namespace jb::results
