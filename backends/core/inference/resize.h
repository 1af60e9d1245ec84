#pragma once
// Resize: which input positions an output position is made from. Attributes stand in
// NamedAttributes under their ONNX names (integers `axes` once per axis).

#include <cstdint>
#include <vector>

#include "backends/core/inference/node_inputs.h"

namespace jb::inference {

/// One dimension of a resize: `output` positions over `input` elements.
struct ResizeAxis {
  std::int64_t input = 1;
  std::int64_t output = 1;
  double scale = 1;      ///< as given, or output / input
  double roi_begin = 0;  ///< tf_crop_and_resize: the part of the input that is resized
  double roi_end = 1;
  bool resized = true;  ///< false: dimension is passed on
};

/// For each dimension of input 0; refuses modes that are not supported.
std::vector<ResizeAxis> resize_axes(const NodeInputs& in);

/// Weighted input positions of one output position. `outside`: the extrapolation value stands
/// there.
struct ResizeTaps {
  std::vector<std::int64_t> index;
  std::vector<double> weight;
  bool outside = false;
};
ResizeTaps resize_taps(const NodeInputs& in, const ResizeAxis& axis, std::int64_t position);

}  // namespace jb::inference
