#pragma once
// Types and sizes by family of operators. Internal to shape_inference.cpp.

#include <vector>

#include "backends/core/inference/node_inputs.h"

namespace jb::inference {

using Outputs = std::vector<KnownValue>;

Outputs infer_linear(const NodeInputs& in);         // matmul .. gru
Outputs infer_elementwise(const NodeInputs& in);    // add .. cast
Outputs infer_normalization(const NodeInputs& in);  // softmax .. lrn
Outputs infer_pooling(const NodeInputs& in);        // max_pool .. global_max_pool
Outputs infer_reduction(const NodeInputs& in);      // reduce_mean .. top_k
Outputs infer_layout(const NodeInputs& in);         // identity .. slice, expand .. space_to_depth
Outputs infer_indexing(const NodeInputs& in);  // gather .. scatter_nd, shape_of .. embedding_bag

}  // namespace jb::inference
