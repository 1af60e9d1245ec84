#pragma once
// Statistical models of memory cells: programming error, drift or retention, read noise,
// temperature. Conductances (of transistors: currents) are relative to the largest one that a
// mapping uses: g in [0, ~1].
//
// The laws that a model consists of are functions of a cell's state; what computes with millions
// of cells looks them up in tables made once (`CellTables`).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/analog/drift.h"

namespace jb {
class DeviceSpec;
}

namespace jb::crossbar {

/// A function of the state tabulated over [0, 2] and interpolated linearly; beyond, its end values.
class StateTable {
 public:
  static constexpr int kNodesPerUnit = 2048;
  static constexpr int kIntervals = 2 * kNodesPerUnit;

  StateTable() = default;
  explicit StateTable(const std::function<double(double)>& law);

  [[nodiscard]] bool empty() const noexcept { return nodes_.empty(); }
  /// kIntervals + 1 values at i / kNodesPerUnit; null when empty.
  [[nodiscard]] const float* data() const noexcept { return empty() ? nullptr : nodes_.data(); }
  [[nodiscard]] float operator()(float state) const noexcept;
  /// The largest value; 0 when empty.
  [[nodiscard]] float largest() const noexcept;

 private:
  std::vector<float> nodes_;
};

/// What a model's laws look like over the state of a cell; shared by copies of the model.
struct CellTables {
  StateTable program_std, nu_mean, nu_std, flicker, white;
};

/// One kind of cell. `ideal` cells hold their target exactly and for ever; the rest is then unused.
struct CellModel {
  using Law = std::function<double(double state)>;

  std::string name = "ideal";
  bool ideal = true;

  Law program_std;           ///< std of the programmed state; none: exact
  bool fixed_error = false;  ///< the error is the cell's own, not drawn at each programming
  Law nu_mean, nu_std;       ///< power-law drift, nu = |nu_mean(target) + nu_std(target) z|
  /// Instead of a power law: mean and deviation of the state at an age, the cell's place in the
  /// distribution being its own for life. Of the target, programming error included, or, where
  /// `program_std` is there too, of the state as programmed.
  std::function<analog::Moments(double state, double age_s)> retention;
  double retention_end_s = 0;  ///< age where its data end; 0: nowhere. It is held from there on

  Law flicker;                    ///< 1/f read noise before its growth in time; none: none
  bool flicker_absolute = false;  ///< std itself, of the present state; else relative to the
                                  ///< present state, of the programmed one
  bool flicker_from_t0 = true;    ///< it has grown since t0 before age 0; else since age 0
  Law white_law;                  ///< std of the part drawn per product, of the present state
  double white = 0;               ///< the same relative to the present state; adds up in squares
  double white_floor = 0;         ///< the same for each driven cell whatever its state

  double low = 0;  ///< once older than 0, a state never leaves [low, high]
  double high = 1e30;
  double t0_s = 1;         ///< end of programming to first read
  double t_read_s = 1e-6;  ///< duration of one read
  double stuck_off = 0;    ///< share of devices that stay at the smallest conductance
  double stuck_on = 0;     ///< share of devices that stay at the largest
  double off_state = 0;    ///< the smallest conductance of the mapping

  enum class Temperature : std::uint8_t { none, linear, arrhenius, subthreshold };
  Temperature temperature = Temperature::none;
  double reference_C = 25;         ///< temperature of the data
  double per_kelvin = 0;           ///< linear: relative change of the state
  double activation_eV = 0;        ///< Arrhenius: of the conductance
  double subthreshold_state = 1;   ///< state at the threshold voltage, where ln g has no slope in T
  double drift_activation_eV = 0;  ///< time runs faster by Arrhenius's factor; 0: it does not

  std::shared_ptr<const CellTables> tables;

  /// Some part of the noise is drawn anew per product.
  [[nodiscard]] bool has_white() const noexcept {
    return white > 0 || white_floor > 0 || static_cast<bool>(white_law);
  }
  /// Devices carry a second number besides their state (drift exponent, place in a distribution).
  [[nodiscard]] bool has_second() const noexcept {
    return static_cast<bool>(nu_mean) || static_cast<bool>(retention);
  }
  /// State changes with age, or is read differently at each.
  [[nodiscard]] bool ages() const noexcept {
    return has_second() || static_cast<bool>(flicker) || temperature != Temperature::none;
  }
  [[nodiscard]] bool has_faults() const noexcept { return stuck_off > 0 || stuck_on > 0; }
};

/// What devices see of the clock: computed once for an age and temperature, used for every device.
struct CellClock {
  double age_s = 0;           ///< as the cell lives it: accelerated by temperature
  double log_time = 0;        ///< ln((age + t0) / t0)
  double flicker_growth = 0;  ///< sqrt(ln((t + t_read) / (2 t_read)))
  std::uint64_t epoch = 0;    ///< key of the 1/f noise of this age
  double factor = 1;          ///< of every state, by temperature
  std::shared_ptr<const StateTable> mean, std;  ///< retention at this age
  std::shared_ptr<const StateTable> by_state;   ///< state at this temperature; null: the same
};

/// The clock of `model` at `age_s` >= 0 seconds since programming.
[[nodiscard]] CellClock clock_at(const CellModel& model, double age_s, double temperature_C = 25);

/// The model that a device file names (cell.model, program.*, drift.*, read.*, fault.*,
/// temperature.*). Usage error when keys contradict each other.
[[nodiscard]] CellModel cell_model_from(const DeviceSpec& spec);

/// Names of cell.model, in the order of the schema.
[[nodiscard]] const std::vector<std::string>& cell_model_names();

}  // namespace jb::crossbar
