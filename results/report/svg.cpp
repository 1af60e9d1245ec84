#include "results/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "results/report/escape.h"
#include "results/report/terminal_table.h"
#include "results/report/text_layout.h"

namespace jb::results {
namespace {

// Mean width of a character of the figures' label type (10.5 px, sans).
constexpr double kCharacter = 5.6;
constexpr double kLabelHeight = 11;

std::string_view anchor_name(Anchor anchor) {
  return anchor == Anchor::start ? "start" : anchor == Anchor::middle ? "middle" : "end";
}

std::string tick_text(double value, Unit unit) {
  std::string text;
  switch (unit) {
    case Unit::joule:
      text = format_energy(value, 1);
      break;
    case Unit::seconds:
      text = format_duration(value);
      break;
    case Unit::ratio:
      return power_text(value);
    case Unit::plain:
      text = format_si(value, 1);
      break;
  }
  return text;
}

}  // namespace

LogAxis::LogAxis(double least, double most, double first, double last)
    : low_(std::log10(least)), high_(std::log10(most)), first_(first), last_(last) {
  const double air = std::max(0.06 * (high_ - low_), 0.12);
  low_ -= air;
  high_ += air;
  const double missing = 1.05 - (high_ - low_);
  if (missing > 0) {
    low_ -= missing / 2;
    high_ += missing / 2;
  }
}

double LogAxis::at(double value) const {
  const double place = value > 0 ? (std::log10(value) - low_) / (high_ - low_) : 0;
  return first_ + (last_ - first_) * std::clamp(place, 0.0, 1.0);
}

std::vector<LogAxis::Tick> LogAxis::ticks(double least_distance) const {
  const double decade = std::abs(last_ - first_) / (high_ - low_);
  int every = 1;
  while (decade * every < least_distance) ++every;
  std::vector<Tick> ticks;
  // Few decades: 2 and 5 between them help.
  constexpr double kFewDecades = 2.3;
  if (high_ - low_ < kFewDecades) {
    for (int d = static_cast<int>(std::floor(low_)); d <= static_cast<int>(std::floor(high_));
         ++d) {
      for (const double step : {2.0, 5.0}) {
        const double value = step * std::pow(10.0, d);
        const double log = std::log10(value);
        if (log > low_ && log < high_) ticks.push_back({value, at(value), true});
      }
    }
  }
  for (int d = static_cast<int>(std::ceil(low_)); d <= static_cast<int>(std::floor(high_)); ++d) {
    const double value = std::pow(10.0, d);
    ticks.push_back({value, at(value), ((d % every) + every) % every == 0});
  }
  return ticks;
}

std::vector<LogAxis::Tick> LogAxis::time_ticks() const {
  std::vector<Tick> ticks;
  for (const double value :
       {1e-6, 1e-3, 1.0, 60.0, 3600.0, 86400.0, 2592000.0, 31557600.0, 315576000.0}) {
    const double log = std::log10(value);
    if (log > low_ && log < high_) ticks.push_back({value, at(value), true});
  }
  return ticks;
}

Svg::Svg(double width, double height, std::string_view title) {
  out_ = fmt::format(
      "<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{}\" "
      "xmlns=\"http://www.w3.org/2000/svg\">\n",
      width, height, escape_html(title));
}

void Svg::text(Place at, std::string_view text, std::string_view css, Anchor anchor) {
  out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}</text>\n",
                      at.x, at.y, css, anchor_name(anchor), escape_html(text));
}

void Svg::turned_text(Place at, std::string_view text, std::string_view css) {
  out_ += fmt::format(
      "<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" class=\"{}\" "
      "text-anchor=\"middle\">{}</text>\n",
      at.x, at.y, css, escape_html(text));
}

void Svg::line(Place from, Place to, std::string_view css) {
  out_ +=
      fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n",
                  from.x, from.y, to.x, to.y, css);
}

void Svg::rect(Place at, double width, double height, std::string_view css, std::string_view hover,
               int row) {
  out_ += fmt::format(
      "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" "
      "class=\"{}\"",
      at.x, at.y, width, height, css);
  if (row >= 0) out_ += fmt::format(" data-i=\"{}\"", row);
  if (hover.empty()) {
    out_ += "/>\n";
  } else {
    out_ += "><title>" + escape_html(hover) + "</title></rect>\n";
  }
}

void Svg::polyline(const std::vector<Place>& places, std::string_view css) {
  out_ += fmt::format("<polyline class=\"{}\" points=\"", css);
  for (std::size_t i = 0; i < places.size(); ++i) {
    out_ += fmt::format("{}{:.1f},{:.1f}", i == 0 ? "" : " ", places[i].x, places[i].y);
  }
  out_ += "\"/>\n";
}

void Svg::mark(Place at, double radius, int series, Mark kind, std::string_view hover, int row) {
  const double r = radius;
  std::string path;
  switch (series) {
    case 1:  // square
      path = fmt::format("M{:.1f} {:.1f}h{:.1f}v{:.1f}h-{:.1f}z", at.x - 0.9 * r, at.y - 0.9 * r,
                         1.8 * r, 1.8 * r, 1.8 * r);
      break;
    case 2:  // triangle, point down
      path = fmt::format("M{:.1f} {:.1f}h{:.1f}L{:.1f} {:.1f}z", at.x - 1.1 * r, at.y - 0.8 * r,
                         2.2 * r, at.x, at.y + 1.2 * r);
      break;
    case 3:  // diamond
      path = fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}z", at.x,
                         at.y - 1.25 * r, at.x + 1.25 * r, at.y, at.x, at.y + 1.25 * r,
                         at.x - 1.25 * r, at.y);
      break;
    case 4:  // triangle, point up
      path = fmt::format("M{:.1f} {:.1f}h{:.1f}L{:.1f} {:.1f}z", at.x - 1.1 * r, at.y + 0.8 * r,
                         2.2 * r, at.x, at.y - 1.2 * r);
      break;
    default:  // circle
      path = fmt::format(
          "M{0:.1f} {1:.1f}a{2:.1f} {2:.1f} 0 1 0 {3:.1f} 0a{2:.1f} {2:.1f} 0 1 0 "
          "-{3:.1f} 0z",
          at.x - r, at.y, r, 2 * r);
  }
  out_ += fmt::format("<path class=\"m s{} k{}\" d=\"{}\"", series, static_cast<int>(kind), path);
  if (row >= 0) out_ += fmt::format(" data-i=\"{}\"", row);
  if (hover.empty()) {
    out_ += "/>\n";
  } else {
    out_ += "><title>" + escape_html(hover) + "</title></path>\n";
  }
}

