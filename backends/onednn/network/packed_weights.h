#pragma once
// Weights and biases of convolutions and products as oneDNN takes them: in its layouts, with batch
// normalisation folded in.

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/onednn/network/program.h"

namespace jb::onednn {

class PackedConv {
 public:
  PackedConv(NetworkMemory& memory, const GraphView& graph, const NodeGroup& group);

  /// Sizes of the weights, the groups outermost where there are several.
  [[nodiscard]] const Dims& dims() const noexcept { return dims_; }
  [[nodiscard]] std::int64_t filters() const noexcept { return filters_; }
  [[nodiscard]] bool has_bias() const noexcept { return bias_ != kAbsent || norm_ != nullptr; }
  [[nodiscard]] std::shared_ptr<const HeldOperand> weights(const dnnl::memory::desc& layout) const;
  [[nodiscard]] std::shared_ptr<const HeldOperand> bias() const;

 private:
  NetworkMemory& memory_;
  int node_ = 0;
  int weights_ = kAbsent, bias_ = kAbsent;
  const NodeView* norm_ = nullptr;  ///< batch normalisation after the convolution
  std::int64_t filters_ = 0;
  Dims dims_;
};

class PackedProduct {
 public:
  PackedProduct(NetworkMemory& memory, const GraphView& graph, const NodeGroup& group);

  [[nodiscard]] std::int64_t k() const noexcept { return k_; }
  [[nodiscard]] std::int64_t n() const noexcept { return n_; }
  [[nodiscard]] bool has_bias() const noexcept { return bias_ != kAbsent; }
  [[nodiscard]] std::shared_ptr<const HeldOperand> weights(const dnnl::memory::desc& layout) const;
  [[nodiscard]] std::shared_ptr<const HeldOperand> bias() const;

 private:
  NetworkMemory& memory_;
  int node_ = 0;
  int weights_ = kAbsent, bias_ = kAbsent;
  bool transposed_ = false;
  std::int64_t k_ = 0, n_ = 0;
};

}  // namespace jb::onednn
