#pragma once
// Energy of logic from one CMOS node to another: Stillmaker & Baas, Integration 58 (2017), Eq. 1,
// E_x = E_y EF_x(V_x) / EF_y(V_y) with EF(V) = a V^2 + b V + c (tables/scaling-stillmaker.json).

#include <string>
#include <vector>

#include "backends/core/parameters.h"

namespace jb {

/// A node as the table names it ("65", "HP45", "LP20") at a supply voltage.
struct CmosNode {
  std::string name;
  double supply_V = 1;
};

struct NodeScaling {
  double factor = 1;
  /// Within 65 to 32 nm the class of the fit; else D: published operations at 7 nm (Jouppi et al.,
  /// ISCA 2021) stand a factor 4 to 7 above what the fit makes of 45 nm, so that no table of this
  /// project is made by it below 28 nm.
  ConstantClass cls = ConstantClass::D;
};

/// Names of the 18 nodes.
const std::vector<std::string>& cmos_nodes();

/// Supply that the node is meant for; 0 where none is published (low power).
double nominal_supply_V(const std::string& node);

/// Energy factor of a node. Usage error for an unknown one (the nodes there are) and for a supply
/// outside 0.4 to 2 V.
double energy_factor(const CmosNode& node);

/// From one node to another.
NodeScaling scale_energy(const CmosNode& from, const CmosNode& to);

/// Energy factor of a node between two others, log-interpolated over feature size (28 nm between 32
/// and 20); both at the supply of `fine`.
double energy_factor_between(double nanometres, const CmosNode& coarse, const CmosNode& fine);

}  // namespace jb
