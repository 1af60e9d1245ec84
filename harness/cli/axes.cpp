#include "harness/cli/axes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "backends/core/error.h"
#include "backends/core/text.h"

namespace jb::harness::cli {

namespace {

constexpr double kLargestExactInteger = 9007199254740992.0;  // 2^53

// Whole numbers without exponent, so that they read back as integers.
std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) <= kLargestExactInteger) {
    return fmt::format("{}", static_cast<std::int64_t>(value));
  }
  return shortest(value);
}

struct Range {
  double low = 0, high = 0, third = 0;
};

Range range_from(const std::string& axis, const std::string& text) {
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string::npos ? first : text.find(':', first + 1);
  Range range;
  if (second == std::string::npos || !parse_number(text.substr(0, first), range.low) ||
      !parse_number(text.substr(first + 1, second - first - 1), range.high) ||
      !parse_number(text.substr(second + 1), range.third)) {
    fail_usage("-a {}: '{}' is not lo:hi:step with three numbers", axis, text);
  }
  if (range.high < range.low) {
    fail_usage("-a {}: the range '{}' ends below its start", axis, text);
  }
  return range;
}

std::size_t steps_of(const std::string& axis, const Range& range) {
  if (!(range.third > 0)) fail_usage("-a {}: the step must be above zero", axis);
  // A billionth of a step makes 0:1:0.1 end at 1 in spite of rounding.
  const double steps = std::floor((range.high - range.low) / range.third + 1e-9);
  if (steps >= static_cast<double>(kMostPoints)) {
    fail_usage("-a {}: more than {} values", axis, kMostPoints);
  }
  return static_cast<std::size_t>(steps) + 1;
}

std::vector<std::string> linear_values(const std::string& axis, const Range& range) {
  std::vector<std::string> values;
  const std::size_t count = steps_of(axis, range);
  for (std::size_t i = 0; i < count; ++i) {
    const double value = range.low + static_cast<double>(i) * range.third;
    // Twelve digits: 0.1 + 2 * 0.1 is meant as 0.3.
    double rounded = value;
    parse_number(fmt::format("{:.12g}", value), rounded);
    values.push_back(number_text(value == std::floor(value) ? value : rounded));
  }
  return values;
}

std::vector<std::string> power_values(const std::string& axis, const Range& range) {
  if (range.low != std::floor(range.low) || range.high != std::floor(range.high) ||
      range.third != std::floor(range.third) || range.low < 0 || range.high > 62) {
    fail_usage("-a {}[pow2]: exponents are whole numbers from 0 to 62", axis);
  }
  std::vector<std::string> values;
  const std::size_t count = steps_of(axis, range);
  for (std::size_t i = 0; i < count; ++i) {
    const auto exponent = static_cast<unsigned>(range.low) +
                          static_cast<unsigned>(i) * static_cast<unsigned>(range.third);
    values.push_back(fmt::format("{}", std::int64_t{1} << exponent));
  }
  return values;
}

std::vector<std::string> log_values(const std::string& axis, const Range& range) {
  if (!(range.low > 0)) fail_usage("-a {}[log]: the range must start above zero", axis);
  const double count = range.third;
  if (count != std::floor(count) || count < 2 || count > static_cast<double>(kMostPoints)) {
    fail_usage("-a {}[log]: the third number is how many values, from 2 to {}", axis, kMostPoints);
  }
  std::vector<std::string> values;
  for (double i = 0; i < count; ++i) {
    const double value = range.low * std::pow(range.high / range.low, i / (count - 1));
    double rounded = value;
    parse_number(fmt::format("{:.12g}", value), rounded);
    values.push_back(number_text(rounded));
  }
  return values;
}

const Axis* find_axis(const std::vector<Axis>& axes, const std::string& name) {
  const auto at = std::find_if(axes.begin(), axes.end(),
                               [&name](const Axis& axis) { return axis.name == name; });
  return at == axes.end() ? nullptr : &*at;
}

// Axes that walk together; an axis that is not zipped is a group of one.
using Group = std::vector<const Axis*>;

