#pragma once
// Sliding windows of convolutions and poolings in one to many spatial dimensions: where they start
// and how many there are, by the rules of ONNX (auto_pad, ceil_mode, transposed convolution).

#include <cstdint>
#include <vector>

#include "backends/core/inference/node_inputs.h"

namespace jb::inference {

/// One spatial dimension. Position o, tap r reads input o stride - pad_begin + r dilation.
struct Window {
  std::int64_t input = 1;
  std::int64_t output = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pad_begin = 0;
  std::int64_t pad_end = 0;

  /// Elements from the first tap to the last.
  [[nodiscard]] std::int64_t reach() const noexcept { return dilation * (kernel - 1) + 1; }
};

using Windows = std::vector<Window>;

/// The windows of a conv, or a pooling, over the sizes of input 0 (N C spatial). For pooling the
/// kernel is the attribute's; for conv that of W, which the attribute must agree with.
Windows conv_windows(const NodeInputs& in);
Windows pool_windows(const NodeInputs& in);
/// Transposed: `input` is the small side (X), `output` the large one (Y); element o of X adds into
/// o stride - pad_begin + r dilation of Y.
Windows conv_transpose_windows(const NodeInputs& in);

/// Products of `input`, `output` and `kernel` over all dimensions.
std::int64_t input_positions(const Windows& windows) noexcept;
std::int64_t output_positions(const Windows& windows) noexcept;
std::int64_t kernel_positions(const Windows& windows) noexcept;

}  // namespace jb::inference
