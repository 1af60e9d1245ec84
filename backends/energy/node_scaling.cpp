#include "backends/energy/node_scaling.h"

#include <cmath>
#include <map>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/paths.h"
#include "backends/core/text.h"

namespace jb {
namespace {

constexpr double kLeastSupply_V = 0.4;
constexpr double kMostSupply_V = 2;
constexpr double kCoarsest_nm = 65;
constexpr double kFinest_nm = 32;

double nanometres_of(const std::string& name) {
  double nm = 0;
  const std::size_t digits = name.find_first_of("0123456789");
  if (digits == std::string::npos || !parse_number(name.substr(digits), nm)) {
    fail_internal("node '{}' has no feature size", name);
  }
  return nm;
}

struct Fit {
  double a = 0, b = 0, c = 0;
  double nominal_V = 0;
};

/// By name; read once, because tables do not change while the program runs.
const std::map<std::string, Fit>& fits() {
  static const std::map<std::string, Fit> all = [] {
    const Json json = read_json_file(tables_dir() / "scaling-stillmaker.json");
    std::map<std::string, Fit> read;
    for (const auto& [name, fit] : json.at("nodes").items()) {
      read[name] = {fit.at("a").get<double>(), fit.at("b").get<double>(), fit.at("c").get<double>(),
                    fit.value("nominal_V", 0.0)};
    }
    return read;
  }();
  return all;
}

const Fit& fit_of(const std::string& name) {
  const auto found = fits().find(name);
  if (found != fits().end()) return found->second;
  const std::vector<std::string>& names = cmos_nodes();
  fail_usage("unknown node '{}'{} (there are: {})", name, did_you_mean(name, names), join(names));
}

}  // namespace

const std::vector<std::string>& cmos_nodes() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& [name, fit] : fits()) all.push_back(name);
    return all;
  }();
  return names;
}

double nominal_supply_V(const std::string& node) { return fit_of(node).nominal_V; }

double energy_factor(const CmosNode& node) {
  const Fit& fit = fit_of(node.name);
  const double v = node.supply_V;
  if (!(v >= kLeastSupply_V && v <= kMostSupply_V)) {
    fail_usage("a supply of {} V is outside the fit of node '{}': {} to {} V", v, node.name,
               kLeastSupply_V, kMostSupply_V);
  }
  return fit.a * v * v + fit.b * v + fit.c;
}

NodeScaling scale_energy(const CmosNode& from, const CmosNode& to) {
  NodeScaling scaling{energy_factor(to) / energy_factor(from), ConstantClass::B};
  for (const CmosNode* node : {&from, &to}) {
    const double nm = nanometres_of(node->name);
    if (nm > kCoarsest_nm || nm < kFinest_nm) scaling.cls = ConstantClass::D;
  }
  return scaling;
}

double energy_factor_between(double nanometres, const CmosNode& coarse, const CmosNode& fine) {
  const double from = nanometres_of(coarse.name);
  const double to = nanometres_of(fine.name);
  if (!(nanometres <= from && nanometres >= to)) {
    fail_usage("{} nm does not lie between the nodes '{}' and '{}'", nanometres, coarse.name,
               fine.name);
  }
  const double t = std::log(from / nanometres) / std::log(from / to);
  const double first = energy_factor({coarse.name, fine.supply_V});
  return first * std::pow(energy_factor(fine) / first, t);
}

}  // namespace jb