std::vector<Group> groups_of(const std::vector<Axis>& axes, const std::vector<std::string>& zips) {
  std::vector<std::string> names;
  for (const Axis& axis : axes) {
    if (std::count(names.begin(), names.end(), axis.name) != 0) {
      fail_usage("-a {}: given twice; put all its values into one", axis.name);
    }
    names.push_back(axis.name);
  }
  std::vector<Group> groups;
  std::vector<std::string> zipped;
  for (const std::string& zip : zips) {
    Group group;
    for (const std::string& name : split_list("--zip", zip)) {
      const Axis* axis = find_axis(axes, name);
      if (axis == nullptr) {
        fail_usage("--zip: no axis '{}'{}; give it with -a {}=values", name,
                   did_you_mean(name, names), name);
      }
      if (std::count(zipped.begin(), zipped.end(), name) != 0) {
        fail_usage("--zip: the axis '{}' is zipped twice", name);
      }
      if (!group.empty() && axis->values.size() != group.front()->values.size()) {
        fail_usage("--zip: '{}' has {} values and '{}' has {}; zipped axes are equally long", name,
                   axis->values.size(), group.front()->name, group.front()->values.size());
      }
      zipped.push_back(name);
      group.push_back(axis);
    }
    groups.push_back(group);
  }
  for (const Axis& axis : axes) {
    if (std::count(zipped.begin(), zipped.end(), axis.name) == 0) groups.push_back({&axis});
  }
  // The order of the axes on the command line decides the order of the points.
  std::sort(groups.begin(), groups.end(),
            [](const Group& x, const Group& y) { return x.front() < y.front(); });
  return groups;
}

}  // namespace

std::vector<std::string> split_list(const std::string& where, const std::string& text) {
  std::vector<std::string> pieces;
  std::size_t start = 0;
  while (true) {
    const std::size_t comma = text.find(',', start);
    pieces.push_back(text.substr(start, comma - start));
    if (pieces.back().empty()) fail_usage("{}: '{}' has an empty value", where, text);
    if (comma == std::string::npos) return pieces;
    start = comma + 1;
  }
}

Axis axis_from(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_usage("-a: '{}' is not name=values, such as m=16,64,256", text);
  }
  Axis axis;
  axis.name = text.substr(0, equals);
  std::string kind;
  const std::size_t bracket = axis.name.find('[');
  if (bracket != std::string::npos) {
    kind = axis.name.substr(bracket);
    axis.name.resize(bracket);
  }
  std::string values = text.substr(equals + 1);
  // The bracket may also open the values: name=[pow2]=lo:hi:step.
  if (const std::size_t close = values.find("]=");
      kind.empty() && values.starts_with('[') && close != std::string::npos) {
    kind = values.substr(0, close + 1);
    values.erase(0, close + 2);
  }
  if (axis.name.empty()) fail_usage("-a: '{}' names no axis", text);
  if (kind == "[pow2]") {
    axis.values = power_values(axis.name, range_from(axis.name, values));
  } else if (kind == "[log]") {
    axis.values = log_values(axis.name, range_from(axis.name, values));
  } else if (!kind.empty()) {
    fail_usage("-a {}: unknown kind of range '{}' (there are: [pow2], [log])", axis.name, kind);
  } else if (std::count(values.begin(), values.end(), ':') == 2 &&
             values.find(',') == std::string::npos) {
    axis.values = linear_values(axis.name, range_from(axis.name, values));
  } else {
    axis.values = split_list("-a " + axis.name, values);
  }
  return axis;
}

std::vector<Setting> cross(const std::vector<Axis>& axes, const std::vector<std::string>& zips) {
  const std::vector<Group> groups = groups_of(axes, zips);
  std::vector<Setting> settings(1);
  for (const Group& group : groups) {
    const std::size_t length = group.front()->values.size();
    if (settings.size() > kMostPoints / length) {
      fail_usage("the axes make more than {} points; take fewer values", kMostPoints);
    }
    std::vector<Setting> next;
    next.reserve(settings.size() * length);
    for (const Setting& setting : settings) {
      for (std::size_t i = 0; i < length; ++i) {
        next.push_back(setting);
        for (const Axis* axis : group) next.back().emplace_back(axis->name, axis->values[i]);
      }
    }
    settings = std::move(next);
  }
  return settings;
}

}  // namespace jb::harness::cli
