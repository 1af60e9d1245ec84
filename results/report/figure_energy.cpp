// Where the energy goes: shares by component and boundary, and energies up to each boundary.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "results/report/escape.h"
#include "results/report/figures.h"
#include "results/report/svg.h"
#include "results/report/terminal_table.h"
#include "results/report/text_layout.h"

namespace jb::results {
namespace {

constexpr std::size_t kMostBars = 24;
constexpr double kLeft = 8, kRight = 392;
constexpr double kRowHeight = 46;

std::string total_text(const ViewRow& row) {
  const int b = row.highest();
  const Number& total = row.energy[static_cast<std::size_t>(b)];
  return fmt::format("{} {}{}", name_of(static_cast<Boundary>(b)),
                     format_energy(total.value, total.digits), sign_of(total.mark));
}

// Parts of a row, inner boundaries first, categories together.
std::vector<EnergyPart> ordered_parts(const ViewRow& row) {
  std::vector<EnergyPart> parts;
  for (const EnergyPart& part : row.parts) {
    if (part.J_per_mac > 0) parts.push_back(part);
  }
  std::stable_sort(parts.begin(), parts.end(), [](const EnergyPart& a, const EnergyPart& b) {
    if (a.boundary != b.boundary) return a.boundary < b.boundary;
    if (a.category != b.category) return a.category < b.category;
    return a.J_per_mac > b.J_per_mac;
  });
  return parts;
}

void draw_shares(Svg& svg, const View& view, const ViewRow& row, double top) {
  const std::vector<EnergyPart> parts = ordered_parts(row);
  double sum = 0;
  for (const EnergyPart& part : parts) sum += part.J_per_mac;
  const std::string total = total_text(row);
  const int room = 61 - text_width(total);
  svg.text({kLeft, top + 10}, shorten(view.text(row.label), room), "name");
  svg.text({kRight, top + 10}, total, "name", Anchor::end);
  double x = kLeft;
  const double scale = (kRight - kLeft) / sum;
  std::map<Boundary, std::pair<double, double>> spans;  // from, to
  for (const EnergyPart& part : parts) {
    const double width = part.J_per_mac * scale;
    const std::string& component = view.text(part.component);
    const std::string hover =
        fmt::format("{}\n{} ({}, {})\n{}/MAC, {:.1f} %", view.text(row.label), component,
                    name_of(part.category), name_of(part.boundary), format_energy(part.J_per_mac),
                    100 * part.J_per_mac / sum);
    svg.rect({x, top + 15}, std::max(0.0, width - 0.6), 14,
             fmt::format("bar c{}", static_cast<int>(part.category)), hover, index_of(view, row));
    if (width > 5.4 * text_width(component) + 6) {
      svg.text({x + width / 2, top + 25.5}, component, "inbar", Anchor::middle);
    }
    const auto span = spans.emplace(part.boundary, std::make_pair(x, x)).first;
    x += width;
    span->second.second = x;
  }
  for (const auto& span : spans) {
    const double from = span.second.first;
    const double to = span.second.second - 0.6;
    svg.rect({from, top + 31}, std::max(0.0, to - from), 3,
             fmt::format("edge e{}", static_cast<int>(span.first)));
    if (to - from > 14) {
      svg.text({from + 1, top + 43}, name_of(span.first), "tick");
    }
  }
}

std::string shares_panel(const View& view, const std::vector<const ViewRow*>& bars) {
  Svg svg(400, kRowHeight * static_cast<double>(bars.size()) + 6,
          "Share of each component in the energy per MAC");
  for (std::size_t i = 0; i < bars.size(); ++i) {
    draw_shares(svg, view, *bars[i], kRowHeight * static_cast<double>(i));
  }
  return std::move(svg).finish();
}

// Energies up to each boundary on one axis.
std::string ladder_panel(const View& view, const std::vector<const ViewRow*>& bars) {
  double least = 1e300;
  double most = 0;
  for (const ViewRow* row : bars) {
    for (const Number& energy : row->energy) {
      if (!energy.known() || !(energy.value > 0)) continue;
      least = std::min({least, energy.value, energy.interval() ? energy.low : energy.value});
      most = std::max({most, energy.value, energy.interval() ? energy.high : energy.value});
    }
  }
  const double height = kRowHeight * static_cast<double>(bars.size());
  Svg svg(400, height + 34, "Energy per MAC up to each boundary");
  const LogAxis x(least, most, kLeft + 6, kRight - 6);
  for (const LogAxis::Tick& tick : x.ticks(42)) {
    svg.line({tick.at, 0}, {tick.at, height + 4}, "grid");
    if (tick.labelled) {
      svg.text({tick.at, height + 16}, format_energy(tick.value, 1), "tick", Anchor::middle);
    }
  }
  svg.text({200, height + 30}, "J/MAC, cumulative", "title", Anchor::middle);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const ViewRow& row = *bars[i];
    const double top = kRowHeight * static_cast<double>(i);
    const double middle = top + 26;
    svg.text({kLeft, top + 10}, shorten(view.text(row.label), 66), "name halo");
    std::vector<Place> places;
    const int series = series_of(view.text(row.backend));
    for (int b = 0; b < kBoundaries; ++b) {
      const Number& energy = row.energy[static_cast<std::size_t>(b)];
      if (!energy.known() || !(energy.value > 0)) continue;
      places.push_back({x.at(energy.value), middle});
      if (energy.interval() && energy.low > 0 && b == row.highest()) {
        svg.line({x.at(energy.low), middle}, {x.at(energy.high), middle},
                 fmt::format("whisker s{}", series));
      }
    }
    svg.polyline(places, fmt::format("step s{}", series));
    double last = -100;
    std::size_t at = 0;
    for (int b = 0; b < kBoundaries; ++b) {
      const Number& energy = row.energy[static_cast<std::size_t>(b)];
      if (!energy.known() || !(energy.value > 0)) continue;
      const Place place = places[at++];
      svg.mark(place, 4, series, energy.mark, hover_text(view, row, b), index_of(view, row));
      if (place.x - last < 15) continue;
      svg.text({place.x, middle + 16}, name_of(static_cast<Boundary>(b)), "tick halo",
               Anchor::middle);
      last = place.x;
    }
  }
  return std::move(svg).finish();
}

}  // namespace

std::string breakdown_figure(const View& view, const std::vector<const ViewRow*>& rows) {
  std::vector<const ViewRow*> bars;
  for (const ViewRow* row : rows) {
    if (row->parts.empty() || row->highest() < 0) continue;
    if (bars.size() < kMostBars) bars.push_back(row);
  }
  if (bars.empty()) return {};
  std::string out =
      "<div class=\"panels\">\n<figure><figcaption>Shares: components above, "
      "boundaries below</figcaption>\n";
  out += shares_panel(view, bars) + "</figure>\n";
  out += "<figure><figcaption>Up to each boundary, with the interval of the highest</figcaption>\n";
  return out + ladder_panel(view, bars) + "</figure>\n</div>\n";
}

}  // namespace jb::results
