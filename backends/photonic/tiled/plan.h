#pragma once
// Machines of tiles behind the interface: what a device and its plans share, and the plans.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/core/gemm.h"
#include "backends/photonic/tiled/accounting.h"
#include "backends/photonic/tiled/inputs.h"
#include "backends/photonic/tiled/parameters.h"
#include "backends/photonic/tiled/weights.h"

namespace jb::photonic {

class TiledPlan;

struct TiledMachine {
  TiledMachine(const DeviceSpec& spec, const TiledParameters& p, const DeviceInstance& which);

  DeviceSpec spec;
  TiledParameters parameters;
  TiledAccounting accounting;
  DeviceInstance instance;
  Matrix<double> gains;  ///< of activation modulators
  Epoch epoch;
  std::uint64_t locks = 0;
  std::int64_t cores_in_use = 0;  ///< by resident plans
  std::vector<TiledPlan*> plans;  ///< alive, in order of creation

  /// Whether a stationary operand of that many tiles finds cores free.
  [[nodiscard]] bool fits(std::int64_t tiles) const noexcept {
    return tiles <= parameters.cores - cores_in_use;
  }
  /// Weights change with the since-calibration clock.
  [[nodiscard]] bool drifts() const noexcept;
  /// True when nothing stands between A B and C.
  [[nodiscard]] bool exact() const noexcept;
};

class TiledPlan final : public Plan {
 public:
  TiledPlan(std::shared_ptr<TiledMachine> machine, const ConstMatrixRef& b, OperandMode mode,
            const PlanOptions& options);
  ~TiledPlan() override;
  TiledPlan(const TiledPlan&) = delete;
  TiledPlan& operator=(const TiledPlan&) = delete;

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return resident_; }
  [[nodiscard]] std::string implementation() const override;
  [[nodiscard]] std::optional<double> converter_range() const override;
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& draw,
                    Direction direction) override;
  Activity update(const ConstMatrixRef& delta) override;

  /// The machine's clock moved, or it was locked: weights are realised anew when next used.
  void forget();

 private:
  /// B as one direction uses it.
  struct Side {
    RealisedWeights weights;
    Matrix<double> squares;          ///< slot tiles x n: sum of w^2, in B's unit
    std::vector<double> column_sum;  ///< n: sum of the target weights (offset inputs)
    double adc_full_scale = 1;       ///< in B's unit
    bool as_f32 = false;
    std::vector<PackedMatrix<float>> packed_f32;  ///< per slot tile, in one of the two types
    std::vector<PackedMatrix<double>> packed_f64;
  };
  [[nodiscard]] const Side& side(bool transposed, bool host_f32);
  [[nodiscard]] Side make_side(bool transposed, bool host_f32) const;
  [[nodiscard]] LockState lock_state(double adc_full_scale) const;
  template <class T>
  std::int64_t run(const ConstMatrixRef& a, const MatrixRef& c, const RowScales& scales,
                   const Draw& draw, bool transposed, const Side& side,
                   std::vector<double>* readings) const;
  /// How a matrix of activations is sent.
  [[nodiscard]] RowScales scales_of(const ConstMatrixRef& a, bool transposed) const;
  /// Sets the ADCs' range by what they would read of calibration samples.
  void set_adc_range(const ProductSamples& samples);
  void add_lints(double clipped_share, const RowScales& scales, Execution& result) const;
  void take_moments();

  std::shared_ptr<TiledMachine> machine_;
  Matrix<double> b_;
  OperandMoments b_moments_;
  PlanOptions options_;
  bool resident_ = false;
  std::int64_t first_core_ = 0;
  std::int64_t cores_ = 0;  ///< held by this plan
  Activity setup_;
  double adc_range_ = 1;  ///< of the ADCs in products with B, relative to the device file's
  std::optional<Side> sides_[2][2];  ///< [transposed][host f32]
};

}  // namespace jb::photonic
