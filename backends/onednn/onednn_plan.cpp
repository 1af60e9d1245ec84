#include "backends/onednn/onednn_plan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backends/core/threads.h"
#include "backends/onednn/packed_matmul.h"
#include "backends/plan_checks.h"

namespace jb::onednn {
namespace {

template <class T>
bool is_contiguous(const T& x) {
  return (x.col_stride == 1 || x.cols <= 1) && (x.row_stride == x.cols || x.rows <= 1);
}

constexpr std::int64_t kCopyRows = 64;  // rows that one thread copies at a time

// Row-major f32 copy of `a` in `scratch`, which only grows.
const float* gather(const ConstMatrixRef& a, std::vector<float>& scratch) {
  const auto size = static_cast<std::size_t>(a.rows * a.cols);
  if (scratch.size() < size) scratch.resize(size);
  const auto copy = [&](auto view) {
    parallel_for(a.rows, kCopyRows, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        float* row = scratch.data() + i * a.cols;
        for (std::int64_t j = 0; j < a.cols; ++j) row[j] = static_cast<float>(view(i, j));
      }
    });
  };
  if (a.type == ElementType::f64) {
    copy(a.as<double>());
  } else {
    copy(a.as<float>());
  }
  return scratch.data();
}

class OnednnPlan final : public Plan {
 public:
  OnednnPlan(std::shared_ptr<const CpuModel> model, const GemmShape& shape, const ConstMatrixRef& b,
             OperandMode mode)
      : model_(std::move(model)),
        k_(shape.k),
        n_(shape.n),
        expected_rows_(std::max<std::int64_t>(1, shape.m)),
        mode_(mode) {
    if (mode == OperandMode::stationary) setup_ = model_->pack(shape);
    if (is_empty()) return;
    const Matrix<float> copy = b.type == ElementType::f32 ? Matrix<float>() : copy_as<float>(b);
    forward_ = std::make_unique<PackedMatmul>(
        b.type == ElementType::f32 ? b.as<float>() : copy.view(), expected_rows_);
    implementation_ = forward_->implementation(expected_rows_);
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
    result.activity = model_->execute(shape, mode_);
    if (shape.m == 0 || shape.n == 0) return result;
    if (shape.k == 0) {
      clear(c);
      return result;
    }
    PackedMatmul& matmul = transposed ? backward() : *forward_;
    const bool direct_c = c.type == ElementType::f32 && is_contiguous(c);
    const bool direct_a = a.type == ElementType::f32 && is_contiguous(a);
    const float* source = direct_a ? static_cast<const float*>(a.data) : gather(a, a_scratch_);
    if (direct_c) {
      matmul.execute(source, static_cast<float*>(c.data), shape.m);
    } else {
      const auto size = static_cast<std::size_t>(shape.m * shape.n);
      if (c_scratch_.size() < size) c_scratch_.resize(size);
      matmul.execute(source, c_scratch_.data(), shape.m);
      copy_into(MatrixView<const float>{c_scratch_.data(), shape.m, shape.n, shape.n, 1}, c);
    }
    implementation_ = matmul.implementation(shape.m);
    if (implementation_.find("ref") != std::string::npos) {
      result.lints.push_back("slow-implementation: oneDNN ran its reference code (" +
                             implementation_ + ")");
    }
    return result;
  }

  Activity update(const ConstMatrixRef& delta) override {
    check_delta(k_, n_, delta);
    if (is_empty()) return {};
    Matrix<float> b = forward_->unpack();
    const Matrix<float> change = copy_as<float>(delta);
    for (std::int64_t i = 0; i < k_; ++i) {
      for (std::int64_t j = 0; j < n_; ++j) b(i, j) += change(i, j);
    }
    forward_ = std::make_unique<PackedMatmul>(std::as_const(b).view(), expected_rows_);
    backward_.reset();
    return model_->update(k_, n_);
  }

 private:
  [[nodiscard]] bool is_empty() const noexcept { return k_ == 0 || n_ == 0; }

  // The transposed operand is packed on its first use.
  PackedMatmul& backward() {
    if (!backward_) {
      const Matrix<float> b = forward_->unpack();
      backward_ = std::make_unique<PackedMatmul>(b.view().transposed(), expected_rows_);
    }
    return *backward_;
  }

  static void clear(const MatrixRef& c) {
    const Matrix<float> zeros(c.rows, c.cols);
    copy_into(zeros.view(), c);
  }

  std::shared_ptr<const CpuModel> model_;
  std::int64_t k_;
  std::int64_t n_;
  std::int64_t expected_rows_;
  OperandMode mode_;
  Activity setup_;
  std::unique_ptr<PackedMatmul> forward_;
  std::unique_ptr<PackedMatmul> backward_;
  std::string implementation_ = "none";
  std::vector<float> a_scratch_;
  std::vector<float> c_scratch_;
};

}  // namespace

Support available() {
  static const std::string reason = why_unusable();
  return reason.empty() ? Support::yes() : Support::no(reason);
}

std::string version() { return library_version(); }

std::unique_ptr<Plan> make_plan(std::shared_ptr<const CpuModel> model, const GemmShape& shape,
                                const ConstMatrixRef& b, OperandMode mode) {
  check_plan_operand(shape, b);
  return std::make_unique<OnednnPlan>(std::move(model), shape, b, mode);
}

}  // namespace jb::onednn
