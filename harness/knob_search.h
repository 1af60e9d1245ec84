#pragma once
// The smallest setting of a knob (photons per MAC, bits, ...) that reaches a target, found by
// bisection: each probe is a point of its own, run and recorded like any other.

#include <optional>
#include <string>

#include "harness/point.h"
#include "results/record.h"

namespace jb::harness {

/// What to reach, by which knob.
struct SearchTarget {
  std::string quantity = "accuracy_top1_frac";
  double least = 0;            ///< reached when the quantity is at least this
  std::string knob = "n_mac";  ///< a device parameter that the quantity grows with
  double low = 0;              ///< range searched; both 0: as wide as the parameter and kSpan allow
  double high = 0;
};

/// One search: give it the record of each point it asked for.
class KnobSearch {
 public:
  /// Factor above and below the device's own value that is searched by default.
  static constexpr double kSpan = 1e4;
  /// Ends when the bracket is no wider than this factor (whole numbers: one step).
  static constexpr double kWidth = 1.02;

  /// Usage error naming the knob when `base`'s device has no such number, when the range is not
  /// within what the parameter allows, and when `base` sets the knob already.
  KnobSearch(const PointSpec& base, const SearchTarget& target);

  /// The next point to run; nothing when the search is over.
  [[nodiscard]] std::optional<PointSpec> next() const;
  /// Takes the record of the point that next() gave.
  void take(const results::Record& record);

  /// "n_mac = 7.1 reaches accuracy_top1_frac >= 0.9 (0.9012, energy_B0 9.1e-19 J/MAC)", or why not.
  [[nodiscard]] std::string summary() const;
  [[nodiscard]] bool met() const noexcept { return best_.has_value(); }
  /// For run.json: knob, target, value found, record.
  [[nodiscard]] Json to_json() const;

 private:
  enum class Step : std::uint8_t { high, low, between, done };
  [[nodiscard]] double probe() const;
  [[nodiscard]] bool narrow() const;

  PointSpec base_;
  SearchTarget target_;
  bool whole_ = false;
  Step step_ = Step::high;
  double fails_ = 0;
  double meets_ = 0;
  std::optional<results::Record> best_;
  std::string trouble_;
};

}  // namespace jb::harness
