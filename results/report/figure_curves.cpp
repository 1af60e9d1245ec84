// Lines over a setting: error against age with and without calibration, and against photons.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "results/report/escape.h"
#include "results/report/figures.h"
#include "results/report/svg.h"
#include "results/report/terminal_table.h"

namespace jb::results {
namespace {

constexpr std::size_t kMostPanels = 12;
constexpr std::size_t kMostLines = 12;

struct CurvePoint {
  double x = 0, y = 0, low = 0, high = 0;
  const ViewRow* row = nullptr;
};

struct Curve {
  std::string name;
  bool dashed = false;
  int series = 0;
  std::vector<CurvePoint> points;
};

struct CurvePanel {
  std::string title;
  bool networks = false;
  std::map<std::string, Curve> curves;
};

// Settings of a row without some keys: what the points of one line share.
std::string other_settings(const View& view, const ViewRow& row,
                           const std::vector<std::string_view>& without) {
  std::string text;
  for (const auto& setting : row.settings) {
    const std::string& key = view.text(setting.first);
    if (std::find(without.begin(), without.end(), key) != without.end()) continue;
    text += key + "=" + view.text(setting.second) + ";";
  }
  return text;
}

void add_point(Curve& curve, const ViewRow& row, double x) {
  const Number& fidelity = row.accuracy.known() ? row.accuracy : row.error;
  CurvePoint point{x, row.error_axis(), row.error_axis(), row.error_axis(), &row};
  if (fidelity.interval()) {
    const bool flip = row.accuracy.known();
    point.low = flip ? 1 - fidelity.high : fidelity.low;
    point.high = flip ? 1 - fidelity.low : fidelity.high;
  }
  if (point.y > 0) curve.points.push_back(point);
}

// Lines with two places at least, sorted; panels without such lines go.
void tidy(std::map<std::string, CurvePanel>& panels) {
  for (auto panel = panels.begin(); panel != panels.end();) {
    auto& curves = panel->second.curves;
    for (auto it = curves.begin(); it != curves.end();) {
      auto& points = it->second.points;
      std::sort(points.begin(), points.end(),
                [](const CurvePoint& a, const CurvePoint& b) { return a.x < b.x; });
      const bool line = points.size() >= 2 && points.front().x < points.back().x;
      it = line ? std::next(it) : curves.erase(it);
    }
    panel = curves.empty() ? panels.erase(panel) : std::next(panel);
  }
}

struct CurveAxis {
  Unit unit = Unit::plain;
  std::string_view title;
  bool zero_first = false;  // x = 0 stands at the left end
};

std::string draw_panel(const View& view, const CurvePanel& panel, const CurveAxis& axis) {
  double least_x = 1e300, most_x = 0, least_y = 1e300, most_y = 0;
  bool zero = false;
  for (const auto& curve : panel.curves) {
    for (const CurvePoint& point : curve.second.points) {
      zero = zero || point.x == 0;
      if (point.x > 0) least_x = std::min(least_x, point.x);
      most_x = std::max(most_x, point.x);
      least_y = std::min(least_y, point.low > 0 ? point.low : point.y);
      most_y = std::max(most_y, point.high);
    }
  }
  if (!(most_x > 0)) return {};
  Svg svg(400, 300, panel.title);
  const Frame frame;
  const double first = frame.left + (zero && axis.zero_first ? 30 : 0);
  const LogAxis x(least_x, most_x, first, frame.right);
  const LogAxis y(least_y, most_y, frame.bottom, frame.top);
  draw_axes(svg, frame, x, axis.unit, axis.title, y, Unit::ratio,
            panel.networks ? "1 − top-1 accuracy" : "relative error");
  const double zero_at = frame.left + 12;
  if (zero && axis.zero_first) {
    svg.text({zero_at, frame.bottom + 14}, "0", "tick", Anchor::middle);
    svg.line({first - 9, frame.bottom - 4}, {first - 13, frame.bottom + 4}, "axis");
    svg.line({first - 5, frame.bottom - 4}, {first - 9, frame.bottom + 4}, "axis");
  }
  LabelPlacer labels(frame);
  std::vector<std::pair<std::vector<Place>, std::string>> names;
  std::size_t drawn = 0;
  for (const auto& entry : panel.curves) {
    if (drawn++ == kMostLines) break;
    const Curve& curve = entry.second;
    std::vector<Place> places;
    for (const CurvePoint& point : curve.points) {
      const Place at{point.x > 0 ? x.at(point.x) : zero_at, y.at(point.y)};
      if (point.high > point.low && point.low > 0) {
        svg.line({at.x, y.at(point.low)}, {at.x, y.at(point.high)},
                 fmt::format("whisker s{}", curve.series));
      }
      places.push_back(at);
    }
    svg.polyline(places, fmt::format("curve s{}{}", curve.series, curve.dashed ? " dashed" : ""));
    labels.block_line(places);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const CurvePoint& point = curve.points[i];
      svg.mark(places[i], 3.2, curve.series, curve.dashed ? Mark::unvalidated : Mark::modelled,
               fmt::format("{}\n{}\n{}\n{} {}", view.text(point.row->label),
                           view.text(point.row->workload), curve.name,
                           panel.networks ? "top-1" : "error", fidelity_text(*point.row)),
               index_of(view, *point.row));
      labels.block(places[i], 4);
    }
    names.emplace_back(places, curve.name);
  }
  // Beside the last place that has room for it.
  for (const auto& name : names) {
    for (std::size_t i = name.first.size(); i-- > 0;) {
      if (labels.place(svg, name.first[i], name.second, "label")) break;
    }
  }
  return std::move(svg).finish();
}

std::string draw_panels(const View& view, std::map<std::string, CurvePanel>& panels,
                        const CurveAxis& axis) {
  tidy(panels);
  std::string out;
  std::size_t drawn = 0;
  for (const auto& panel : panels) {
    if (drawn++ == kMostPanels) break;
    const std::string figure = draw_panel(view, panel.second, axis);
    if (figure.empty()) continue;
    out += "<figure><figcaption>" + escape_html(panel.second.title) + "</figcaption>\n" + figure +
           "</figure>\n";
  }
  return out.empty() ? out : "<div class=\"panels\">\n" + out + "</div>\n";
}

}  // namespace

