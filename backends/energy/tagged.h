#pragma once
// An energy with its provenance and boundary as part of its type: sums across provenance fail.

#include <optional>
#include <vector>

#include "backends/energy/vocabulary.h"

namespace jb {

struct TaggedEnergy {
  double energy_J = 0;
  Provenance provenance = Provenance::modelled;
  Boundary boundary = Boundary::B0;
};

/// The sum, or nothing when provenance or boundary differ.
[[nodiscard]] std::optional<TaggedEnergy> add(const TaggedEnergy& x,
                                              const TaggedEnergy& y) noexcept;
/// x / y as a number, or nothing when the boundaries differ (ratios only within one boundary).
[[nodiscard]] std::optional<double> ratio(const TaggedEnergy& x, const TaggedEnergy& y) noexcept;

/// A breakdown keeps its parts, so it may mix provenances; its own is the weakest of them.
class EnergyBreakdown {
 public:
  void add(const TaggedEnergy& part) { parts_.push_back(part); }
  [[nodiscard]] const std::vector<TaggedEnergy>& parts() const noexcept { return parts_; }
  [[nodiscard]] Provenance provenance() const noexcept;
  [[nodiscard]] double total_J() const noexcept;

 private:
  std::vector<TaggedEnergy> parts_;
};

}  // namespace jb
