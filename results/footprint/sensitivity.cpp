#include "results/footprint/sensitivity.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "results/report/text_layout.h"
#include "results/statistics/constants.h"

namespace jb::results {
namespace {

constexpr int kBarWidth = 24;

/// A bar on a scale from `least` to `most`, with the base marked.
std::string bar(const Swing& swing, double base, double least, double most) {
  const auto at = [&](double value) {
    const double share = most > least ? (value - least) / (most - least) : 0.5;
    return static_cast<int>(std::lround(share * (kBarWidth - 1)));
  };
  const int from = at(std::min({swing.answer_low, swing.answer_high, base}));
  const int to = at(std::max({swing.answer_low, swing.answer_high, base}));
  std::string out(kBarWidth, ' ');
  for (int i = from; i <= to; ++i) out[static_cast<std::size_t>(i)] = '=';
  out[static_cast<std::size_t>(at(base))] = '|';
  return out;
}

std::string value_text(const FootprintConstant& constant) {
  const std::string number = fmt::format("{:.4g}", constant.value);
  const std::string unit = constant.unit == "1" ? "" : " " + constant.unit;
  return constant.name == number ? number + unit
                                 : fmt::format("{}{} ({})", number, unit, constant.name);
}

bool is_region(const FootprintConstant& grid) {
  return grid.basis == CarbonBasis::location && grid.signal == CarbonSignal::average &&
         grid.name.rfind("fuel:", 0) != 0;
}

}  // namespace

double Swing::width() const noexcept { return std::abs(answer_high - answer_low); }

void Tornado::add(Swing swing) {
  const auto before = std::find_if(swings.begin(), swings.end(), [&swing](const Swing& other) {
    return other.width() < swing.width();
  });
  swings.insert(before, std::move(swing));
}

std::string tornado_text(const Tornado& tornado, const TableStyle& style) {
  std::string out;
  for (const std::string& line :
       wrap(fmt::format("sensitivity of {} = {:.4g} {} ({})", tornado.answer, tornado.base,
                        tornado.unit, tornado.subject),
            style.width, 2)) {
    out += line + "\n";
  }
  double least = tornado.base;
  double most = tornado.base;
  for (const Swing& swing : tornado.swings) {
    least = std::min({least, swing.answer_low, swing.answer_high});
    most = std::max({most, swing.answer_low, swing.answer_high});
  }
  std::vector<std::vector<std::string>> cells;
  for (const Swing& swing : tornado.swings) {
    cells.push_back(
        {swing.assumption, swing.low_at, swing.high_at, fmt::format("{:.4g}", swing.answer_low),
         fmt::format("{:.4g}", swing.answer_high), bar(swing, tornado.base, least, most)});
  }
  return out + "\n" +
         render_table({{"assumption", Align::left, 0},
                       {"from", Align::left, 2},
                       {"to", Align::left, 2},
                       {"answer", Align::right, 0},
                       {"answer", Align::right, 0},
                       {"tornado", Align::right, 1}},
                      cells, style);
}

Json to_json(const Tornado& tornado) {
  Json json = {{"schema", "joulebench/sensitivity/1"},
               {"subject", tornado.subject},
               {"answer", tornado.answer},
               {"unit", tornado.unit},
               {"base", tornado.base},
               {"swings", Json::array()}};
  for (const Swing& swing : tornado.swings) {
    json["swings"].push_back({{"assumption", swing.assumption},
                              {"low_at", swing.low_at},
                              {"base_at", swing.base_at},
                              {"high_at", swing.high_at},
                              {"answer_low", swing.answer_low},
                              {"answer_high", swing.answer_high},
                              {"source", swing.source}});
  }
  return json;
}

Swing proportional(const std::string& assumption, const FootprintConstant& base,
                   const FootprintConstant& low, const FootprintConstant& high, double answer) {
  Swing swing;
  swing.assumption = assumption;
  swing.low_at = value_text(low);
  swing.base_at = value_text(base);
  swing.high_at = value_text(high);
  swing.source = low.cited() + "; " + high.cited();
  const double one = base.value > 0 ? answer / base.value : 0;
  swing.answer_low = one * low.value;
  swing.answer_high = one * high.value;
  return swing;
}

std::vector<Swing> facility_swings(const FootprintData& data, const FootprintOptions& options,
                                   double answer) {
  const auto by_value = [](const FootprintConstant& x, const FootprintConstant& y) {
    return x.value < y.value;
  };
  FootprintConstant none;
  none.name = "none";
  none.value = 1;
  none.unit = "1";
  none.source = "the facility is not counted";
  const auto [pue_low, pue_high] =
      std::minmax_element(data.pues().begin(), data.pues().end(), by_value);
  std::vector<FootprintConstant> regions;
  std::copy_if(data.grids().begin(), data.grids().end(), std::back_inserter(regions), is_region);
  const auto [grid_low, grid_high] = std::minmax_element(regions.begin(), regions.end(), by_value);
  std::vector<Swing> swings = {
      proportional("PUE", options.pue.value_or(none), *pue_low, *pue_high, answer)};
  // An intensity of zero leaves nothing to scale.
  if (options.grid.value > 0) {
    swings.push_back(proportional("grid", options.grid, *grid_low, *grid_high, answer));
  }
  return swings;
}

Tornado carbon_tornado(const MethodSheet& sheet, const std::vector<RecordRow>& rows,
                       const FootprintData& data, const FootprintOptions& options) {
  const Figure& carbon = sheet.at("carbon_kg");
  Tornado tornado;
  tornado.subject = sheet.subject;
  tornado.answer = carbon.name;
  tornado.unit = carbon.unit;
  tornado.base = carbon.value;
  for (Swing& swing : facility_swings(data, options, carbon.value)) tornado.add(std::move(swing));
  struct Component {
    double joules = 0, low_J = 0, high_J = 0;
    std::string classes;
  };
  std::map<std::string, Component> components;
  double total_J = 0;
  for (const RecordRow& row : rows) {
    const double factor = class_factor(row.cls);
    Component& component = components[row.component];
    component.joules += row.energy_J;
    component.low_J += row.energy_J / factor;
    component.high_J += row.energy_J * factor;
    if (component.classes.find(row.cls) == std::string::npos) {
      component.classes += (component.classes.empty() ? "" : ", ") + row.cls;
    }
    total_J += row.energy_J;
  }
  for (const auto& [name, component] : components) {
    if (!(total_J > 0)) break;
    Swing swing;
    swing.assumption = name + " energy";
    swing.low_at = fmt::format("x {:.2g}", component.low_J / component.joules);
    swing.base_at = fmt::format("{:.3g} of the energy", component.joules / total_J);
    swing.high_at = fmt::format("x {:.2g}", component.high_J / component.joules);
    swing.source = "class " + component.classes + " of its constants, 95 %";
    swing.answer_low = carbon.value * (1 + (component.low_J - component.joules) / total_J);
    swing.answer_high = carbon.value * (1 + (component.high_J - component.joules) / total_J);
    if (component.joules > 0) tornado.add(std::move(swing));
  }
  return tornado;
}

}  // namespace jb::results
