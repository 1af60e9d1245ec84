#include "backends/energy/tagged.h"

namespace jb {

std::optional<TaggedEnergy> add(const TaggedEnergy& x, const TaggedEnergy& y) noexcept {
  if (x.provenance != y.provenance || x.boundary != y.boundary) return std::nullopt;
  return TaggedEnergy{x.energy_J + y.energy_J, x.provenance, x.boundary};
}

std::optional<double> ratio(const TaggedEnergy& x, const TaggedEnergy& y) noexcept {
  if (x.boundary != y.boundary || y.energy_J == 0) return std::nullopt;
  return x.energy_J / y.energy_J;
}

Provenance EnergyBreakdown::provenance() const noexcept {
  Provenance result = Provenance::measured;
  for (const TaggedEnergy& part : parts_) result = weakest(result, part.provenance);
  return result;
}

double EnergyBreakdown::total_J() const noexcept {
  double sum = 0;
  for (const TaggedEnergy& part : parts_) sum += part.energy_J;
  return sum;
}

}  // namespace jb
