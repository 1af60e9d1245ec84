// Energy against error, and what marks say when pointed at.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "results/report/figures.h"
#include "results/report/svg.h"
#include "results/report/terminal_table.h"

namespace jb::results {
namespace {

// Up to here every mark is drawn; above, one of those that fall into the same cell of pixels.
constexpr std::size_t kMostMarks = 1500;
constexpr double kCell = 3;

struct Drawn {
  const ViewRow* row = nullptr;
  double error = 0;
  const Number* energy = nullptr;
};

std::vector<Drawn> marks_at(const std::vector<const ViewRow*>& rows, std::size_t boundary) {
  std::vector<Drawn> marks;
  for (const ViewRow* row : rows) {
    const double error = row->error_axis();
    const Number& metered = row->metered[boundary];
    const Number& energy = metered.known() ? metered : row->energy[boundary];
    if (!energy.known() || !(energy.value > 0) || std::isnan(error)) continue;
    marks.push_back({row, error, &energy});
  }
  return marks;
}

// Those of one provenance that no other beats in both, by rising error.
std::vector<const Drawn*> front_of(const std::vector<Drawn>& marks, Mark kind) {
  std::vector<const Drawn*> sorted;
  for (const Drawn& mark : marks) {
    if (mark.energy->mark == kind) sorted.push_back(&mark);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Drawn* a, const Drawn* b) {
    return a->error != b->error ? a->error < b->error : a->energy->value < b->energy->value;
  });
  std::vector<const Drawn*> front;
  for (const Drawn* mark : sorted) {
    if (front.empty() || mark->energy->value < front.back()->energy->value) front.push_back(mark);
  }
  return front;
}

struct Domain {
  double least_error = 1, most_error = 0, least_J = 1e300, most_J = 0;
  void add(const Drawn& mark) {
    if (mark.error > 0) {
      least_error = std::min(least_error, mark.error);
      most_error = std::max(most_error, mark.error);
    }
    least_J = std::min(least_J, mark.energy->value);
    most_J = std::max(most_J, mark.energy->value);
    if (mark.energy->interval() && mark.energy->low > 0) {
      least_J = std::min(least_J, mark.energy->low);
      most_J = std::max(most_J, mark.energy->high);
    }
  }
};

void draw_front(Svg& svg, const std::vector<const Drawn*>& front, const LogAxis& x,
                const LogAxis& y, const Frame& frame, std::string_view css) {
  if (front.size() < 2) return;
  std::vector<Place> places;
  for (const Drawn* mark : front) {
    const Place at{x.at(mark->error), y.at(mark->energy->value)};
    if (!places.empty()) places.push_back({at.x, places.back().y});
    places.push_back(at);
  }
  places.push_back({frame.right, places.back().y});
  svg.polyline(places, css);
}

std::string panel(const View& view, const std::vector<Drawn>& marks, const Domain& domain,
                  std::size_t boundary, bool networks, bool front) {
  const auto name = name_of(static_cast<Boundary>(boundary));
  Svg svg(400, 300, fmt::format("Energy per MAC at {} against error", name));
  const Frame frame;
  const LogAxis x(domain.least_error, std::max(domain.most_error, domain.least_error), frame.left,
                  frame.right);
  const LogAxis y(domain.least_J, domain.most_J, frame.bottom, frame.top);
  draw_axes(svg, frame, x, Unit::ratio, networks ? "1 − top-1 accuracy" : "relative error", y,
            Unit::joule, fmt::format("J/MAC at {}", name));
  if (front) {
    draw_front(svg, front_of(marks, Mark::modelled), x, y, frame, "front");
    draw_front(svg, front_of(marks, Mark::measured), x, y, frame, "front measured");
  }
  const bool many = marks.size() > 60;
  const double radius = many ? 3 : 4.6;
  std::set<std::pair<int, int>> cells;
  LabelPlacer labels(frame);
  std::vector<const Drawn*> shown;
  for (const Drawn& mark : marks) {
    const Place at{x.at(mark.error), y.at(mark.energy->value)};
    const std::pair<int, int> cell{
        static_cast<int>(at.x / kCell) * 8 + series_of(view.text(mark.row->backend)),
        static_cast<int>(at.y / kCell)};
    if (marks.size() > kMostMarks && !cells.insert(cell).second) continue;
    shown.push_back(&mark);
  }
  if (shown.size() <= 400) {
    for (const Drawn* mark : shown) {
      if (!mark->energy->interval() || !(mark->energy->low > 0)) continue;
      const double at = x.at(mark->error);
      svg.line({at, y.at(mark->energy->low)}, {at, y.at(mark->energy->high)},
               fmt::format("whisker s{}", series_of(view.text(mark->row->backend))));
    }
  }
  for (const Drawn* mark : shown) {
    const Place at{x.at(mark->error), y.at(mark->energy->value)};
    svg.mark(at, radius, series_of(view.text(mark->row->backend)), mark->energy->mark,
             hover_text(view, *mark->row, static_cast<int>(boundary)), index_of(view, *mark->row));
    labels.block(at, radius + 1);
  }
  if (!many) {
    std::set<std::string> told;
    for (const Drawn* mark : shown) {
      const std::string& device = view.text(mark->row->device);
      const std::string label = device.empty() ? view.text(mark->row->backend) : device;
      const Place at{x.at(mark->error), y.at(mark->energy->value)};
      if (told.insert(label).second) labels.place(svg, at, label, "label");
    }
  }
  return std::move(svg).finish();
}

}  // namespace

int index_of(const View& view, const ViewRow& row) {
  return static_cast<int>(&row - view.rows.data());
}

std::string hover_text(const View& view, const ViewRow& row, int boundary) {
  std::string text = view.text(row.label) + "\n" + view.text(row.workload);
  const auto at = static_cast<std::size_t>(boundary);
  const Number& energy = row.metered[at].known() ? row.metered[at] : row.energy[at];
  if (energy.known()) {
    text += fmt::format("\n{} {}/MAC", name_of(static_cast<Boundary>(boundary)),
                        format_energy(energy.value, energy.digits));
    if (energy.interval()) {
      text +=
          fmt::format(" [{}, {}]{}", format_energy(energy.low, 2), format_energy(energy.high, 2),
                      energy.from_classes ? " from the classes of its constants" : "");
    }
    text += fmt::format("\n{}", name_of(energy.mark));
  }
  const std::string fidelity = fidelity_text(row);
  if (!fidelity.empty()) text += (row.accuracy.known() ? "\ntop-1 " : "\nerror ") + fidelity;
  return text;
}

std::string pareto_figure(const View& view, const std::vector<const ViewRow*>& rows, bool front) {
  Domain common;  // of errors; energies have a range of their own in each panel
  bool networks = false;
  std::array<std::vector<Drawn>, kBoundaries> marks;
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    marks[b] = marks_at(rows, b);
    for (const Drawn& mark : marks[b]) {
      common.add(mark);
      networks = networks || mark.row->accuracy.known();
    }
  }
  if (!(common.most_J > 0) || !(common.most_error > 0)) return {};
  std::string out = "<div class=\"panels\">\n";
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (marks[b].empty()) continue;
    out += fmt::format("<figure><figcaption><b>{}</b> {}</figcaption>\n",
                       name_of(static_cast<Boundary>(b)), meaning_of(static_cast<Boundary>(b)));
    Domain domain;
    for (const Drawn& mark : marks[b]) domain.add(mark);
    domain.least_error = common.least_error;
    domain.most_error = common.most_error;
    out += panel(view, marks[b], domain, b, networks, front) + "</figure>\n";
  }
  return out + "</div>\n";
}

}  // namespace jb::results
