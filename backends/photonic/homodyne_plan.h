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
#include "backends/photonic/accounting.h"
#include "backends/photonic/fields.h"
#include "backends/photonic/parameters.h"
#include "backends/photonic/readout.h"

namespace jb::photonic {

/// What all plans of a device share.
struct HomodyneMachine {
  HomodyneMachine(const DeviceSpec& spec, const HomodyneParameters& p, const DeviceInstance& which)
      : parameters(p), accounting(spec, p), instance(which), theory_bound(spec.theory_bound()) {}
  HomodyneParameters parameters;
  Accounting accounting;
  DeviceInstance instance;
  bool theory_bound = false;
  Epoch epoch;

  /// True when nothing stands between A B and C: no noise, no converter, no clipping, no error.
  [[nodiscard]] bool exact() const noexcept;
};

class HomodynePlan final : public Plan {
 public:
  HomodynePlan(std::shared_ptr<const HomodyneMachine> machine, const ConstMatrixRef& b,
               OperandMode mode, const PlanOptions& options);

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return mode_ == OperandMode::stationary; }
  [[nodiscard]] std::string implementation() const override;
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                    Direction direction) override;
  Activity update(const ConstMatrixRef& delta) override;

 private:
  /// B as one direction uses it, made on first use.
  struct Side {
    Pieces pieces;
    bool as_f32 = false;
    WeightFields weights;
    std::vector<ColumnLight> columns;  ///< per piece
  };
  /// Slots that are computed as one piece of an inner dimension k.
  [[nodiscard]] std::int64_t readout_length(std::int64_t k) const;
  [[nodiscard]] const Side& side(bool transposed, bool host_f32);
  [[nodiscard]] Side make_side(bool transposed, bool as_f32) const;
  /// The readouts of a product; returns how many were clipped.
  template <class T>
  std::int64_t run(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw, bool transposed,
                   const Side& side, const OperandMoments& moments);
  [[nodiscard]] ReadoutSettings settings_for(const Pieces& pieces, std::int64_t piece) const;
  /// Appends what a reader of the result must know.
  void add_lints(double clipped_share, Execution& result) const;
  void take_moments();

  std::shared_ptr<const HomodyneMachine> machine_;
  Matrix<double> b_;
  OperandMoments b_moments_;
  OperandMode mode_;
  PlanOptions options_;
  Activity setup_;
  std::optional<Side> sides_[2][2];  ///< [transposed][f32]
};

}  // namespace jb::photonic
