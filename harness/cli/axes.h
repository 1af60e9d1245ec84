#pragma once
// Sweep axes: `-a name=values`, crossed; `--zip a,b` walks axes together.
//   a,b,c               these values
//   lo:hi:step          lo, lo + step, ... up to hi
//   [pow2]=lo:hi:step   2^lo, 2^(lo + step), ... up to 2^hi
//   [log]=lo:hi:count   count values from lo to hi in equal ratios
// The bracket stands after the name or before the values: `-a m[pow2]=4:10:2`, `-a
// m=[pow2]=4:10:2`.

#include <string>
#include <utility>
#include <vector>

namespace jb::harness::cli {

struct Axis {
  std::string name;
  std::vector<std::string> values;
};

/// More points than this in one run are a typing error.
inline constexpr std::size_t kMostPoints = 100000;

/// Reads one `-a` text. Usage error saying what is wrong with it.
Axis axis_from(const std::string& text);

/// One setting of every axis: (name, value) pairs.
using Setting = std::vector<std::pair<std::string, std::string>>;

/// All settings, the first axis outermost; one empty setting without axes. `zips` hold names of
/// axes separated by commas. Usage error for unknown or unequally long zipped axes, for an axis
/// given twice and for more than kMostPoints settings.
std::vector<Setting> cross(const std::vector<Axis>& axes, const std::vector<std::string>& zips);

/// "a,b,c" cut at commas; usage error (naming `where`) when a piece is empty.
std::vector<std::string> split_list(const std::string& where, const std::string& text);

}  // namespace jb::harness::cli
