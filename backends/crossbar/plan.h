#pragma once
// A crossbar device's shared state and its plans.

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "backends/crossbar/cell_array.h"
#include "backends/crossbar/composed_product.h"
#include "backends/crossbar/config.h"
#include "backends/crossbar/counts.h"
#include "backends/crossbar/product.h"
#include "backends/crossbar/sliced_product.h"
#include "backends/inspectable.h"

namespace jb::crossbar {

class CrossbarPlan;

/// What a device and its plans share. Plans keep it alive and take themselves out at their end.
struct Machine {
  DeviceSpec spec;
  Config config;
  Catalogue catalogue;
  DeviceInstance instance;
  Epoch epoch;
  std::uint64_t calibrations = 0;    ///< readings so far: each sees fresh per-product noise
  std::int64_t tiles_in_use = 0;     ///< by resident plans
  std::vector<CrossbarPlan*> plans;  ///< alive, in order of creation

  [[nodiscard]] Counter counter() const { return {config, catalogue}; }
  /// Whether a stationary operand finds that many tiles free.
  [[nodiscard]] bool fits(std::int64_t tiles) const noexcept {
    return config.tile_count == 0 || tiles <= config.tile_count - tiles_in_use;
  }
};

/// Mean |output| of one-hot vectors, in array units.
struct Reading {
  double mean = 0;
  std::vector<double> columns;
};

class CrossbarPlan final : public Plan, public Inspectable {
 public:
  CrossbarPlan(std::shared_ptr<Machine> machine, const GemmShape& shape, const ConstMatrixRef& b,
               OperandMode mode, const PlanOptions& options);
  ~CrossbarPlan() override;
  CrossbarPlan(const CrossbarPlan&) = delete;
  CrossbarPlan& operator=(const CrossbarPlan&) = delete;

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return resident_; }
  [[nodiscard]] std::string implementation() const override { return machine_->config.variant(); }
  [[nodiscard]] std::optional<double> converter_range() const override;
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                    Direction direction) override;
  std::optional<Execution> execute_rows(const RowSource<float>& a, const MatrixRef& c,
                                        const Draw& draw) override;
  Activity update(const ConstMatrixRef& delta) override;
  [[nodiscard]] bool updates_by_outer_products() const override;
  Activity update_outer(const ConstMatrixRef& x, const ConstMatrixRef& d, double scale,
                        const Draw& draw, const MatrixRef& stored) override;

  void inspect(const Sink& sink) const override;
  [[nodiscard]] HeldMemory memory() const override;

  /// The device's clock moved.
  void age_changed();
  /// One of calibration_methods() other than none; `reading` numbers the readings of the machine.
  Activity calibrate(std::string_view method, std::uint64_t reading);
  /// Relative change of a reading since the last calibration; what looking cost goes to `cost`.
  double drift_error(std::uint64_t reading, Activity& cost);
  /// Digital factor of the whole plan from its last calibration (1 before the first).
  [[nodiscard]] double factor() const noexcept { return factor_; }
  /// Range of the converters relative to the device file's, from the last calibration.
  [[nodiscard]] double range() const noexcept { return range_; }
  /// Devices that never change.
  [[nodiscard]] const FaultMap& faults() const noexcept { return faults_; }

 private:
  template <class U>
  struct Packed {
    bool valid = false;
    PackedTiles<U> tiles;
    PackedLanes<U> lanes;  ///< of composed products, instead of tiles
    SlicedOperand sliced;  ///< of those that go the fast way, instead of lanes
  };

  [[nodiscard]] std::int64_t rows() const noexcept { return weights_.rows(); }
  [[nodiscard]] std::int64_t cols() const noexcept { return weights_.cols(); }
  [[nodiscard]] double cell_age() const noexcept;
  /// The machine's settings, with the calibrated range of inputs where one was given: it was
  /// measured on what drives the rows, not on what drives the columns in products with B^T.
  [[nodiscard]] const Config& config_for(bool transposed) const noexcept {
    return ranged_ && !transposed ? *ranged_ : machine_->config;
  }
  void program(std::uint64_t event);
  void load(const Draw& draw);
  [[nodiscard]] Execution executed(std::int64_t m, bool transposed, const OperandMoments& moments,
                                   const Saturation& seen) const;
  void drop_effective();
  void draw_converters();
  [[nodiscard]] bool sums_fit_float(bool transposed) const noexcept;
  [[nodiscard]] Pass pass(bool transposed, const Draw& draw) const;
  [[nodiscard]] std::vector<RandomStream> white_streams(std::string_view what,
                                                        std::int64_t tiles) const;
  [[nodiscard]] ComposedPass composed_pass(bool transposed, const Draw& draw) const;
  [[nodiscard]] Reading read(double age_s, std::uint64_t reading) const;
  [[nodiscard]] Reading read_composed(double age_s, std::uint64_t reading) const;
  /// Rows of A that the converters' ranges are set by, and the full scale of each: calibration
  /// samples where there are some, else random vectors.
  struct RangingInputs {
    Matrix<double> vectors;
    std::vector<double> full_scales;
    double share = 1;  ///< of readings inside
  };
  [[nodiscard]] RangingInputs ranging_inputs() const;
  void measure_ranges();
  /// One row of tiles behind its lines: rows x (column, lane), or what stays gated in `gated`.
  template <class U>
  void solve_wires(const CellClock& clock, std::int64_t tile, Matrix<U>& effective) const;
  [[nodiscard]] std::vector<Matrix<double>> gated_columns(const CellClock& clock) const;
  [[nodiscard]] analog::Adc converter(std::int64_t inputs, int slice) const;
  void take_reference();
  void add_device_lints(std::vector<std::string>& lints) const;

  // Calibration (calibration.cpp).
  Activity read_reference();
  Activity follow_drift(std::uint64_t reading);
  Activity trim_columns(std::uint64_t reading);
  Activity find_range(std::uint64_t reading);
  Activity fit_states(std::uint64_t reading);
  Activity fit_slices(std::uint64_t reading);
  Activity reprogram();
  void forget_corrections();
  /// Known random vectors and what the machine makes of them.
  struct Probe {
    Matrix<double> x;
    Matrix<double> y;
    Saturation seen;
    Activity cost;
  };
  Probe probe(std::int64_t vectors, std::uint64_t reading);
  void set_trims(const Matrix<double>& factor);
  void converters_changed();
  template <class T>
  void take_offsets(MatrixView<T> c) const;

  template <class U>
  Packed<U>& packed(bool transposed);
  /// What the columns see at an age: k x (column, lane), lines included where they are linear.
  template <class U>
  [[nodiscard]] Matrix<U> effective_matrix(const CellClock& clock) const;
  /// Variances of the per-product noise, laid out alike; empty without.
  template <class U>
  [[nodiscard]] Matrix<U> variance_matrix(const CellClock& clock) const;
  template <class U>
  const Packed<U>& effective(bool transposed);
  /// Nothing where products go a way that wants all rows at once.
  std::optional<Saturation> multiply_rows(const DrivenSide& a, const MatrixRef& c,
                                          const Draw& draw);
  template <class T, class U>
  Saturation multiply_as(bool transposed, const Draw& draw, const ConstMatrixRef& a,
                         const MatrixRef& c);

  std::shared_ptr<Machine> machine_;
  std::uint64_t scope_;
  std::optional<Config> ranged_;
  std::shared_ptr<const ProductSamples> samples_;
  bool resident_ = false;
  std::int64_t tiles_ = 0;
  Matrix<double> weights_;  // B as given
  OperandMoments moments_;
  CellArray cells_;
  FaultMap faults_;
  std::uint64_t event_ = 0;  // programming that the cells hold
  bool programmed_ = false;
  double programmed_at_s_ = 0;  // device age at that programming
  Activity setup_;
  // Converter errors per direction, trims included: input tile x (output, slice).
  Matrix<float> gain_[2];
  Matrix<float> offset_[2];
  std::vector<AdcRange> ranges_;   // per slice, where they are calibrated
  Packed<float> packed_float_[2];  // per direction
  Packed<double> packed_double_[2];
  Workspace workspace_;
  Reading reference_;
  double factor_ = 1;
  std::vector<double> slice_factors_;  // besides, of each slice's codes; or empty
  double watched_ = 0;                 // mean reading right after the last calibration; 0: none
  bool at_start_ = false;              // the clock shows the time of programming
  Matrix<double> start_trims_;         // found at programming, per input tile and output; or empty
  Matrix<double> trims_;               // in use: factors of the converters' gains; empty: 1
  std::vector<double> offsets_;  // subtracted digitally, units of C per full-scale input; or empty
  double range_ = 1;             // of the converters, relative to the device file's
};

}  // namespace jb::crossbar
