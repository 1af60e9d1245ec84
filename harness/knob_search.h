#pragma once
// Iso-accuracy: the setting of a knob (photons per MAC, converter bits, slices, precision,
// calibration interval) with the least J/MAC among those that meet a stated accuracy or error. Each
// probe is a point of its own, run like any other; what was found carries them as evidence.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/point.h"
#include "results/record.h"

namespace jb::harness {

/// What to reach, and by which knob.
struct SearchTarget {
  std::string quantity = "accuracy_top1_frac";
  double limit = 0;
  bool at_most = false;  ///< met at or below the limit (errors); else at or above
  /// A device parameter that the quantity gets better with, "precision" or "calibrate" (the
  /// interval between calibrations); "" = the backend's usual one.
  std::string knob;
  double low = 0;  ///< range searched; both 0: as wide as the parameter and kSpan allow
  double high = 0;
  std::int64_t inferences = 10000;  ///< that set-up and calibration are spread over
};

/// J/MAC of a record at its highest boundary plus set-up and calibration energy spread over
/// `inferences`; nothing when the record has no energy. An inference is one sample: a row of A, an
/// image, a sample of a data set.
std::optional<double> amortised_J_per_mac(const results::Record& record, std::int64_t inferences);

/// One search: give it the record of each point it asked for.
class KnobSearch {
 public:
  /// Factor above and below the device's own value that is searched by default.
  static constexpr double kSpan = 1e4;
  /// Ends when the bracket is no wider than this factor (whole numbers: one step).
  static constexpr double kWidth = 1.02;
  /// Whole numbers of a range this short are all tried, for J/MAC need not rise with them.
  static constexpr int kMostTried = 8;

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
  /// Knob, target, every probe, value found: for run.json, and as `search` of the record.
  [[nodiscard]] Json to_json() const;
  /// The record of the setting found (where none meets the target, of the nearest) with the
  /// evidence and, where it has energy, amortised_energy_J_per_mac.
  [[nodiscard]] results::Record found() const;

 private:
  struct Probe {
    std::string value;
    std::string record_id;
    std::optional<double> quantity;
    std::optional<double> amortised_J;
    bool met = false;
    std::string reason;  ///< why there is no quantity
  };
  /// `descend`: the top of the range failed (a full well clips, say); it comes down by decades.
  enum class Step : std::uint8_t { high, descend, low, between, all, done };

  void search_parameter();
  void search_precisions();
  void search_intervals();
  void check_range(double min, double max) const;
  void try_all(std::vector<std::string> values);
  [[nodiscard]] std::string probe() const;
  [[nodiscard]] double probe_number() const;
  [[nodiscard]] bool narrow() const;
  [[nodiscard]] std::string wanted() const;
  void keep(const results::Record& record, const Probe& probe);
  void bisect(const Probe& probe, double value);

  PointSpec base_;
  SearchTarget target_;
  bool whole_ = false;
  Step step_ = Step::high;
  std::vector<std::string> values_;  ///< of step `all`
  double top_ = 0;                   ///< of step `descend`
  double fails_ = 0;
  double meets_ = 0;
  std::vector<Probe> probes_;
  std::optional<results::Record> best_;
  std::size_t best_probe_ = 0;
  std::optional<results::Record> nearest_;
  std::optional<double> nearest_quantity_;
  std::string trouble_;
};

}  // namespace jb::harness
