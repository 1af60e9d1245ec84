#include "backends/cublas/cublas_plan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backends/core/threads.h"
#include "backends/cublas/gpu_product.h"
#include "backends/cublas/gpu_timing.h"
#include "backends/plan_checks.h"
#include "backends/row_copy.h"

namespace jb::cublas {
namespace {

std::size_t float_bytes(std::int64_t rows, std::int64_t cols) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols) * sizeof(float);
}

class CublasPlan final : public Plan {
 public:
  CublasPlan(std::shared_ptr<const GpuModel> model, std::shared_ptr<Gpu> gpu,
             const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode)
      : model_(std::move(model)), gpu_(std::move(gpu)), k_(shape.k), n_(shape.n), mode_(mode) {
    if (mode == OperandMode::stationary) setup_ = model_->load(shape);
    if (k_ == 0 || n_ == 0) return;
    product_ = std::make_unique<GpuProduct>(gpu_, model_->precision(), copy_as<float>(b),
                                            std::make_shared<ProductScratch>());
    describe(std::max<std::int64_t>(1, shape.m), false);
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
    has_run_ = false;
    upload(a);
    c_.reserve(gpu_, float_bytes(shape.m, shape.n), "the result");
    product_->load(a_.floats(), shape.m, transposed);
    product_->multiply(c_.floats());
    download(c);
    describe(shape.m, transposed);
    has_run_ = true;
    return result;
  }

  std::optional<DeviceTimes> time_on_device(const DeviceTimingOptions& options) override {
    if (!has_run_) return std::nullopt;
    return time_by_events(
        gpu_, [&] { product_->multiply(c_.floats()); }, options);
  }

  Activity update(const ConstMatrixRef& delta) override {
    check_delta(k_, n_, delta);
    if (product_ == nullptr) return {};
    Matrix<float> b = product_->values();
    const Matrix<float> change = copy_as<float>(delta);
    for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] += change.data()[i];
    has_run_ = false;
    product_->replace(std::move(b));
    return model_->update(k_, n_);
  }

 private:
  void upload(const ConstMatrixRef& a) {
    const std::size_t bytes = float_bytes(a.rows, a.cols);
    a_.reserve(gpu_, bytes, "activations");
    const bool direct = a.type == ElementType::f32 && is_contiguous(a);
    const float* source = direct ? static_cast<const float*>(a.data) : gather_rows(a, host_a_);
    gpu_->upload(a_.data(), source, bytes);
  }

  void download(const MatrixRef& c) {
    const std::size_t bytes = float_bytes(c.rows, c.cols);
    if (c.type == ElementType::f32 && is_contiguous(c)) {
      gpu_->download(c.data, c_.data(), bytes);
      return;
    }
    if (host_c_.size() * sizeof(float) < bytes) host_c_.resize(bytes / sizeof(float));
    gpu_->download(host_c_.data(), c_.data(), bytes);
    copy_into(MatrixView<const float>{host_c_.data(), c.rows, c.cols, c.cols, 1}, c);
  }

  void describe(std::int64_t rows, bool transposed) {
    implementation_ = gpu_->properties().library + "/" + std::string(name_of(model_->precision())) +
                      "/" + product_->algorithm(rows, transposed);
  }

  std::shared_ptr<const GpuModel> model_;
  std::shared_ptr<Gpu> gpu_;
  std::int64_t k_;
  std::int64_t n_;
  OperandMode mode_;
  Activity setup_;
  std::unique_ptr<GpuProduct> product_;  // null for an empty operand
  DeviceBuffer a_;
  DeviceBuffer c_;
  bool has_run_ = false;  // a_ and c_ hold a product that can be repeated
  std::string implementation_ = "none";
  std::vector<float> host_a_;
  std::vector<float> host_c_;
};

}  // namespace

std::unique_ptr<Plan> make_plan(std::shared_ptr<const GpuModel> model, std::shared_ptr<Gpu> gpu,
                                const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode) {
  check_plan_operand(shape, b);
  return std::make_unique<CublasPlan>(std::move(model), std::move(gpu), shape, b, mode);
}

}  // namespace jb::cublas
