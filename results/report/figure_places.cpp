// Where machines stand: under their roofs, and beside the literature.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "backends/core/text.h"
#include "results/report/figures.h"
#include "results/report/svg.h"
#include "results/report/terminal_table.h"

namespace jb::results {
namespace {

constexpr std::size_t kMostMachines = 16;
constexpr std::size_t kMostMarks = 1500;

struct Roof {
  double rate = 0, slope = 0;  // MAC/s, MAC/s per MAC/byte
  int series = 0;
};

// A place in [0, 1) that belongs to a text: jitter that is the same in every report.
double jitter(std::string_view text) { return static_cast<double>(hash64(text) >> 11U) * 0x1p-53; }

constexpr std::array<std::string_view, 5> kFamilies{"cpu", "gpu", "digital", "analog", "photonic"};

int family_index(std::string_view family) {
  const auto found = std::find(kFamilies.begin(), kFamilies.end(), family);
  return found == kFamilies.end() ? -1 : static_cast<int>(found - kFamilies.begin());
}

struct Column {
  double left = 0, width = 0;
  [[nodiscard]] double at(double share) const { return left + width * share; }
};

std::string places_panel(const View& view, const std::vector<LiteratureRow>& literature,
                         std::size_t boundary, double least, double most) {
  const auto name = name_of(static_cast<Boundary>(boundary));
  Svg svg(400, 300, fmt::format("Ours and the literature at {}", name));
  const Frame frame;
  const LogAxis y(least, most, frame.bottom, frame.top);
  for (const LogAxis::Tick& tick : y.ticks(18)) {
    svg.line({frame.left, tick.at}, {frame.right, tick.at}, "grid");
    if (!tick.labelled) continue;
    svg.text({frame.left - 6, tick.at + 3.5}, format_energy(tick.value, 1), "tick", Anchor::end);
  }
  svg.turned_text({11, (frame.top + frame.bottom) / 2}, fmt::format("J/MAC at {}", name), "title");
  svg.line({frame.left, frame.bottom}, {frame.right, frame.bottom}, "axis");
  const double width = (frame.right - frame.left) / static_cast<double>(kFamilies.size());
  const auto column = [&](int family) { return Column{frame.left + width * family, width}; };
  for (std::size_t f = 0; f < kFamilies.size(); ++f) {
    svg.text({column(static_cast<int>(f)).at(0.5), frame.bottom + 15}, kFamilies[f], "tick",
             Anchor::middle);
    if (f > 0) {
      svg.line({column(static_cast<int>(f)).left, frame.top},
               {column(static_cast<int>(f)).left, frame.bottom}, "divide");
    }
  }
  for (const LiteratureRow& row : literature) {
    const int family = family_index(row.family());
    if (static_cast<std::size_t>(row.boundary) != boundary || family < 0) continue;
    std::string sources;
    for (const std::string& key : row.sources) sources += (sources.empty() ? "" : ", ") + key;
    svg.mark({column(family).at(0.08 + 0.4 * jitter(row.id)), y.at(row.J_per_mac)}, 3, 7,
             Mark::literature,
             fmt::format("{} ({}){}\n{}/MAC at {}, {}, {}\nliterature: {}", row.name, row.year,
                         row.optical_only ? ", optical only" : "", format_energy(row.J_per_mac),
                         name, row.measured, row.precision(), sources));
  }
  std::set<std::pair<int, int>> cells;
  for (const ViewRow& row : view.rows) {
    const int family = family_index(family_of_backend(view.text(row.backend)));
    const Number& energy =
        row.metered[boundary].known() ? row.metered[boundary] : row.energy[boundary];
    if (family < 0 || row.status != Status::ok || !energy.known() || !(energy.value > 0)) continue;
    const Place at{column(family).at(0.54 + 0.4 * jitter(view.machine(row))), y.at(energy.value)};
    if (view.rows.size() > kMostMarks &&
        !cells.insert({static_cast<int>(at.x / 2), static_cast<int>(at.y / 2)}).second) {
      continue;
    }
    svg.mark(at, 3.8, series_of(view.text(row.backend)), energy.mark,
             hover_text(view, row, static_cast<int>(boundary)), index_of(view, row));
  }
  return std::move(svg).finish();
}

}  // namespace

std::string roofline_figure(const View& view) {
  std::map<std::string, Roof> roofs;
  double least_x = 1e300, most_x = 0, least_y = 1e300, most_y = 0;
  std::vector<const ViewRow*> rows;
  for (const ViewRow& row : view.rows) {
    if (row.status != Status::ok || !row.rate.known() || !(row.rate.value > 0) ||
        !(row.mac_per_byte > 0) || row.highest() < 0) {
      continue;
    }
    rows.push_back(&row);
    Roof& roof = roofs[view.machine(row)];
    roof.series = series_of(view.text(row.backend));
    roof.rate = std::max(roof.rate, row.rate.value);
    roof.slope = std::max(roof.slope, row.rate.value / row.mac_per_byte);
    least_x = std::min(least_x, row.mac_per_byte);
    most_x = std::max(most_x, row.mac_per_byte);
    least_y = std::min(least_y, row.rate.value);
    most_y = std::max(most_y, row.rate.value);
  }
  if (rows.empty()) return {};
  constexpr double kWidth = 640, kHeight = 380;
  Svg svg(kWidth, kHeight, "Speed against arithmetic intensity");
  const Frame frame{62, kWidth - 12, 12, kHeight - 38};
  const LogAxis x(least_x, most_x, frame.left, frame.right);
  const LogAxis y(least_y, most_y, frame.bottom, frame.top);
  draw_axes(svg, frame, x, Unit::plain, "MAC per byte of compulsory traffic", y, Unit::plain,
            "MAC/s");
  LabelPlacer labels(frame);
  std::vector<std::pair<Place, std::string>> names;
  if (roofs.size() <= kMostMachines) {
    for (const auto& entry : roofs) {
      const Roof& roof = entry.second;
      const double ridge = roof.rate / roof.slope;
      std::vector<Place> places;
      // From the left edge, or from where the slope meets the floor, up to the ridge.
      for (double at = std::max(least_x, least_y / roof.slope); at < ridge; at *= 1.3) {
        places.push_back({x.at(at), y.at(at * roof.slope)});
      }
      if (ridge <= most_x) places.push_back({x.at(ridge), y.at(roof.rate)});
      places.push_back({frame.right, y.at(std::min(roof.rate, most_x * roof.slope))});
      svg.polyline(places, fmt::format("roof s{}", roof.series));
      names.emplace_back(Place{frame.right - 4, places.back().y - 8}, entry.first);
    }
  }
  std::set<std::pair<int, int>> cells;
  for (const ViewRow* row : rows) {
    const Place at{x.at(row->mac_per_byte), y.at(row->rate.value)};
    if (rows.size() > kMostMarks &&
        !cells.insert({static_cast<int>(at.x / 3), static_cast<int>(at.y / 3)}).second) {
      continue;
    }
    svg.mark(at, 4, series_of(view.text(row->backend)), row->rate.mark,
             fmt::format("{}\n{}\n{} MAC/s, {}\n{} MAC per byte", view.text(row->label),
                         view.text(row->workload), format_si(row->rate.value),
                         name_of(row->rate.mark), format_si(row->mac_per_byte)),
             index_of(view, *row));
    labels.block(at, 4);
  }
  // Above the roof, as far right as marks leave room.
  for (const auto& name : names) {
    for (double at = name.first.x; at > frame.left + 80; at -= 40) {
      if (labels.place(svg, {at, name.first.y}, name.second, "label")) break;
    }
  }
  return "<div class=\"panels one\">\n<figure>\n" + std::move(svg).finish() + "</figure>\n</div>\n";
}

std::string literature_figure(const View& view, const std::vector<LiteratureRow>& literature) {
  if (literature.empty()) return {};
  struct Range {
    double least = 1e300, most = 0;
    void add(double value) {
      least = std::min(least, value);
      most = std::max(most, value);
    }
  };
  std::array<Range, kBoundaries> ranges{};
  for (const LiteratureRow& row : literature) {
    ranges[static_cast<std::size_t>(row.boundary)].add(row.J_per_mac);
  }
  for (const ViewRow& row : view.rows) {
    if (row.status != Status::ok) continue;
    for (std::size_t b = 0; b < kBoundaries; ++b) {
      const Number& energy = row.metered[b].known() ? row.metered[b] : row.energy[b];
      if (!energy.known() || !(energy.value > 0)) continue;
      ranges[b].add(energy.value);
    }
  }
  std::string out = "<div class=\"panels\">\n";
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (!(ranges[b].most > 0)) continue;
    out += fmt::format("<figure><figcaption><b>{}</b> {}</figcaption>\n",
                       name_of(static_cast<Boundary>(b)), meaning_of(static_cast<Boundary>(b)));
    out += places_panel(view, literature, b, ranges[b].least, ranges[b].most) + "</figure>\n";
  }
  return out + "</div>\n";
}

}  // namespace jb::results
