#pragma once
// Where operators that move data take their elements from: shared by inference and kernels.

#include <cstdint>
#include <vector>

#include "backends/core/inference/node_inputs.h"

namespace jb::inference {

/// Sizes of the result of broadcasting (numpy's rules); refused when they do not fit.
Dims broadcast(const NodeInputs& in, const Dims& a, const Dims& b);

/// One dimension of a slice: elements begin, begin + step, ...
struct SliceRange {
  std::int64_t begin = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};
/// A range for each dimension of input 0 of a slice.
std::vector<SliceRange> slice_ranges(const NodeInputs& in);

/// Elements added before and after (removed where negative), for each dimension of input 0.
struct PadAmount {
  std::int64_t before = 0;
  std::int64_t after = 0;
};
std::vector<PadAmount> pad_amounts(const NodeInputs& in);

/// Dimension i of the result is dimension perm[i] of input 0.
std::vector<std::int64_t> permutation(const NodeInputs& in);

/// Which dimensions a reduction runs over.
std::vector<bool> reduced_dimensions(const NodeInputs& in);

/// Sizes of the parts of a split along its axis.
std::vector<std::int64_t> split_sizes(const NodeInputs& in);

}  // namespace jb::inference