std::string drift_figure(const View& view) {
  std::map<std::string, CurvePanel> panels;
  for (const ViewRow& row : view.rows) {
    if (row.status != Status::ok || std::isnan(row.error_axis())) continue;
    const std::string machine = view.machine(row);
    CurvePanel& panel = panels[view.text(row.workload) + "\n" + machine];
    panel.title = machine + ", " + view.text(row.workload);
    panel.networks = row.accuracy.known();
    const std::string& method = view.text(row.calibration);
    const std::string rest =
        other_settings(view, row, {"age_s", "since_calibration_s", "calibration"});
    Curve& curve = panel.curves[method + "\n" + rest];
    curve.name = method == "none" ? "not calibrated" : "calibration " + method;
    curve.dashed = method == "none";
    curve.series = series_of(view.text(row.backend));
    add_point(curve, row, row.age_s);
  }
  return draw_panels(view, panels, {Unit::seconds, "time since programming", true});
}

std::string photon_figure(const View& view) {
  std::map<std::string, CurvePanel> panels;
  for (const ViewRow& row : view.rows) {
    if (row.status != Status::ok || std::isnan(row.error_axis()) || !(row.photons_per_mac > 0)) {
      continue;
    }
    CurvePanel& panel = panels[view.text(row.workload)];
    panel.title = view.text(row.workload);
    panel.networks = row.accuracy.known();
    const std::string rest = other_settings(view, row, {"set.n_mac", "n_mac"});
    Curve& curve = panel.curves[view.machine(row) + "\n" + rest];
    curve.name = view.text(row.device);
    curve.series = series_of(view.text(row.backend));
    curve.dashed = row.highest() >= 0 &&
                   row.energy[static_cast<std::size_t>(row.highest())].mark == Mark::theory_bound;
    add_point(curve, row, row.photons_per_mac);
  }
  return draw_panels(view, panels, {Unit::ratio, "photons per MAC", false});
}

}  // namespace jb::results
