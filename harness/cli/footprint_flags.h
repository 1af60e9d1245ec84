#pragma once
// Flags that turn energy into carbon and money; footprint and estimates at scale share them.

#include <string>
#include <vector>

#include "results/footprint/footprint.h"
#include "results/footprint/sensitivity.h"

namespace CLI {
class App;
}

namespace jb::harness::cli {

struct FootprintFlags {
  std::string grid = "WORLD";
  std::string basis = "location";
  std::string signal = "average";
  std::string pue;  ///< "" = not counted
  std::string price = "strubell2019";
  std::string fee = "microsoft2019";
  std::string cloud, hardware;
  std::vector<std::string> data;  ///< files of the user's own grids, prices, ...
  std::string machines = "1";
  std::string lifetime = "4";
  std::string duty = "1";
  std::string sci;  ///< "N UNIT"
  bool sensitivity = false, method = false;
  std::string tornado;  ///< file of the sensitivity's figure

  [[nodiscard]] bool asks_sensitivity() const { return sensitivity || !tornado.empty(); }
};

void add_footprint_flags(CLI::App& verb, FootprintFlags& flags);

/// The first of these flags that is given, "" when none is: for verbs that may have no use for
/// them.
std::string given_footprint_flag(const FootprintFlags& flags);

/// Refuses (usage) a --tornado that cannot be written, before anything is reckoned.
void check_tornado_file(const FootprintFlags& flags);
/// Writes the figure that --tornado asks for, if it does.
void write_tornado_file(const FootprintFlags& flags, const std::vector<results::Tornado>& tornados);

/// The flags as constants. Usage error for anything unknown or absurd.
results::FootprintOptions footprint_options(const FootprintFlags& flags,
                                            const results::FootprintData& data);

/// A finite number; usage error naming the flag otherwise.
double number_flag(const std::string& flag, const std::string& text);
/// A number above 0 and up to `most`; usage error naming the flag otherwise.
double positive_flag(const std::string& flag, const std::string& text, double most);

}  // namespace jb::harness::cli
