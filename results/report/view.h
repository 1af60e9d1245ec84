#pragma once
// What reports need of many records, and no more: built record by record, so that a folder of
// gigabytes is read as a stream. Ledgers are kept only while there are few records.

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "results/record.h"

namespace jb::results {

/// Provenance as tables mark it.
enum class Mark : std::uint8_t { measured, modelled, unvalidated, theory_bound, literature };
std::string_view name_of(Mark mark) noexcept;  ///< "measured", ..., "theory bound"
std::string_view sign_of(Mark mark) noexcept;  ///< "", "~", "?", "°", "*"

/// A number of a record with its interval (the value itself where there is none).
struct Number {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  double value = kUnknown, low = kUnknown, high = kUnknown;
  Mark mark = Mark::modelled;
  std::uint8_t digits = 3;    ///< significant ones
  bool from_classes = false;  ///< interval from the classes of the constants
  [[nodiscard]] bool known() const noexcept { return !std::isnan(value); }
  [[nodiscard]] bool interval() const noexcept { return !std::isnan(low); }
};

using TextId = std::uint32_t;

/// Joules per MAC of one component at one boundary.
struct EnergyPart {
  TextId component = 0;
  Category category = Category::compute;
  Boundary boundary = Boundary::B0;
  double J_per_mac = 0;
};

/// One record.
struct ViewRow {
  std::string record_id, point_id, time_utc;
  TextId op = 0, backend = 0, device = 0, workload = 0, dataset = 0, label = 0, run = 0;
  TextId reason = 0, repro = 0, precision = 0, calibration = 0;
  Status status = Status::ok;
  bool network = false;  ///< network or training: fidelity is an accuracy
  bool estimate = false;
  std::array<Number, kBoundaries> energy;
  std::array<Number, kBoundaries> metered;
  Number rate, device_time, error, accuracy, setup_J;
  double movement_share = Number::kUnknown;
  double age_s = 0, since_calibration_s = Number::kUnknown;
  double photons_per_mac = Number::kUnknown;
  double mac_per_byte = Number::kUnknown;           ///< of compulsory traffic
  std::vector<std::pair<TextId, TextId>> settings;  ///< key, value: what may tell machines apart
  std::vector<TextId> sources;                      ///< of the ledger's rows, each once
  std::vector<EnergyPart> parts;
  /// Rows for the reader's eye, texts by id: [what, category, layer, boundary, count, J, J/MAC,
  /// class, source]; "" above View::kMostDetailed records.
  std::string ledger_json;

  /// Highest boundary with a ledger energy, -1 when there is none.
  [[nodiscard]] int highest() const noexcept;
  /// What a fidelity axis shows: relative error, or 1 - accuracy.
  [[nodiscard]] double error_axis() const noexcept;
};

/// What a machine's model was checked against, as the run tells it.
struct Validation {
  std::string machine, against;
  double published_J_per_mac = 0, ratio = 0;  ///< ratio: model by published
};

class View {
 public:
  /// Above this many records ledgers and command lines are left out (they stay in the records).
  static constexpr std::size_t kMostDetailed = 2000;

  std::vector<ViewRow> rows;
  std::vector<std::string> runs;        ///< run ids in order of appearance
  std::vector<Validation> validations;  ///< machines with a published figure, each once

  [[nodiscard]] const std::string& text(TextId id) const { return texts_[id]; }
  [[nodiscard]] bool detailed() const noexcept { return rows.size() <= kMostDetailed; }
  [[nodiscard]] const std::vector<std::string>& texts() const noexcept { return texts_; }
  /// "photonic photonic-2025".
  [[nodiscard]] std::string machine(const ViewRow& row) const;

 private:
  friend class ViewBuilder;
  std::vector<std::string> texts_;
};

/// Takes records one at a time; finish() gives rows their labels.
class ViewBuilder {
 public:
  ViewBuilder();
  void add(const Record& record);
  /// Takes a run.json for its devices; anything else, or null, adds nothing.
  void add_run(const Json& run);
  View finish();

 private:
  TextId intern(std::string_view text);
  void add_energies(const Record& record, ViewRow& row);
  void add_ledger(const Record& record, ViewRow& row);
  void drop_details();
  void label_rows();

  View view_;
  std::unordered_map<std::string, TextId> ids_;
  std::map<std::pair<TextId, TextId>, bool> pictured_;  ///< workload, machine with parts
};

/// Keeps, for each workload and machine, the row with the least energy at the machine's highest
/// boundary among those whose relative error (networks: 1 - accuracy) is at most `error`; rows that
/// did not run stay.
void keep_iso_accuracy(View& view, double error);

/// 95 % interval of a sum of rows, per MAC, from the classes of their constants
/// (results/statistics/constants.h). Both ends 0 when there are no joules.
struct Interval {
  double low = 0, high = 0;
};
Interval class_interval(const std::vector<RecordRow>& rows, Boundary limit, double macs);

}  // namespace jb::results
