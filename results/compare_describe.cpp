// The comparison as text.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "results/compare.h"

namespace jb::results {
namespace {

// "+8.30 %", or with an exponent where percent would show nothing.
std::string relative_change(double base, double now) {
  if (base == 0) return "from zero";
  const double change = (now - base) / std::abs(base);
  if (std::abs(change) >= 5e-5 && std::abs(change) < 10)
    return fmt::format("{:+.2f} %", 100 * change);
  return fmt::format("{:+.2e} relative", change);
}

std::string line_of(const Difference& d) {
  std::string line = fmt::format("{}{}: {}", d.fails ? "FAIL " : "", name_of(d.verdict), d.label);
  if (d.metric == "status") {
    line += "  status";
  } else if (!d.metric.empty()) {
    line += fmt::format("  {}", d.metric);
    if (d.verdict == Verdict::missing) {
      line += fmt::format(" {:.9g}", d.base);
    } else if (d.verdict == Verdict::added) {
      line += fmt::format(" {:.9g}", d.now);
    } else {
      line += fmt::format(" {:.9g} -> {:.9g} ({})", d.base, d.now, relative_change(d.base, d.now));
    }
  }
  if (!d.note.empty()) line += fmt::format("  [{}]", d.note);
  return line + "\n";
}

}  // namespace

std::string describe(const Comparison& c) {
  std::string text = fmt::format(
      "{} points compared, {} of them differ; {} missing, {} added; {} differences fail the gate\n",
      c.points_compared, c.points_moved, c.missing, c.added, c.failing);
  for (const Difference& d : c.differences) {
    if (d.verdict != Verdict::not_gated) text += line_of(d);
  }
  if (c.not_listed > 0) text += fmt::format("{} more differences\n", c.not_listed);
  if (c.inconclusive > 0) {
    text += fmt::format("{} measured numbers are inconclusive\n", c.inconclusive);
  }
  if (c.not_gated > 0) {
    text += fmt::format("{} measured numbers differ; they are not gated\n", c.not_gated);
  }
  return text;
}

}  // namespace jb::results
