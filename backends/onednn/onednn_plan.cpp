#include "backends/onednn/onednn_plan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backends/core/threads.h"
#include "backends/onednn/instruction_set.h"
#include "backends/onednn/multiplier.h"
#include "backends/onednn/packed_product.h"
#include "backends/plan_checks.h"

namespace jb::onednn {
namespace {

class OnednnPlan final : public Plan {
 public:
  OnednnPlan(std::shared_ptr<const CpuModel> model, ProductSettings settings,
             const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
             const PlanOptions& options)
      : model_(std::move(model)),
        settings_(std::move(settings)),
        k_(shape.k),
        n_(shape.n),
        expected_rows_(std::max<std::int64_t>(1, shape.m)),
        mode_(mode),
        input_range_(options.input_range) {
    if (mode == OperandMode::stationary) setup_ = model_->pack(shape);
    if (is_empty()) return;
    const Matrix<float> copy = b.type == ElementType::f32 ? Matrix<float>() : copy_as<float>(b);
    const MatrixView<const float> values = b.type == ElementType::f32 ? b.as<float>() : copy.view();
    forward_ = make_multiplier(settings_, values, expected_rows_, input_range_);
    implementation_ = forward_->implementation(expected_rows_);
    if (!forward_->can_unpack()) stored_ = copy_as<float>(b);
  }

  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return mode_ == OperandMode::stationary; }
  [[nodiscard]] std::string implementation() const override { return implementation_; }

  // Counts do not depend on values here, so operand statistics keep their defaults: measuring them
  // would be in the time of a machine that is timed.
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw& /*draw*/,
                    Direction direction) override {
    const bool transposed = direction == Direction::transposed;
    const GemmShape shape = check_execute_operands(k_, n_, transposed, a, c);
    Execution result;
    result.statistics_known = false;
    result.activity = model_->execute(shape, mode_);
    if (shape.m == 0 || shape.n == 0) return result;
    if (shape.k == 0) {
      const Matrix<float> zeros(c.rows, c.cols);
      copy_into(zeros.view(), c);
      return result;
    }
    Multiplier& multiplier = transposed ? backward() : *forward_;
    multiplier.execute(a, c, result.lints);
    implementation_ = multiplier.implementation(shape.m);
    if (std::string lint = slow_lint(implementation_); !lint.empty()) {
      result.lints.push_back(std::move(lint));
    }
    return result;
  }

  Activity update(const ConstMatrixRef& delta) override {
    check_delta(k_, n_, delta);
    if (is_empty()) return {};
    Matrix<float> b = stored();
    const Matrix<float> change = copy_as<float>(delta);
    for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] += change.data()[i];
    forward_ = make_multiplier(settings_, std::as_const(b).view(), expected_rows_, input_range_);
    backward_.reset();
    if (!forward_->can_unpack()) stored_ = std::move(b);
    return model_->update(k_, n_);
  }

 private:
  [[nodiscard]] bool is_empty() const noexcept { return k_ == 0 || n_ == 0; }

  // B as given: what is packed in f32 tells it, what is packed in fewer bits does not.
  [[nodiscard]] Matrix<float> stored() const {
    return forward_->can_unpack() ? forward_->unpack() : stored_;
  }

  // The transposed operand is packed on its first use. A range of inputs was measured on what is
  // multiplied by B, not by its transpose.
  Multiplier& backward() {
    if (!backward_) {
      const Matrix<float> b = stored();
      backward_ = make_multiplier(settings_, b.view().transposed(), expected_rows_, std::nullopt);
    }
    return *backward_;
  }

  std::shared_ptr<const CpuModel> model_;
  ProductSettings settings_;
  std::int64_t k_;
  std::int64_t n_;
  std::int64_t expected_rows_;
  OperandMode mode_;
  std::optional<InputSpan> input_range_;
  Activity setup_;
  Matrix<float> stored_;
  std::unique_ptr<Multiplier> forward_;
  std::unique_ptr<Multiplier> backward_;
  std::string implementation_ = "none";
};

}  // namespace

Support available() {
  static const std::string reason = why_unusable();
  return reason.empty() ? Support::yes() : Support::no(reason);
}

std::string version() { return library_version(); }

bool has_f16() { return kHasF16; }

std::string slow_lint(const std::string& implementation) {
  if (implementation.find("ref") == std::string::npos) return {};
  return "slow-implementation: oneDNN ran its reference code (" + implementation + ")";
}

std::unique_ptr<Plan> make_plan(std::shared_ptr<const CpuModel> model,
                                const ProductSettings& settings, const GemmShape& shape,
                                const ConstMatrixRef& b, OperandMode mode,
                                const PlanOptions& options) {
  check_plan_operand(shape, b);
  choose_isa(settings.isa);
  return std::make_unique<OnednnPlan>(std::move(model), settings, shape, b, mode, options);
}

}  // namespace jb::onednn