std::string Svg::finish() && { return std::move(out_) + "</svg>\n"; }

void draw_axes(Svg& svg, const Frame& frame, const LogAxis& x, Unit x_unit,
               std::string_view x_title, const LogAxis& y, Unit y_unit, std::string_view y_title) {
  for (const LogAxis::Tick& tick : x_unit == Unit::seconds ? x.time_ticks() : x.ticks(46)) {
    svg.line({tick.at, frame.top}, {tick.at, frame.bottom}, "grid");
    if (tick.labelled) {
      svg.text({tick.at, frame.bottom + 14}, tick_text(tick.value, x_unit), "tick", Anchor::middle);
    }
  }
  for (const LogAxis::Tick& tick : y.ticks(18)) {
    svg.line({frame.left, tick.at}, {frame.right, tick.at}, "grid");
    if (tick.labelled) {
      svg.text({frame.left - 6, tick.at + 3.5}, tick_text(tick.value, y_unit), "tick", Anchor::end);
    }
  }
  svg.line({frame.left, frame.bottom}, {frame.right, frame.bottom}, "axis");
  svg.line({frame.left, frame.top}, {frame.left, frame.bottom}, "axis");
  svg.text({(frame.left + frame.right) / 2, frame.bottom + 30}, x_title, "title", Anchor::middle);
  svg.turned_text({11, (frame.top + frame.bottom) / 2}, y_title, "title");
}

void LabelPlacer::block(Place at, double radius) {
  taken_.push_back({at.x - radius, at.y - radius, at.x + radius, at.y + radius});
}

void LabelPlacer::block_line(const std::vector<Place>& places) {
  constexpr double kStep = 6;
  for (std::size_t i = 1; i < places.size(); ++i) {
    const Place from = places[i - 1];
    const Place to = places[i];
    const double length = std::hypot(to.x - from.x, to.y - from.y);
    for (double at = 0; at < length; at += kStep) {
      block({from.x + (to.x - from.x) * at / length, from.y + (to.y - from.y) * at / length}, 2);
    }
  }
}

bool LabelPlacer::is_free(const Box& box) const {
  if (box.left < frame_.left || box.right > frame_.right + 6 || box.top < frame_.top - 4 ||
      box.bottom > frame_.bottom) {
    return false;
  }
  return std::none_of(taken_.begin(), taken_.end(), [&](const Box& other) {
    return box.left < other.right && other.left < box.right && box.top < other.bottom &&
           other.top < box.bottom;
  });
}

bool LabelPlacer::place(Svg& svg, Place at, std::string_view text, std::string_view css) {
  const double width = kCharacter * text_width(text);
  constexpr double kGap = 7;
  struct Try {
    double left, middle;  // of the box
    Anchor anchor;
    double x;
  };
  const std::array<Try, 8> tries{{
      {at.x + kGap, at.y, Anchor::start, at.x + kGap},
      {at.x - kGap - width, at.y, Anchor::end, at.x - kGap},
      {at.x - width / 2, at.y - 12, Anchor::middle, at.x},
      {at.x - width / 2, at.y + 12, Anchor::middle, at.x},
      {at.x + kGap, at.y - 10, Anchor::start, at.x + kGap},
      {at.x - kGap - width, at.y + 10, Anchor::end, at.x - kGap},
      {at.x - kGap - width, at.y - 12, Anchor::end, at.x - kGap},
      {at.x + kGap, at.y + 12, Anchor::start, at.x + kGap},
  }};
  for (const Try& way : tries) {
    const Box box{way.left, way.middle - kLabelHeight / 2, way.left + width,
                  way.middle + kLabelHeight / 2};
    if (!is_free(box)) continue;
    taken_.push_back(box);
    svg.text({way.x, way.middle + 3.5}, text, css, way.anchor);
    return true;
  }
  return false;
}

int series_of(std::string_view backend) noexcept {
  constexpr std::array<std::string_view, 6> kBackends{"reference", "onednn",   "cublas",
                                                      "systolic",  "crossbar", "photonic"};
  const auto found = std::find(kBackends.begin(), kBackends.end(), backend);
  return static_cast<int>(found - kBackends.begin());
}

std::string power_text(double value) {
  const int power = static_cast<int>(std::floor(std::log10(value) + 1e-9));
  const double lead = value / std::pow(10.0, power);
  if (lead > 1.01) return fmt::format("{:.1g}", value);
  if (power >= -1 && power <= 3) return fmt::format("{:g}", std::pow(10.0, power));
  constexpr std::array<std::string_view, 10> kDigits{"⁰", "¹", "²", "³", "⁴",
                                                     "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = "10";
  if (power < 0) text += "⁻";
  for (const char digit : std::to_string(std::abs(power))) {
    text += kDigits[static_cast<std::size_t>(digit - '0')];
  }
  return text;
}

}  // namespace jb::results
