#pragma once
// One stationary operand on a homodyne array. B is modulated anew in every product, so nothing is
// programmed: setup is empty, and `resident` only says that no product pays more than that
// modulation.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/core/stored_operand.h"
#include "backends/photonic/accounting.h"
#include "backends/photonic/fields.h"
#include "backends/photonic/lanes.h"
#include "backends/photonic/parameters.h"
#include "backends/photonic/readout.h"

namespace jb::photonic {

/// What all plans of a device share.
struct HomodyneMachine {
  HomodyneMachine(const DeviceSpec& spec, const HomodyneParameters& p, const DeviceInstance& which)
      : parameters(p),
        accounting(spec, p),
        lanes(std::make_shared<Lanes>(p, which)),
        instance(which),
        theory_bound(spec.theory_bound()) {}
  /// The same lanes with other converters: a layer of a network.
  HomodyneMachine(const HomodyneMachine& base, const HomodyneParameters& p)
      : HomodyneMachine(base) {
    parameters = p;
  }
  HomodyneParameters parameters;
  Accounting accounting;
  std::shared_ptr<Lanes> lanes;
  DeviceInstance instance;
  bool theory_bound = false;
  /// Lanes that the largest product planned so far uses; at most those of a bounded array.
  std::int64_t rows_in_use = 1;
  std::int64_t cols_in_use = 1;

  /// True when nothing stands between A B and C: no noise, no converter, no clipping, no error.
  [[nodiscard]] bool exact() const noexcept;
  /// Notes that a product of these sizes is planned.
  void use_lanes(std::int64_t rows, std::int64_t cols) noexcept;
};

class HomodynePlan final : public Plan {
 public:
  HomodynePlan(std::shared_ptr<const HomodyneMachine> machine, const ConstMatrixRef& b,
               OperandMode mode, const PlanOptions& options);

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return mode_ == OperandMode::stationary; }
  [[nodiscard]] std::string implementation() const override;
  [[nodiscard]] std::optional<double> converter_range() const override;
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                    Direction direction) override;
  std::optional<Execution> execute_rows(const RowSource<float>& a, const MatrixRef& c,
                                        const Draw& draw) override;
  Activity update(const ConstMatrixRef& delta) override;
  /// The electrons that detectors read (after the ADC, where there is one) instead of the product;
  /// `value_per_electron` of each row makes it one. Counts nothing.
  Execution detect(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                   std::vector<double>& value_per_electron);

 private:
  /// B as one direction uses it, made on first use.
  struct Side {
    Pieces pieces;
    FieldType type = FieldType::f32;
    LaneCoupling lanes;
    WeightFields weights;
    std::vector<ColumnLight> columns;  ///< per piece
    std::uint64_t lanes_version = 0;   ///< of the phases in `columns`
  };
  /// Where to put what the detectors read, before it becomes values.
  struct Raw {
    std::vector<double>* value_per_electron = nullptr;  ///< of each row; C is given electrons
    std::vector<double>* readings = nullptr;            ///< all of them, without an ADC
  };
  /// |A| at the DACs' full scale, from calibration data; 0: none was measured.
  [[nodiscard]] double input_range() const;
  /// Slots that are computed as one piece of an inner dimension k.
  [[nodiscard]] std::int64_t readout_length(std::int64_t k) const;
  [[nodiscard]] const Side& side(bool transposed, bool host_f32);
  [[nodiscard]] Side make_side(bool transposed, FieldType type) const;
  [[nodiscard]] ColumnLight column_light(const Side& side, std::int64_t n,
                                         std::int64_t piece) const;
  void set_phases(Side& side, std::int64_t n) const;
  [[nodiscard]] OperandMoments at_full_scale(OperandMoments a, bool transposed) const;
  void count(const GemmShape& shape, bool transposed, Execution& result) const;
  /// The readouts of a product; returns how many were clipped. Statistics of a source are found on
  /// the way.
  template <class T>
  std::int64_t run(const DrivenSide& a, const MatrixRef& c, const Draw& draw, bool transposed,
                   const Side& side, const Raw& raw, Execution& result);
  /// Readouts of every row, as values or as `raw` asks; adds lints.
  void read_all(const DrivenSide& a, const MatrixRef& c, const Draw& draw, bool transposed,
                const Side& use, const Raw& raw, Execution& result);
  /// `adc_range`: of the ADCs relative to the device file's; 0: no ADCs.
  [[nodiscard]] ReadoutSettings settings_for(const Pieces& pieces, std::int64_t piece,
                                             double adc_range) const;
  /// Sets the ADCs' range by what they would read of calibration samples.
  void set_adc_range(const ProductSamples& samples);
  /// Appends what a reader of the result must know.
  void add_lints(double clipped_share, Execution& result) const;
  void take_moments();

  std::shared_ptr<const HomodyneMachine> machine_;
  StoredOperand b_;
  OperandMoments b_moments_;
  OperandMode mode_;
  PlanOptions options_;
  Activity setup_;
  double adc_range_ = 1;  ///< of the ADCs in products with B, relative to the device file's
  std::optional<Side> sides_[2][kFieldTypes];  ///< [transposed][type]
};

}  // namespace jb::photonic
