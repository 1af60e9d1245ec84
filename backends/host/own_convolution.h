#pragma once
// A network's convolution on a machine that has its own (Device::plan_conv).

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/backend.h"
#include "backends/core/function_ref.h"

namespace jb::host {

class OwnConvolution {
 public:
  /// Null where the machine lowers convolutions to products, and for those that it has no plan of:
  /// other than two dimensions, or two that are not alike in stride, dilation and padding. The
  /// filters are constant.
  static std::unique_ptr<OwnConvolution> make(Device& device, const GraphView& graph,
                                              const NodeView& node, const PlanOptions& options);

  /// Of the plan that was made first.
  [[nodiscard]] const Activity& setup() const { return plans_.back().plan->setup(); }
  [[nodiscard]] bool resident() const { return plans_.back().plan->resident(); }
  [[nodiscard]] std::string implementation() const { return plans_.back().plan->implementation(); }

  /// X (N x C x H x W) to Y (N x K x P x Q). After each part: what it came to, its first image and
  /// the number of them.
  using Told = FunctionRef<void(Execution, std::int64_t, std::int64_t)>;
  void run(const Tensor& x, float* y, Told told);

 private:
  struct Planned {
    std::int64_t images = 0;
    std::unique_ptr<ConvPlan> plan;
  };
  OwnConvolution(Device& device, const ConvShape& shape, Constant filters, PlanOptions options)
      : device_(device), shape_(shape), filters_(std::move(filters)), options_(options) {}
  [[nodiscard]] std::int64_t images_at_a_time(std::int64_t images) const;
  [[nodiscard]] std::int64_t input_elements() const;
  [[nodiscard]] std::int64_t output_elements() const;
  ConvPlan* plan_for(std::int64_t images);

  Device& device_;
  ConvShape shape_;
  Constant filters_;
  PlanOptions options_;
  std::vector<Planned> plans_;  ///< for numbers of images, most recently used first
};

}  // namespace jb::host
