// The tornado as a figure of its own: a bar an assumption, from the answer at its low value to that
// at its high one, about the answer as it stands.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "results/footprint/sensitivity.h"
#include "results/report/svg.h"
#include "results/report/text_layout.h"

namespace jb::results {
namespace {

constexpr double kWidth = 760;
constexpr double kNames = 190;  // right end of the assumptions' names
constexpr double kBarsFrom = 280, kBarsTo = 670;
constexpr double kRow = 24, kHead = 46, kFoot = 34;
constexpr int kNameLetters = 30;
constexpr int kTitleLetters = 110;

// A file of its own has no page to take its style from.
constexpr const char* kStyle =
    "<style>text{font:11px sans-serif;fill:#222}.title{font-weight:bold}.dim{fill:#666}"
    ".low{fill:#4477aa}.high{fill:#cc6677}.base{stroke:#222;stroke-width:1}"
    ".grid{stroke:#ddd;stroke-width:1}</style>\n"
    "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";

struct Range {
  double low = 0, high = 0;
  [[nodiscard]] double at(double value) const {
    const double share = high > low ? (value - low) / (high - low) : 0.5;
    return kBarsFrom + share * (kBarsTo - kBarsFrom);
  }
};

Range range_of(const Tornado& tornado) {
  Range range{tornado.base, tornado.base};
  for (const Swing& swing : tornado.swings) {
    range.low = std::min({range.low, swing.answer_low, swing.answer_high});
    range.high = std::max({range.high, swing.answer_low, swing.answer_high});
  }
  return range;
}

double height_of(const Tornado& tornado) {
  return kHead + kRow * static_cast<double>(tornado.swings.size()) + kFoot;
}

/// One end of a bar: what the assumption is there, and the answer.
void draw_end(Svg& svg, const Range& range, double base, double answer, const std::string& css,
              double y, const std::string& hover, bool labelled) {
  const double from = range.at(std::min(base, answer));
  const double to = range.at(std::max(base, answer));
  svg.rect({from, y}, to - from, kRow - 10, css, hover);
  const bool left = answer < base;
  if (!labelled) return;
  svg.text({left ? from - 4 : to + 4, y + 11}, fmt::format("{:.4g}", answer), "dim",
           left ? Anchor::end : Anchor::start);
}

/// Both ends; the longer first, and of two on one side only its answer is written.
void draw_bar(Svg& svg, const Range& range, const Tornado& tornado, const Swing& swing, double y) {
  const double base = tornado.base;
  const auto end = [&](bool low, bool labelled) {
    const double answer = low ? swing.answer_low : swing.answer_high;
    const std::string hover =
        fmt::format("{} at {}: {:.4g} {}\n{}", swing.assumption, low ? swing.low_at : swing.high_at,
                    answer, tornado.unit, swing.source);
    draw_end(svg, range, base, answer, low ? "low" : "high", y, hover, labelled);
  };
  const double to_low = swing.answer_low - base;
  const double to_high = swing.answer_high - base;
  const bool low_is_longer = std::fabs(to_low) >= std::fabs(to_high);
  end(low_is_longer, true);
  end(!low_is_longer, to_low * to_high < 0);
}

void draw(Svg& svg, const Tornado& tornado, double top) {
  const Range range = range_of(tornado);
  svg.text({8, top + 16}, shorten(tornado.subject, kTitleLetters), "title");
  svg.text(
      {8, top + 32},
      fmt::format("{} as it stands: {:.4g} {}; low end of each assumption in blue, high end in "
                  "red",
                  tornado.answer, tornado.base, tornado.unit),
      "dim");
  const double bottom = top + height_of(tornado) - kFoot;
  double y = top + kHead;
  for (const Swing& swing : tornado.swings) {
    svg.text({kNames, y + 11}, shorten(swing.assumption, kNameLetters), "name", Anchor::end);
    draw_bar(svg, range, tornado, swing, y);
    y += kRow;
  }
  const double x = range.at(tornado.base);
  svg.line({x, top + kHead - 6}, {x, bottom}, "base");
  svg.text({x, bottom + 14}, fmt::format("{:.4g} {}", tornado.base, tornado.unit), "name",
           Anchor::middle);
}

}  // namespace

std::string tornado_svg(const std::vector<Tornado>& tornados) {
  double height = 0;
  for (const Tornado& tornado : tornados) height += height_of(tornado);
  Svg svg(kWidth, std::max(height, kRow), "which assumption moves the answer most");
  svg.raw(kStyle);
  double top = 0;
  for (const Tornado& tornado : tornados) {
    draw(svg, tornado, top);
    top += height_of(tornado);
  }
  return std::move(svg).finish();
}

}  // namespace jb::results
