#include "backends/systolic/systolic_plan.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "backends/core/gemm.h"
#include "backends/core/stored_operand.h"
#include "backends/plan_checks.h"
#include "backends/systolic/bf16_product.h"

namespace jb::systolic {
namespace {

// Above this share of saturated inputs a run carries the lint "saturated".
constexpr double kSaturationShare = 1e-3;

class SystolicPlan final : public Plan {
 public:
  SystolicPlan(std::shared_ptr<const SystolicModel> model, const GemmShape& shape,
               const ConstMatrixRef& b, OperandMode mode, const PlanOptions& options)
      : model_(std::move(model)),
        shape_(shape),
        mode_(mode),
        input_range_(options.input_range),
        b_(b),
        moments_(measure_operand(b)),
        setup_(model_->load(shape, mode)) {}

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return model_->weights_stay(shape_, mode_); }
  [[nodiscard]] std::string implementation() const override {
    static constexpr const char* kNames[] = {"ws", "os", "is"};
    const ElementType precision = model_->precision();
    return (precision == ElementType::f64 ? "float" : std::string(name_of(precision))) + "/" +
           kNames[static_cast<std::size_t>(model_->array().dataflow)];
  }

  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& /*draw*/,
                    Direction direction) override {
    const bool transposed = direction == Direction::transposed;
    const GemmShape shape = check_execute_operands(b_.rows(), b_.cols(), transposed, a, c);
    if (model_->precision() == ElementType::s8 && shape.k > kLargestS8Depth) {
      fail_usage("sums over k = {} may leave 32 bits; at most k = {} in s8", shape.k,
                 kLargestS8Depth);
    }
    Execution result;
    result.activity = model_->execute(shape, mode_);
    result.statistics = {measure_operand(a), moments_};
    if (model_->precision() == ElementType::bf16) {
      multiply_bf16(a, transposed ? backward_bf16() : forward_bf16(), model_->fold_depth(shape.k),
                    c);
    } else if (model_->precision() == ElementType::s8) {
      // The range was measured on what is multiplied by B, not by its transpose.
      const std::int64_t saturated =
          multiply_quantised(a, transposed ? backward_codes() : forward_codes(), c,
                             transposed ? std::nullopt : input_range_);
      const double share = static_cast<double>(saturated) /
                           std::max(1.0, static_cast<double>(a.rows) * static_cast<double>(a.cols));
      if (share > kSaturationShare) {
        result.lints.push_back(fmt::format(
            "saturated: {:.2g} % of inputs lie beyond the calibrated range", 100 * share));
      }
    } else {
      multiply_float(a, transposed ? backward_floats() : forward_floats(), c);
    }
    return result;
  }

  Activity update(const ConstMatrixRef& delta) override {
    check_delta(b_.rows(), b_.cols(), delta);
    b_.add(delta);
    moments_ = measure_operand(b_.view());
    forward_codes_.reset();
    backward_codes_.reset();
    forward_bf16_.reset();
    backward_bf16_.reset();
    forward_floats_.reset();
    backward_floats_.reset();
    return model_->update(shape_, mode_);
  }

 private:
  // The array holds codes of B for one direction of use; B^T has scales of its own, because a scale
  // must not change along the sum. Each is made on first use.
  const QuantisedWeights& forward_codes() {
    if (!forward_codes_)
      forward_codes_ = quantise_weights(b_.wide().view(), model_->weight_scale());
    return *forward_codes_;
  }
  const QuantisedWeights& backward_codes() {
    if (!backward_codes_) {
      backward_codes_ = quantise_weights(b_.wide().view().transposed(), model_->weight_scale());
    }
    return *backward_codes_;
  }
  const Matrix<float>& forward_bf16() {
    if (!forward_bf16_) forward_bf16_ = rounded_to_bf16(b_.wide().view());
    return *forward_bf16_;
  }
  const Matrix<float>& backward_bf16() {
    if (!backward_bf16_) backward_bf16_ = rounded_to_bf16(b_.wide().view().transposed());
    return *backward_bf16_;
  }
  const PackedMatrix<double>& forward_floats() {
    if (!forward_floats_) forward_floats_.emplace(b_.wide().view());
    return *forward_floats_;
  }
  const PackedMatrix<double>& backward_floats() {
    if (!backward_floats_) backward_floats_.emplace(b_.wide().view().transposed());
    return *backward_floats_;
  }

  // f32 operands are multiplied in float64 too: the idealised array rounds the result alone.
  static void multiply_float(const ConstMatrixRef& a, const PackedMatrix<double>& b,
                             const MatrixRef& c) {
    if (a.type == ElementType::f64) {
      gemm<double>(a.as<double>(), b, c.as<double>());
      return;
    }
    const Matrix<double> left = copy_as<double>(a);
    Matrix<double> product(c.rows, c.cols);
    gemm<double>(left.view(), b, product.view());
    copy_into(std::as_const(product).view(), c);
  }

  std::shared_ptr<const SystolicModel> model_;
  GemmShape shape_;
  OperandMode mode_;
  std::optional<InputSpan> input_range_;  // of A in the forward direction
  StoredOperand b_;
  OperandMoments moments_;
  Activity setup_;
  std::optional<QuantisedWeights> forward_codes_;
  std::optional<QuantisedWeights> backward_codes_;
  std::optional<Matrix<float>> forward_bf16_;
  std::optional<Matrix<float>> backward_bf16_;
  std::optional<PackedMatrix<double>> forward_floats_;
  std::optional<PackedMatrix<double>> backward_floats_;
};

}  // namespace

std::unique_ptr<Plan> make_plan(std::shared_ptr<const SystolicModel> model, const GemmShape& shape,
                                const ConstMatrixRef& b, OperandMode mode,
                                const PlanOptions& options) {
  check_plan_operand(shape, b);
  return std::make_unique<SystolicPlan>(std::move(model), shape, b, mode, options);
}

}  // namespace jb::systolic
